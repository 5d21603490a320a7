//! Handles each GitHub event with its own payload type and handler. Run with
//! `GITHUB_WEBHOOK_SECRET=… cargo run -p example-events`, and have GitHub post to `/github`.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use countersign_axum::{
    Delivery, Events, Stack, Webhook,
    countersign::{Verifier, providers},
    countersign_tower::StackError,
};
use serde::Deserialize;
use tokio::net::TcpListener;

// GitHub does not sign the name of the event. These payloads have fields that no other event has, so that a payload
// under a wrong name is refused.

#[derive(Deserialize)]
struct Push {
    r#ref: String,
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct Issues {
    action: String,
    issue: Issue,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
}

type Commits = Arc<AtomicU64>;

async fn on_push(State(commits): State<Commits>, Webhook(push): Webhook<Push>) -> String {
    let count = push.commits.len() as u64;
    let total = commits.fetch_add(count, Ordering::Relaxed) + count;
    let head = push.commits.last().map_or("nothing", |commit| &commit.id);
    format!("{} is at {head}; {total} commits so far", push.r#ref)
}

async fn on_issues(Webhook(Issues { action, issue }): Webhook<Issues>) -> String {
    format!("#{} was {action}", issue.number)
}

/// Without a fallback, other events are answered 204, too, but not printed.
async fn on_other(delivery: Delivery) -> StatusCode {
    if let Some(event_type) = delivery.event_type() {
        println!("not handled: {event_type}");
    }
    StatusCode::NO_CONTENT
}

fn app(verifier: Verifier) -> Result<Router, StackError> {
    let events = Events::new().on("push", on_push).on("issues", on_issues).fallback(on_other);
    let stack = Stack::new("github", verifier)?;
    Ok(Router::new().route("/github", post(events)).layer(stack).with_state(Commits::default()))
}

fn verifier() -> Result<Verifier, Box<dyn Error>> {
    Ok(Verifier::new(providers::GITHUB, env::var("GITHUB_WEBHOOK_SECRET")?)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let verifier = verifier().map_err(|error| format!("GITHUB_WEBHOOK_SECRET: {error}"))?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}/github", listener.local_addr()?);
    axum::serve(listener, app(verifier)?).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::body::{Body, to_bytes};
    use countersign_axum::countersign::Signer;
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    const PUSH: &str = r#"{"ref": "refs/heads/main", "commits": [{"id": "6dcb09b"}, {"id": "7fd1a60"}]}"#;
    const NEXT_PUSH: &str = r#"{"ref": "refs/heads/main", "commits": [{"id": "8ae2b71"}]}"#;
    const ISSUES: &str = r#"{"action": "opened", "issue": {"number": 7}}"#;

    fn github() -> Router {
        app(Verifier::new(providers::GITHUB, "a-long-random-secret").unwrap()).unwrap()
    }

    async fn deliver(app: &Router, event_type: &str, payload: &'static str) -> (StatusCode, String) {
        let request = Request::post("/github").header("Content-Type", "application/json");
        let request = request.header("X-GitHub-Event", event_type).body(payload).unwrap();
        let signer = Signer::new(providers::GITHUB, "a-long-random-secret").unwrap();
        let signed = signer.sign(request, SystemTime::now()).unwrap();
        let response = app.clone().oneshot(signed.map(Body::from)).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn each_event_goes_to_its_handler() {
        let app = github();
        let (status, answer) = deliver(&app, "push", PUSH).await;
        assert_eq!((status.as_u16(), answer.as_str()), (200, "refs/heads/main is at 7fd1a60; 2 commits so far"));
        let (_, answer) = deliver(&app, "push", NEXT_PUSH).await;
        assert_eq!(answer, "refs/heads/main is at 8ae2b71; 3 commits so far");
        let (status, answer) = deliver(&app, "push", PUSH).await;
        assert_eq!((status.as_u16(), answer.as_str()), (200, ""), "it was handled");
        let (status, answer) = deliver(&app, "issues", ISSUES).await;
        assert_eq!((status.as_u16(), answer.as_str()), (200, "#7 was opened"));
    }

    #[tokio::test]
    async fn other_events_are_acknowledged() {
        assert_eq!(deliver(&github(), "ping", r#"{"zen": "Keep it logically awesome."}"#).await.0, 204);
    }

    #[tokio::test]
    async fn an_event_under_another_name_is_refused() {
        assert_eq!(deliver(&github(), "push", ISSUES).await.0, 422);
        assert_eq!(deliver(&github(), "issues", PUSH).await.0, 422);
    }

    #[tokio::test]
    async fn what_is_not_signed_never_reaches_a_handler() {
        let unsigned = Request::post("/github").header("X-GitHub-Event", "push").body(Body::from(PUSH)).unwrap();
        assert_eq!(github().oneshot(unsigned).await.unwrap().status(), 400);
    }
}

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Extension, Router, body::Body, extract::State, routing::post};
use countersign_axum::{
    Delivery, Events, Stack, VerifyLayer, Webhook,
    countersign::{Verifier, providers},
    countersign_tower::replay::NotHandled,
};
use http::{Request, StatusCode};
use serde::Deserialize;
use tower::ServiceExt;

use crate::{SECRET, deliver, github, path, text, to};

#[derive(Deserialize)]
struct Push {
    r#ref: String,
}

#[derive(Deserialize)]
struct Issue {
    action: String,
}

async fn on_push(Webhook(push): Webhook<Push>) -> String {
    push.r#ref
}

async fn on_issue(State(state): State<&'static str>, Webhook(issue): Webhook<Issue>) -> String {
    format!("{state} {}", issue.action)
}

fn app(events: Events<&'static str>) -> Router {
    Router::new().route("/", post(events)).layer(github()).with_state("state")
}

fn events() -> Events<&'static str> {
    Events::new().on("push", on_push).on("issues", on_issue)
}

fn of_type(event_type: &str) -> http::request::Builder {
    to("/", "application/json").header("X-GitHub-Event", event_type)
}

#[tokio::test]
async fn each_type_goes_to_its_handler_with_its_payload_and_the_state() {
    let app = app(events());
    assert_eq!(text(deliver(&app, of_type("push"), r#"{"ref": "main"}"#).await).await, "main");
    assert_eq!(text(deliver(&app, of_type("issues"), r#"{"action": "opened"}"#).await).await, "state opened");
}

#[tokio::test]
async fn a_type_without_a_handler_and_no_type_are_204() {
    let app = app(events());
    for request in [of_type("ping"), of_type("Push"), to("/", "application/json")] {
        assert_eq!(deliver(&app, request, r#"{"ref": "main"}"#).await.status(), 204);
    }
}

#[tokio::test]
async fn if_a_204_is_no_success_for_the_provider_its_acknowledgement_is_sent() {
    use countersign_axum::countersign::{Scheme, Signer, Verifier};
    for (answers, status, body) in [
        ("success = \"200\"", 200, ""),
        ("success = [\"202\", \"203\"]\nbody = \"received\"", 202, "received"),
        ("body = \"success\"", 200, "success"),
        ("success = \"2xx\"\nbody = \"\"", 204, ""),
    ] {
        let scheme = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{{body}}\"\n\
             [answers]\n{answers}\n"
        );
        let scheme = Scheme::from_toml("acme", &scheme).unwrap();
        let verifier = Verifier::new(&scheme, SECRET).unwrap();
        let app: Router = Router::new().route("/", post(Events::new())).layer(VerifyLayer::new(verifier));
        let signer = Signer::new(&scheme, SECRET).unwrap();
        let request = signer.sign(Request::post("/").body("{}").unwrap(), std::time::SystemTime::now()).unwrap();
        let response = app.oneshot(request.map(Body::from)).await.unwrap();
        assert_eq!((response.status().as_u16(), text(response).await.as_str()), (status, body), "{answers}");
    }
}

#[tokio::test]
async fn the_fallback_gets_all_other_events() {
    async fn on_other(delivery: Delivery) -> String {
        delivery.event_type().map_or("none".to_owned(), |kind| kind.to_string())
    }
    let app = app(events().fallback(on_other));
    assert_eq!(text(deliver(&app, of_type("ping"), "{}").await).await, "ping");
    assert_eq!(text(deliver(&app, to("/", "application/json"), "{}").await).await, "none");
    assert_eq!(text(deliver(&app, of_type("push"), r#"{"ref": "main"}"#).await).await, "main");
}

#[tokio::test]
async fn a_delivery_under_the_name_of_another_event_is_refused_by_its_payload() {
    // Nothing signs X-GitHub-Event, so the signature stays right.
    let response = deliver(&app(events()), of_type("issues"), r#"{"ref": "main"}"#).await;
    assert_eq!(response.status(), 422);
    assert_eq!(path(&response), "action");
}

#[tokio::test]
async fn an_event_under_a_type_that_nobody_handles_is_still_handled_by_its_true_one() {
    let nobody = async || (Extension(NotHandled), StatusCode::ACCEPTED);
    for (events, status) in [(Events::new(), 204), (Events::new().fallback(nobody), 202)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let fails_first = {
            let calls = Arc::clone(&calls);
            async move || match calls.fetch_add(1, Ordering::Relaxed) {
                0 => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::OK,
            }
        };
        let stack = Stack::new("github", Verifier::new(providers::GITHUB, SECRET).unwrap()).unwrap();
        let app = Router::new().route("/", post(events.on("push", fails_first))).layer(stack);
        let send = async |event_type: &str| deliver(&app, of_type(event_type), r#"{"ref": "main"}"#).await.status();
        assert_eq!(send("push").await, 503);
        assert_eq!(send("ping").await, status);
        assert_eq!(send("push").await, 200);
        assert_eq!(send("push").await, 200);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn a_type_in_the_signed_body_is_found_there() {
    use countersign_axum::countersign::{Signer, Verifier, providers};
    async fn on_paid(delivery: Delivery) -> String {
        delivery.event_type().unwrap().is_covered().to_string()
    }
    let app = Router::new()
        .route("/", post(Events::new().on("invoice.paid", on_paid)))
        .layer(VerifyLayer::new(Verifier::new(providers::STRIPE, SECRET).unwrap()));
    let request = Request::post("/").body(r#"{"type": "invoice.paid"}"#).unwrap();
    let signed = Signer::new(providers::STRIPE, SECRET).unwrap().sign(request, std::time::SystemTime::now()).unwrap();
    assert_eq!(text(app.oneshot(signed.map(Body::from)).await.unwrap()).await, "true");
}

#[tokio::test]
async fn without_the_layer_no_handler_runs() {
    let app = Router::new().route("/", post(Events::new().on("push", || async {}).fallback(|| async {})));
    let response = deliver(&app, of_type("push"), "{}").await;
    assert_eq!(response.status(), 500);
    assert_eq!(text(response).await, "");
}

#[test]
#[should_panic(expected = "events of the type `push` have a handler already")]
fn a_type_has_one_handler() {
    let _ = events().on("push", || async {});
}

#[tokio::test]
async fn a_copy_is_extended_without_the_original() {
    let original = events();
    let extended = original.clone().on("ping", || async { "pong" });
    assert_eq!(deliver(&app(original), of_type("ping"), "{}").await.status(), 204);
    assert_eq!(text(deliver(&app(extended), of_type("ping"), "{}").await).await, "pong");
}

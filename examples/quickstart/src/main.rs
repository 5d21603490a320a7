//! An axum route that only Stripe can call. Run with
//! `STRIPE_WEBHOOK_SECRET=whsec_… cargo run -p example-quickstart`, then
//! `stripe listen --forward-to http://127.0.0.1:3000/stripe`, which also prints the secret.

use std::{env, error::Error};

use axum::{Router, routing::post};
use countersign_axum::{
    Stack, Webhook,
    countersign::{Verifier, providers},
    countersign_tower::StackError,
};
use serde::Deserialize;
use tokio::net::TcpListener;

/// The fields of an event that this service needs. The rest of the payload is ignored.
#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
}

/// Runs for verified events only, and once for each: Stripe sends an event again until it is answered with a 2xx, and
/// the replay guard stops events that were handled.
async fn on_event(Webhook(event): Webhook<Event>) {
    println!("{} is a {}", event.id, event.r#type);
}

fn app(verifier: Verifier) -> Result<Router, StackError> {
    Ok(Router::new().route("/stripe", post(on_event)).layer(Stack::new("stripe", verifier)?))
}

fn verifier() -> Result<Verifier, Box<dyn Error>> {
    Ok(Verifier::new(providers::STRIPE, env::var("STRIPE_WEBHOOK_SECRET")?)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let verifier = verifier().map_err(|error| format!("STRIPE_WEBHOOK_SECRET: {error}"))?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}/stripe", listener.local_addr()?);
    axum::serve(listener, app(verifier)?).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use axum::body::Body;
    use countersign_axum::countersign::Signer;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;

    const EVENT: &str = r#"{"id": "evt_1", "type": "invoice.paid", "data": {"object": {"amount_paid": 1200}}}"#;

    async fn status_of(app: &Router, secret: &str, event: &'static str, sent: SystemTime) -> StatusCode {
        let request = Request::post("/stripe").header("Content-Type", "application/json").body(event).unwrap();
        let signed = Signer::new(providers::STRIPE, secret).unwrap().sign(request, sent).unwrap();
        app.clone().oneshot(signed.map(Body::from)).await.unwrap().status()
    }

    #[tokio::test]
    async fn only_fresh_events_from_stripe_reach_the_handler() {
        let app = app(Verifier::new(providers::STRIPE, "whsec_of_this_test").unwrap()).unwrap();
        let now = SystemTime::now();
        assert_eq!(status_of(&app, "whsec_of_a_forger", EVENT, now).await, 401);
        assert_eq!(status_of(&app, "whsec_of_this_test", EVENT, now - Duration::from_secs(600)).await, 401);
        assert_eq!(status_of(&app, "whsec_of_this_test", r#"{"id": "evt_2"}"#, now).await, 422);
        assert_eq!(status_of(&app, "whsec_of_this_test", EVENT, now).await, 200);
    }
}

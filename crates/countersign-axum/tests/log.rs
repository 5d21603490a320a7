//! What the log says, and what it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{Router, body::Body, routing::post};
use countersign_axum::{
    AddressLayer, VerifyLayer, Webhook,
    countersign::{Signer, Verifier, address::AddressSet, providers},
};
use http::Request;
use serde::{Deserialize, de::IgnoredAny};
use tower::ServiceExt;

const SECRET: &str = "a-long-random-secret";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Deserialize)]
struct Payment {
    #[expect(dead_code, reason = "it is there to be of another type than in the payload")]
    amount: u64,
}

async fn handle(_: Webhook<Payment>) {}

/// The lines that a signed delivery writes.
async fn log_of(app: Router, content_type: &str, body: &'static str) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let request = Request::post("/").header("Content-Type", content_type).header("X-GitHub-Event", "paid");
    let signer = Signer::new(providers::GITHUB, SECRET).unwrap();
    let signed = signer.sign(request.body(body).unwrap(), SystemTime::now()).unwrap();
    app.oneshot(signed.map(Body::from)).await.unwrap();
    drop(guard);
    let lines = log.0.lock().unwrap().clone();
    String::from_utf8(lines).unwrap()
}

fn covered() -> Router {
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    Router::new().route("/", post(handle)).layer(VerifyLayer::new(verifier))
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_logged_with_its_path_and_without_its_value() {
    let log = log_of(covered(), "application/json", r#"{"amount": "4111 1111"}"#).await;
    for part in [
        "WARN countersign::payload:",
        "provider=\"github\"",
        "event_type=\"paid\"",
        "code=\"payload\"",
        "path=\"amount\"",
    ] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    assert!(!log.contains("4111"), "{log}");
}

#[tokio::test]
async fn another_media_type_is_logged() {
    let log = log_of(covered(), "text/csv", "amount\n12").await;
    for part in ["WARN countersign::payload:", "code=\"unsupported_media_type\"", "media_type=\"text/csv\""] {
        assert!(log.contains(part), "no {part} in {log}");
    }
}

#[tokio::test]
async fn a_missing_layer_is_logged_by_its_name() {
    let log = log_of(Router::new().route("/", post(|_: Webhook<IgnoredAny>| async {})), "application/json", "{}").await;
    assert!(log.contains("ERROR countersign:") && log.contains("`.layer(Stack::new(\"name\", verifier)?)`"), "{log}");
}

#[tokio::test]
async fn a_server_that_tells_no_peer_is_logged_with_the_missing_piece() {
    let layer = AddressLayer::new(AddressSet::parse(["0.0.0.0/0"]).unwrap());
    let log = log_of(covered().layer(layer), "application/json", "{}").await;
    for part in ["ERROR countersign:", "path=\"/\"", "`PeerAddr`", "`AddressLayer::with_peer`", "connect_info"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
}

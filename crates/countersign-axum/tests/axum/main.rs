//! The extractors behind the real layer, through signed requests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod events;
mod payloads;
mod webhook;

use std::time::SystemTime;

use axum::{Router, body::Body, response::Response};
use countersign_axum::{
    VerifyLayer,
    countersign::{Rejection, Signer, Verifier, providers},
};
use http::{Request, request::Builder};
use tower::ServiceExt;

const SECRET: &str = "a-long-random-secret";

/// Covers the routes of a GitHub endpoint.
fn github() -> VerifyLayer<Verifier> {
    VerifyLayer::new(Verifier::new(providers::GITHUB, SECRET).unwrap())
}

/// Signs as GitHub would, and sends it.
async fn deliver(app: &Router, request: Builder, body: impl Into<Vec<u8>>) -> Response {
    let request = request.method("POST").body(body.into()).unwrap();
    let signed = Signer::new(providers::GITHUB, SECRET).unwrap().sign(request, SystemTime::now()).unwrap();
    app.clone().oneshot(signed.map(Body::from)).await.unwrap()
}

fn to(path: &str, content_type: &str) -> Builder {
    Request::builder().uri(path).header("Content-Type", content_type)
}

async fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn rejection(response: &Response) -> &Rejection {
    response.extensions().get().unwrap()
}

/// Where the payload did not fit.
fn path(response: &Response) -> &str {
    match rejection(response) {
        Rejection::Payload { path, .. } => path,
        other => panic!("{other}"),
    }
}

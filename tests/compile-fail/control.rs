//! What the others do in a way that is right: it compiles, so that their errors are their own.

use bytes::Bytes;
use countersign::{Rejection, Secret, Timestamp, Verified, Verifier, replay::Lease};
use countersign_tower::VerifiedBody;
use http::Request;

fn verify<'r>(verifier: &'r Verifier, request: &'r Request<Bytes>) -> Result<Verified<'r, &'r [u8]>, Rejection> {
    verifier.verify(request, &request.body()[..], Timestamp::from_unix_seconds(0))
}

fn read(body: VerifiedBody) -> Bytes {
    body.into()
}

fn key(lease: &Lease) -> countersign::ReplayKey {
    lease.key()
}

async fn handler(countersign_axum::Delivery(delivery): countersign_axum::Delivery) -> Bytes {
    delivery.body().clone()
}

fn main() {
    let secret = Secret::new("a-long-random-secret");
    println!("{secret:?}");
    let _ = (verify, read, key);
    let _: axum::Router = axum::Router::new().route("/", axum::routing::post(handler));
}

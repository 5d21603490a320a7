//! A handler that wants a verified body cannot be reached by a request that passed no layer.

use countersign_tower::VerifiedBody;

async fn handler(_: VerifiedBody) {}

fn main() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::post(handler)); //~ E0277
}

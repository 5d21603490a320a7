//! A service behind the layer takes no request that did not pass through it.

use bytes::Bytes;
use countersign_tower::VerifiedBody;
use http::Request;

fn handle(_: Request<VerifiedBody>) {}

fn main() {
    handle(Request::new(Bytes::new())); //~ E0308
}

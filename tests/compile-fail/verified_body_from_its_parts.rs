//! No verified body without a verdict.

use bytes::Bytes;
use countersign_tower::VerifiedBody;

fn main() {
    let _ = VerifiedBody { bytes: Some(Bytes::new()) }; //~ E0451
}

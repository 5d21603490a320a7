//! Only the layer makes a verified body.

use bytes::Bytes;
use countersign_tower::VerifiedBody;

fn main() {
    let _ = VerifiedBody::new(Bytes::new()); //~ E0624
}

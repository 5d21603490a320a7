//! Bytes are not verified because somebody says so.

use bytes::Bytes;
use countersign_tower::VerifiedBody;

fn main() {
    let _: VerifiedBody = Bytes::new().into(); //~ E0277
}

//! The extractor's value has nothing but a proven delivery in it.

use bytes::Bytes;
use countersign_axum::Delivery;

fn main() {
    let _ = Delivery(Bytes::new()); //~ E0308
}

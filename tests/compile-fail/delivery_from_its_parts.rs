//! No delivery without a verdict.

use countersign::Delivery;

fn main() {
    let _ = Delivery { inner: todo!() }; //~ E0451
}

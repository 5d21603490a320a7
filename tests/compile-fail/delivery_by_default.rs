//! No delivery out of nothing.

use countersign::Delivery;

fn main() {
    let _: Delivery = Default::default(); //~ E0277
}

//! The hold on an event is settled once.

use countersign::replay::Lease;

fn twice(lease: Lease) -> (Lease, Lease) {
    (lease.clone(), lease) //~ E0599
}

fn main() {
    let _ = twice;
}

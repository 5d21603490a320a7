//! A secret is compared by nobody but the verifier.

use countersign::Secret;

fn same(one: &Secret, other: &Secret) -> bool {
    *one == *other //~ E0369
}

fn main() {
    let _ = same;
}

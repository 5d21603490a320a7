//! A secret has one place in memory, which is wiped.

use countersign::Secret;

fn main() {
    let secret = Secret::new("a-long-random-secret").unwrap();
    let _: Secret = secret.clone(); //~ E0599
}

//! Nobody outside the core reads a secret's bytes.

use countersign::Secret;

fn main() {
    let secret = Secret::new("a-long-random-secret").unwrap();
    let _ = secret.expose(); //~ E0624
}

//! A secret is never printed.

use countersign::Secret;

fn main() {
    let secret = Secret::new("a-long-random-secret").unwrap();
    println!("{secret}"); //~ E0277
}

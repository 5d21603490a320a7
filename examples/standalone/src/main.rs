//! Verifies a webhook without any framework.

fn main() {}

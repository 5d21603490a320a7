//! Verify webhooks in a tower layer.

pub use countersign;

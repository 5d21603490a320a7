//! Typed, verified webhook payloads for axum handlers.

pub use countersign;

//! `Stack`, all checks in one layer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod build;
mod order;
mod settings;
mod world;

//! The layer, from outside: one test program, so that its parts share what they send.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod address;
mod common;
mod tenants;
mod verify;

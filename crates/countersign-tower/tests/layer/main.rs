//! The layers through their public interface: one test program, whose files share their requests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod address;
mod common;
mod tenants;
mod verify;

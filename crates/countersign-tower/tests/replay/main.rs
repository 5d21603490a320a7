//! `ReplayLayer` inside `VerifyLayer`, around a service that follows a script.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod answers;
mod common;
mod outcomes;
mod settings;
mod stores;
mod tenants;

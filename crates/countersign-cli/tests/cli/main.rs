//! Runs the real program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod demo;
mod explain;
mod keys;
mod pages;
mod program;
mod providers;
mod send;
mod serve;
mod usage;
mod vectors;
mod verify;

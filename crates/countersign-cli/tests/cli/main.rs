//! Tests that run the real program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod demo;
mod explain;
mod keys;
mod lines;
mod lists;
mod metrics;
mod operators;
mod pages;
mod program;
mod providers;
mod reload;
mod replay;
mod send;
mod serve;
mod stores;
mod under_load;
mod usage;
mod vectors;
mod verify;

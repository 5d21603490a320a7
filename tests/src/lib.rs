//! What the tests share.

pub mod app;
pub mod endpoint;
pub mod exactly_once;
pub mod explain;
pub mod own;
pub mod program;
pub mod reading;
pub mod replay;
pub mod replay_conformance;
pub mod replay_faults;
pub mod servers;
pub mod target;
pub mod vectors;
pub mod verdict;

/// The README, so that its Rust blocks are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

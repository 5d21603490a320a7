//! The support library of the tests.

#[cfg(feature = "servers")]
pub mod app;
pub mod endpoint;
#[cfg(feature = "servers")]
pub mod exactly_once;
pub mod explain;
#[cfg(feature = "servers")]
pub mod fitting;
pub mod own;
#[cfg(feature = "servers")]
pub mod program;
pub mod reading;
pub mod replay;
#[cfg(feature = "servers")]
pub mod replay_conformance;
#[cfg(feature = "servers")]
pub mod replay_faults;
#[cfg(feature = "servers")]
pub mod servers;
#[cfg(feature = "servers")]
pub mod small_disk;
#[cfg(feature = "servers")]
pub mod target;
pub mod vectors;
pub mod verdict;

/// The README, so that its Rust blocks are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

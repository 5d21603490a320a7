//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod providers;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod vectors;
pub(crate) mod verify;

//! What the tests share.

pub mod app;
pub mod endpoint;
pub mod own;
pub mod reading;
pub mod vectors;
pub mod verdict;

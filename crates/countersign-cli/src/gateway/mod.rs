//! The parts of a gateway, which `serve` and `demo` share.

pub(crate) mod config;
mod endpoint;
mod server;

pub(crate) use endpoint::{Endpoint, Limits, Verdict, Watch, router};
pub(crate) use server::{runtime, serve, stop_signal};

//! The parts of a gateway, which `serve` and `demo` share.

pub(crate) mod config;
mod confirm;
mod endpoint;
pub(crate) mod feed;
mod places;
mod proxy_protocol;
mod server;

pub(crate) use endpoint::{Endpoint, EndpointKeys, Limits, Verdict, Watch, router};
pub(crate) use proxy_protocol::{ProxyProtocol, Refused};
pub(crate) use server::{Bounds, Front, runtime, serve, stop_signal};

//! The parts of a gateway, which `serve` and `demo` share.

pub(crate) mod config;
mod copy;
mod endpoint;
pub(crate) mod feed;
pub(crate) mod metrics;
mod operators;
mod places;
mod proxy_protocol;
mod published;
mod refused;
pub(crate) mod reload;
mod sent_secret;
mod server;
mod snapshot;
mod sources;
mod store;

pub(crate) use copy::ListCopy;
pub(crate) use endpoint::{Claims, Endpoint, EndpointKeys, EndpointPlan, Limits, Replays, Verdict, Watch};
pub(crate) use operators::{OPERATOR, Operators, UnknownOperator};
pub(crate) use places::MAX_HELD;
pub(crate) use proxy_protocol::ProxyProtocol;
pub(crate) use refused::Refused;
pub(crate) use sent_secret::SentSecret;
pub(crate) use server::{Bounds, Front, listen, runtime, serve, stop_signal};
pub(crate) use snapshot::{ConnectionSettings, Gateway, Snapshot};
pub(crate) use store::{Remote, Store, StoreError, StorePlan};

//! Real servers for the tests, each in a folder of its own, ended with its guard.

mod postgres;
mod process;
mod proxy;
mod redis;

use std::time::Duration;

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

pub use self::{postgres::PostgresServer, process::Process, proxy::Proxy, redis::RedisServer};

/// A store, and the guard of the server that it lives on.
#[derive(Debug)]
pub struct On<S, G> {
    store: S,
    _server: G,
}

impl<S, G> On<S, G> {
    /// Keeps the server as long as the store.
    pub fn new(store: S, server: G) -> Self {
        Self { store, _server: server }
    }
}

impl<S: ReplayStore, G: Send + Sync + 'static> ReplayStore for On<S, G> {
    type Error = S::Error;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, S::Error> {
        self.store.claim(key, lease_for, now).await
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, S::Error> {
        self.store.commit(lease, keep_for, now).await
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, S::Error> {
        self.store.release(lease, now).await
    }
}

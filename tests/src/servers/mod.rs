//! Real servers for the tests, each in its own folder, which stop when their guard is dropped.

mod authority;
mod cut_off;
mod postgres;
mod process;
mod proxy;
mod redis;
mod redis_cluster;
mod shared;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

pub use self::{
    authority::{Authority, Identity},
    cut_off::CutOff,
    postgres::{PostgresServer, url as postgres_url},
    process::{Process, free_address},
    proxy::Proxy,
    redis::RedisServer,
    redis_cluster::RedisCluster,
    shared::Shared,
};

/// A store, and the guard of its server.
#[derive(Debug)]
pub struct On<S, G> {
    store: S,
    server: G,
}

impl<S, G> On<S, G> {
    /// Keeps the server running as long as the store exists.
    pub fn new(store: S, server: G) -> Self {
        Self { store, server }
    }

    /// The guard of the server.
    pub fn server(&self) -> &G {
        &self.server
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

/// Two stores on one server, called in turn, as by two processes.
#[derive(Debug)]
pub struct Alternating<S> {
    stores: [S; 2],
    calls: AtomicUsize,
}

impl<S> Alternating<S> {
    /// Both must be on the same server.
    pub fn new(one: S, other: S) -> Self {
        Self { stores: [one, other], calls: AtomicUsize::new(0) }
    }

    fn next(&self) -> &S {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl<S: ReplayStore> ReplayStore for Alternating<S> {
    type Error = S::Error;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, S::Error> {
        self.next().claim(key, lease_for, now).await
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, S::Error> {
        self.next().commit(lease, keep_for, now).await
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, S::Error> {
        self.next().release(lease, now).await
    }
}

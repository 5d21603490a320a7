//! A store in memory that forgets each event, for a load that repeats one event.

use std::{future::ready, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Full, Lease, MemoryStore, Settlement},
};

/// The store in memory, except that a committed event expires at once: otherwise only the first request would reach the
/// handler.
#[derive(Default)]
pub(crate) struct Forgetful(MemoryStore);

impl ReplayStore for Forgetful {
    type Error = Full;

    fn claim(
        &self,
        key: ReplayKey,
        lease_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, Full>> + Send {
        ready(self.0.claim_at(key, lease_for, now))
    }

    /// The event expires at once.
    fn commit(
        &self,
        lease: Lease,
        _: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settlement, Full>> + Send {
        ready(Ok(self.0.commit_at(lease, Duration::ZERO, now)))
    }

    fn claim_at_once(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Option<Result<Claim, Full>> {
        Some(self.0.claim_at(key, lease_for, now))
    }

    /// The event expires at once.
    fn commit_at_once(&self, lease: Lease, _: Duration, now: Timestamp) -> Result<Result<Settlement, Full>, Lease> {
        Ok(Ok(self.0.commit_at(lease, Duration::ZERO, now)))
    }

    fn release(&self, lease: Lease, now: Timestamp) -> impl Future<Output = Result<Settlement, Full>> + Send {
        ready(Ok(self.0.release_at(lease, now)))
    }
}

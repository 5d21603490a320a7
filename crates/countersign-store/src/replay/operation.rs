//! The operations of a store whose times are [`Moment`]s.

use std::time::Duration;

use countersign::{ReplayKey, Timestamp, replay::Lease};

use super::moment::Moment;

/// Claims an event.
pub(super) struct ClaimOperation {
    pub(super) key: ReplayKey,
    pub(super) fence: u64,
    pub(super) until: Moment,
    pub(super) now: Moment,
}

/// Settles a lease.
pub(super) enum SettleOperation {
    Commit { lease: Lease, until: Moment, now: Moment },
    Release { lease: Lease, now: Moment },
}

impl ClaimOperation {
    pub(super) fn new(key: ReplayKey, fence: u64, lease_for: Duration, now: Timestamp) -> Self {
        let now = Moment::from(now);
        Self { key, fence, until: now.after(lease_for), now }
    }

    /// The lease, if the claim is fresh.
    pub(super) fn lease(&self) -> Lease {
        Lease::new(self.key, self.fence)
    }
}

impl SettleOperation {
    pub(super) fn commit(lease: Lease, keep_for: Duration, now: Timestamp) -> Self {
        let now = Moment::from(now);
        Self::Commit { lease, until: now.after(keep_for), now }
    }

    pub(super) fn release(lease: Lease, now: Timestamp) -> Self {
        Self::Release { lease, now: Moment::from(now) }
    }
}

//! A cache in memory in front of a shared store.

use std::time::Duration;

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};

/// A shared store with a cache, in memory, of the events that this process has committed. A duplicate of such an event
/// is answered without a call to the shared store.
///
/// ```
/// use countersign::replay::MemoryStore;
/// use countersign_store::replay::LayeredReplayStore;
///
/// # let shared = MemoryStore::new();
/// let store = LayeredReplayStore::new(shared); // such as a `RedisReplayStore`
/// ```
///
/// The cache answers in one case, and this weakens no guarantee:
///
/// - **A claim is [`Claim::Done`] from memory** if this store has committed the same event, the commit was acknowledged
///   as settled, and its `keep_for` is not over at `now`. By the contract, nothing ends a done event before that. So
///   the shared store would give the same answer. If it has forgotten what it acknowledged, the cache is right and the
///   store is wrong.
///
/// Every other call goes to the shared store. The cache has no events that *other processes* committed, because a claim
/// does not tell how long they are kept. It has no events in progress, because only the shared store knows when a claim
/// was settled or taken over. Only the shared store gives fresh claims. A full cache takes no more entries.
#[derive(Debug)]
pub struct LayeredReplayStore<S> {
    shared: S,
    cache: MemoryStore,
}

/// The default capacity of the cache, in events: up to 6 MB.
const COPIES: usize = 100_000;

/// The lease of a claim that is released at once.
const SHORTEST_LEASE: Duration = Duration::from_millis(1);

impl<S: ReplayStore> LayeredReplayStore<S> {
    /// A cache of up to 100,000 events, which take up to 6 MB, in front of a shared store.
    pub fn new(shared: S) -> Self {
        Self::with_copies(shared, COPIES)
    }

    /// A cache of up to `most` events, up to 66 bytes each, in front of a shared store.
    pub fn with_copies(shared: S, most: usize) -> Self {
        Self { shared, cache: MemoryStore::with_capacity(most) }
    }

    /// The number of events in the cache.
    pub fn copies(&self) -> usize {
        self.cache.len()
    }

    /// The shared store.
    pub fn shared(&self) -> &S {
        &self.shared
    }

    /// Removes the entry of an event that has expired and is claimed again. If the clock were set back later, the entry
    /// would say that the event is done, although its new handler may have failed.
    fn forget(&self, key: ReplayKey, now: Timestamp) {
        if let Ok(Claim::Fresh(lease)) = self.cache.claim_at(key, SHORTEST_LEASE, now) {
            let _ = self.cache.release_at(lease, now);
        }
    }

    fn remember(&self, key: ReplayKey, keep_for: Duration, now: Timestamp) {
        // If the cache does not take the entry, the next claim asks the shared store.
        if let Ok(Claim::Fresh(lease)) = self.cache.claim_at(key, keep_for, now) {
            let _ = self.cache.commit_at(lease, keep_for, now);
        }
    }
}

impl<S: ReplayStore> ReplayStore for LayeredReplayStore<S> {
    type Error = S::Error;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, S::Error> {
        if let Some(known) = self.claim_at_once(key, lease_for, now) {
            return known;
        }
        let claim = self.shared.claim(key, lease_for, now).await?;
        if matches!(claim, Claim::Fresh(_)) {
            self.forget(key, now);
        }
        Ok(claim)
    }

    fn claim_at_once(&self, key: ReplayKey, _: Duration, now: Timestamp) -> Option<Result<Claim, S::Error>> {
        self.cache.is_done_at(key, now).then_some(Ok(Claim::Done))
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, S::Error> {
        let key = lease.key();
        let settlement = self.shared.commit(lease, keep_for, now).await?;
        if settlement == Settlement::Settled {
            self.remember(key, keep_for, now);
        }
        Ok(settlement)
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, S::Error> {
        self.shared.release(lease, now).await
    }
}

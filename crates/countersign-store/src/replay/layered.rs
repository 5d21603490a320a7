//! A copy in memory of what a shared store knows for good.

use std::time::Duration;

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};

/// A shared store, and in front of it what this process has committed: a duplicate of that is answered without the shared
/// store being asked.
///
/// ```
/// use countersign::replay::MemoryStore;
/// use countersign_store::replay::LayeredReplayStore;
///
/// # let shared = MemoryStore::new();
/// let store = LayeredReplayStore::new(shared); // such as a `RedisReplayStore`
/// ```
///
/// It takes one short cut, and no guarantee is weaker for it:
///
/// - **A claim is answered [`Claim::Done`] from memory** if a commit of the same event, by this store, was acknowledged as
///   settled and its `keep_for` is not over. An event that is done stays done until then, by the same `now`: nothing in the
///   contract ends it before. So the shared store would answer the same, or would have forgotten what it acknowledged, and
///   then the copy is right and the store is wrong.
///
/// Everything else goes through. What *others* have committed is not copied, because nobody tells for how long it is kept. What
/// is in progress is not, because only the shared store knows when a claim was settled or taken over. A fresh claim is the
/// shared store's to give, always. A copy that is full copies no more, and the shared store is asked.
#[derive(Debug)]
pub struct LayeredReplayStore<S> {
    shared: S,
    done: MemoryStore,
}

/// 100,000 events: up to 6 MB.
const COPIES: usize = 100_000;

const A_MOMENT: Duration = Duration::from_millis(1);

impl<S: ReplayStore> LayeredReplayStore<S> {
    /// Copies of up to 100,000 events, which take up to 6 MB, in front of a shared store.
    pub fn new(shared: S) -> Self {
        Self::with_copies(shared, COPIES)
    }

    /// Copies of so many events, 57 bytes each, in front of a shared store.
    pub fn with_copies(shared: S, most: usize) -> Self {
        Self { shared, done: MemoryStore::with_capacity(most) }
    }

    /// How many events are copied.
    pub fn copies(&self) -> usize {
        self.done.len()
    }

    /// The shared store.
    pub fn shared(&self) -> &S {
        &self.shared
    }

    /// Forgets the copy of an event that was kept to its end and is claimed again: if the clock were set back, the copy would
    /// call it done, although its new handler may have failed.
    fn forget(&self, key: ReplayKey, now: Timestamp) {
        if let Ok(Claim::Fresh(copy)) = self.done.claim_at(key, A_MOMENT, now) {
            let _ = self.done.release_at(copy, now);
        }
    }

    fn remember(&self, key: ReplayKey, keep_for: Duration, now: Timestamp) {
        // Whatever else the copy says, it is not asked when the event is claimed, and the shared store is.
        if let Ok(Claim::Fresh(copy)) = self.done.claim_at(key, keep_for, now) {
            let _ = self.done.commit_at(copy, keep_for, now);
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
        self.done.is_done_at(key, now).then_some(Ok(Claim::Done))
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

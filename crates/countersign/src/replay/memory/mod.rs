//! The replay store in memory: its limits, and its shards.

mod shard;

use std::{
    fmt,
    future::{Future, ready},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use self::shard::{Shard, Time};
use super::{Claim, Lease, ReplayKey, ReplayStore, Settlement};
use crate::timestamp::Timestamp;

/// A replay store in the memory of this process. It is bounded, needs no thread, and is lost when the process ends.
///
/// Each claim removes a few expired entries. So no call blocks for long, and no background task is needed. A full store
/// refuses new claims ([`Full`]), and the sender retries later. It does not evict live entries, because that would let
/// a replay through.
///
/// An entry takes 29 to 66 bytes, and the memory grows with their number. To choose the capacity, multiply the events
/// per second by the seconds for which they are kept: one event per second, kept for three days, needs 260,000 entries
/// and up to 17 MB.
///
/// If several processes or machines serve one endpoint, each with a store of its own, a replay that reaches another one
/// is not detected: they need a shared store.
pub struct MemoryStore {
    shards: Box<[Aligned]>,
    entries: Bounded,
    bytes: Bounded,
}

/// A shard in a cache line of its own, to avoid false sharing between threads.
#[repr(align(64))]
#[derive(Default)]
struct Aligned(Mutex<Shard>);

/// A counter with an upper limit.
struct Bounded {
    count: AtomicUsize,
    limit: usize,
}

/// One million: 53 MB.
const ENTRIES: usize = 1_000_000;

/// How many entries a shard is sized for. A shard that grows moves all of them while it is locked: at 10 ns each, this
/// many take far less than a millisecond.
const ENTRIES_PER_SHARD: usize = 8192;

const MIN_SHARDS: usize = 16;
const MAX_SHARDS: usize = 65_536;

/// How many slots of other shards a claim searches in a full store before it is refused: some 0.2 ms.
const SLOTS_IN_FULL_STORE: usize = 65_536;

impl MemoryStore {
    /// A store for a million events, which takes up to 53 MB.
    pub fn new() -> Self {
        Self::with_capacity(ENTRIES)
    }

    /// A store for up to `entries` events. Its memory grows with the events that it holds.
    pub fn with_capacity(entries: usize) -> Self {
        Self::with_limits(entries, usize::MAX)
    }

    /// A store for up to `entries` events and up to `bytes` bytes, whichever limit is reached first. While a shard
    /// grows, both its old and its new memory count. An empty store takes from 2 KiB up to 8 MiB, the latter for very
    /// many events. If `bytes` is less than that ([`bytes`](Self::bytes) of a new store), every claim is refused.
    pub fn with_limits(entries: usize, bytes: usize) -> Self {
        let shards = entries.div_ceil(ENTRIES_PER_SHARD).next_power_of_two().clamp(MIN_SHARDS, MAX_SHARDS);
        let bytes_of_shards = shards * size_of::<Aligned>();
        Self {
            shards: (0..shards).map(|_| Aligned::default()).collect(),
            entries: Bounded::new(0, entries),
            bytes: Bounded::new(bytes_of_shards, bytes),
        }
    }

    /// How many events it holds, including expired ones that are not removed yet.
    pub fn len(&self) -> usize {
        self.entries.get()
    }

    /// Whether it holds no events.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events it can hold.
    pub fn capacity(&self) -> usize {
        self.entries.limit
    }

    /// How many bytes of memory it takes now.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// [`ReplayStore::claim`] without a future.
    ///
    /// # Errors
    ///
    /// If there is no room for another event.
    pub fn claim_at(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, Full> {
        let now = Time::from(now);
        let until = now.after(lease_for);
        let at = self.shard_of(key);
        let claim = || self.lock(at).claim(key, until, now, (&self.entries, &self.bytes));
        match claim() {
            Err(Full::Entries { .. }) if self.make_room(at, now) => claim(),
            answer => answer,
        }
    }

    /// Whether the event is done at this time. Claims nothing, and removes no expired entries.
    pub fn is_done_at(&self, key: ReplayKey, now: Timestamp) -> bool {
        self.lock(self.shard_of(key)).is_done(key, Time::from(now))
    }

    /// [`ReplayStore::commit`] without a future.
    #[expect(clippy::needless_pass_by_value, reason = "a lease is settled once")]
    pub fn commit_at(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Settlement {
        let now = Time::from(now);
        self.lock(self.shard_of(lease.key)).commit(&lease, now.after(keep_for), now)
    }

    /// [`ReplayStore::release`] without a future.
    #[expect(clippy::needless_pass_by_value, reason = "a lease is settled once")]
    pub fn release_at(&self, lease: Lease, now: Timestamp) -> Settlement {
        self.lock(self.shard_of(lease.key)).release(&lease, Time::from(now), &self.entries)
    }
}

impl MemoryStore {
    fn shard_of(&self, key: ReplayKey) -> usize {
        // The number of shards is a power of two, and the other half of the key chooses the place within the shard.
        usize::from(u16::from_le_bytes([key.as_bytes()[14], key.as_bytes()[15]])) & (self.shards.len() - 1)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // No code panics while it holds the lock, so a shard is consistent even if its lock is poisoned.
        self.shards[shard].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes expired entries, shard by shard from `first` on, until it has removed one.
    fn make_room(&self, first: usize, now: Time) -> bool {
        let mut slots = 0;
        for turn in 0..self.shards.len() {
            let mut shard = self.lock((first + turn) & (self.shards.len() - 1));
            if shard.may_have_ended(now) {
                slots += shard.slots();
                if shard.purge(now, &self.entries) > 0 {
                    return true;
                }
            }
            if slots > SLOTS_IN_FULL_STORE {
                return false;
            }
        }
        false
    }
}

impl ReplayStore for MemoryStore {
    type Error = Full;

    fn claim(
        &self,
        key: ReplayKey,
        lease_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, Full>> + Send {
        ready(self.claim_at(key, lease_for, now))
    }

    fn claim_at_once(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Option<Result<Claim, Full>> {
        Some(self.claim_at(key, lease_for, now))
    }

    fn commit(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settlement, Full>> + Send {
        ready(Ok(self.commit_at(lease, keep_for, now)))
    }

    fn commit_at_once(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> Result<Result<Settlement, Full>, Lease> {
        Ok(Ok(self.commit_at(lease, keep_for, now)))
    }

    fn release(&self, lease: Lease, now: Timestamp) -> impl Future<Output = Result<Settlement, Full>> + Send {
        ready(Ok(self.release_at(lease, now)))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl Bounded {
    fn new(count: usize, limit: usize) -> Self {
        Self { count: AtomicUsize::new(count), limit }
    }

    fn get(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds `more`, unless that exceeds the limit.
    fn add(&self, more: usize) -> bool {
        let sum = |count: usize| count.checked_add(more).filter(|sum| *sum <= self.limit);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
    }

    fn subtract(&self, less: usize) {
        if less > 0 {
            self.count.fetch_sub(less, Ordering::Relaxed);
        }
    }
}

/// The store is full, and has no expired entry to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Full {
    /// The store has reached its limit of bytes.
    Bytes {
        /// The limit.
        limit: usize,
    },
    /// The store has reached its limit of events.
    Entries {
        /// The limit.
        limit: usize,
    },
    /// The system has no more memory.
    Memory,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { limit } => write!(f, "the replay store may take no more than {limit} bytes: raise the limit"),
            Self::Entries { limit } => {
                write!(
                    f,
                    "the replay store holds {limit} events, as many as it may: raise the capacity or keep them for a shorter \
                     time"
                )
            }
            Self::Memory => f.write_str("the system has no memory left for the replay store"),
        }
    }
}

impl std::error::Error for Full {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{ReplayScope, key::Basis};

    pub(super) const MINUTE: Duration = Duration::from_secs(60);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + millis)
    }

    fn keys(count: u32) -> Vec<ReplayKey> {
        let scope = |number: u32| ReplayScope::new(number.to_le_bytes());
        (0..count).map(|number| scope(number).begin().finish("", Basis::Content)).collect()
    }

    pub(super) fn fresh(claim: Result<Claim, Full>) -> Lease {
        match claim {
            Ok(Claim::Fresh(lease)) => lease,
            other => panic!("expected a fresh claim, got {other:?}"),
        }
    }

    #[test]
    fn events_are_spread_evenly() {
        let store = MemoryStore::with_capacity(131_072);
        let mut events = vec![0; store.shards.len()];
        for key in keys(16_000) {
            events[store.shard_of(key)] += 1;
        }
        assert!(events.len() > 1 && events.iter().all(|count| (800..1200).contains(count)), "{events:?}");
    }

    /// Claims each of these events at `now`, for the given time.
    fn claim_all(store: &MemoryStore, events: &[(ReplayKey, Duration)], now: Timestamp) {
        for (key, lease_for) in events {
            drop(fresh(store.claim_at(*key, *lease_for, now)));
        }
    }

    /// Commits each of these events at `now`, for the given time.
    fn commit_all(store: &MemoryStore, events: &[(ReplayKey, Duration)], now: Timestamp) {
        for (key, keep_for) in events {
            let lease = fresh(store.claim_at(*key, Duration::from_secs(1), now));
            assert_eq!(store.commit_at(lease, *keep_for, now), Settlement::Settled);
        }
    }

    #[test]
    fn a_full_store_finds_its_only_expired_event_with_a_limited_search() {
        type History = fn(&MemoryStore, &[(ReplayKey, Duration)]);
        let in_progress: History = |store, events| claim_all(store, events, at(0));
        let done: History = |store, events| commit_all(store, events, at(0));
        let done_before: History = |store, events| {
            commit_all(store, events, at(-120_000));
            claim_all(store, events, at(0));
        };
        let mut keys = keys(60_001);
        let next = keys.pop().expect("there are some");
        for (name, history) in [("in progress", in_progress), ("done", done), ("done before", done_before)] {
            let store = MemoryStore::with_capacity(60_000);
            // The shard that is searched last.
            let over = store.shard_of(next).wrapping_sub(1) % store.shards.len();
            let over = keys.iter().position(|key| store.shard_of(*key) == over).expect("no part is empty");
            let mut events: Vec<_> = keys.iter().map(|key| (*key, MINUTE)).collect();
            events[over].1 = Duration::from_secs(2);
            history(&store, &events);
            assert_eq!(store.len(), store.capacity(), "{name}");
            assert!(matches!(store.claim_at(next, MINUTE, at(2000)), Ok(Claim::Fresh(_))), "{name}");
        }
    }
}

//! The options of a store in SQLite, and their defaults.

use std::time::Duration;

/// The options of a [`SqliteReplayStore`](super::SqliteReplayStore).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SqliteOptions {
    pub(super) capacity: u64,
    pub(super) bytes: u64,
    pub(super) lock_timeout: Duration,
    pub(super) waiting: usize,
}

/// A million: one event per second for eleven days, or four per second for three days.
const CAPACITY: u64 = 1_000_000;

/// 1 s: half of the time that the layer gives a store.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// About as many calls as the writer thread does in a second.
const WAITING: usize = 4096;

/// The longest timeout of SQLite: 24 days.
const LONGEST_LOCK_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

/// A million: the queue is allocated at once.
const MOST_WAITING: usize = 1 << 20;

impl SqliteOptions {
    /// The default options: a million events, a lock timeout of 1 s, 4096 waiting calls.
    pub fn new() -> Self {
        Self { capacity: CAPACITY, bytes: u64::MAX, lock_timeout: LOCK_TIMEOUT, waiting: WAITING }
    }

    /// Sets how many events the file may hold, about 100 bytes each. All processes that share a file need the same
    /// capacity.
    pub fn with_capacity(mut self, events: u64) -> Self {
        self.capacity = events;
        self
    }

    /// Sets how many bytes the file may take. Claims leave a quarter of that for commits and releases. The write-ahead
    /// log takes about 4 MB more. Without this, only the disk limits the file.
    pub fn with_bytes(mut self, most: u64) -> Self {
        self.bytes = most;
        self
    }

    /// Sets how long to wait for other processes that have the file locked, at most 24 days. A commit waits twice as
    /// long. Keep it below the timeout of the caller (2 s in a `ReplayLayer`): a claim that is made after its caller has
    /// gone is released again, but until then its event is in progress.
    pub fn with_lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit.min(LONGEST_LOCK_TIMEOUT);
        self
    }

    /// Sets how many calls may wait for the disk, from one to a million. Further calls are refused.
    pub fn with_waiting(mut self, calls: usize) -> Self {
        self.waiting = calls.clamp(1, MOST_WAITING);
        self
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

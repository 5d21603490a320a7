//! The settings of a store in SQLite, and their defaults.

use std::time::Duration;

/// What an SQLite store may take.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SqliteOptions {
    pub(super) capacity: u64,
    pub(super) bytes: u64,
    pub(super) lock_timeout: Duration,
    pub(super) waiting: usize,
}

/// A million: one event every second for eleven days, or four for three.
const CAPACITY: u64 = 1_000_000;

/// 1 s: half of what the layer gives a store.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// As many calls as are done in about a second.
const WAITING: usize = 4096;

/// What SQLite can count: 24 days.
const LONGEST_LOCK_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

/// A million: the memory for them is taken at once.
const MOST_WAITING: usize = 1 << 20;

impl SqliteOptions {
    /// A million events, 1 s for the lock, 4096 calls that wait.
    pub fn new() -> Self {
        Self { capacity: CAPACITY, bytes: u64::MAX, lock_timeout: LOCK_TIMEOUT, waiting: WAITING }
    }

    /// Holds so many events, which take about 100 bytes each. Processes that share a file need the same.
    pub fn with_capacity(mut self, events: u64) -> Self {
        self.capacity = events;
        self
    }

    /// Lets the file grow to so many bytes, of which claims leave a quarter for what becomes of them; the log beside it takes
    /// some 4 MB more.
    pub fn with_bytes(mut self, most: u64) -> Self {
        self.bytes = most;
        self
    }

    /// Waits so long for other processes that have the file locked, 24 days at most, and to commit twice as long.
    pub fn with_lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit.min(LONGEST_LOCK_TIMEOUT);
        self
    }

    /// Lets so many calls wait for the disk, one at least and a million at most; more are refused.
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

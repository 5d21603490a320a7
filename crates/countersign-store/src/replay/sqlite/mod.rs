//! The store in an SQLite file, for one machine.
//!
//! ```
//! use std::time::Duration;
//!
//! use countersign::{ReplayStore, Timestamp, replay::{Claim, Settlement}};
//! use countersign_store::replay::SqliteReplayStore;
//! # use countersign::{Verifier, providers, replay::ReplayScope};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("replays.db");
//! # let now = Timestamp::from_unix_seconds(1_767_225_600);
//! # let (head, body) = http::Request::post("/").header("X-Hub-Signature-256",
//! #     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17").body("Hello, World!")?.into_parts();
//! # let verifier = Verifier::new(providers::GITHUB, "It's a Secret to Everybody")?;
//! # let key = verifier.verify(&head, body, now)?.replay_key(&ReplayScope::new("github")).ok_or("no key")?;
//! let (lease, keep) = (Duration::from_secs(60), Duration::from_secs(3 * 86_400));
//!
//! let store = SqliteReplayStore::open(&path)?;
//! let Claim::Fresh(held) = store.claim(key, lease, now).await? else { panic!("the first is fresh") };
//! assert_eq!(store.commit(held, keep, now).await?, Settlement::Settled);
//! drop(store);
//!
//! let store = SqliteReplayStore::open(&path)?; // another day, another process
//! assert!(matches!(store.claim(key, lease, now).await?, Claim::Done));
//! # Ok(())
//! # }
//! ```
//!
//! A thread of its own writes. It takes all that waits at a time, up to 512 calls, into one transaction, so that many calls
//! share one wait for the disk; each is answered when its transaction is on the disk (`synchronous = FULL`), and survives
//! the end of the process and of the power from then on.
//!
//! - **Several processes** of one machine may open one file, and take turns: each transaction begins by locking it
//!   (`BEGIN IMMEDIATE`). One that waits longer than the time limit for the lock, because somebody keeps it, ends in an error
//!   ([`SqliteStoreError::Locked`]); its commits are tried once more, for as long, before they do. The file must be on a local
//!   disk. On network filesystems locks do not hold, and neither does this.
//! - **Room**: the file holds a million events by default, 100 MB, and refuses new claims then ([`SqliteStoreError::Full`]).
//!   What has been over for an hour goes while others are claimed, a few each time, and sooner where there is no room, so
//!   that nothing is forgotten while a clock is ahead by less. A disk that is full, or fails, is an error too, and forgets
//!   nothing. Commits and releases take hardly any room, and do not fail with the claims that are under way.
//! - **Waiting**: 4096 calls may wait for the thread; more are refused ([`SqliteStoreError::Busy`]).
//!
//! The thread ends when the store is dropped, after what waits is done.

mod error;
mod options;
mod table;
mod turns;
mod writer;

use std::{fmt, path::Path, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

pub use self::{error::SqliteStoreError, options::SqliteOptions};
use self::{table::Table, writer::Writer};
use super::{
    fence::Fences,
    operation::{ClaimOperation, SettleOperation},
};

/// Keeps claims in an SQLite file. See the [module docs](self).
pub struct SqliteReplayStore {
    writer: Writer,
    fences: Fences,
}

impl SqliteReplayStore {
    /// Opens a file with the defaults, and makes it if it is not there.
    ///
    /// It is read and written at once, which blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is none of SQLite's, or the system gives no thread.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        Self::open_with(path, SqliteOptions::new())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is none of SQLite's, or the system gives no thread.
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, SqliteStoreError> {
        Self::start(Table::open(path.as_ref(), options)?, options)
    }

    /// A store without a file, that ends with the process: for tests. [`MemoryStore`](countersign::replay::MemoryStore) does
    /// the same, faster.
    ///
    /// # Errors
    ///
    /// If the system gives no thread or no memory.
    pub fn in_memory() -> Result<Self, SqliteStoreError> {
        let options = SqliteOptions::new();
        Self::start(Table::in_memory(options)?, options)
    }

    fn start(table: Table, options: SqliteOptions) -> Result<Self, SqliteStoreError> {
        let fences = Fences::new().map_err(|_| SqliteStoreError::Randomness)?;
        Ok(Self { writer: Writer::start(table, options.waiting)?, fences })
    }
}

impl ReplayStore for SqliteReplayStore {
    type Error = SqliteStoreError;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, SqliteStoreError> {
        self.writer.claim(ClaimOperation::new(key, self.fences.next(), lease_for, now)).await
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, SqliteStoreError> {
        self.writer.settle(SettleOperation::commit(lease, keep_for, now)).await
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, SqliteStoreError> {
        self.writer.settle(SettleOperation::release(lease, now)).await
    }
}

impl fmt::Debug for SqliteReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReplayStore").finish_non_exhaustive()
    }
}

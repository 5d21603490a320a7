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
//! A dedicated thread writes to the file. It puts up to 512 waiting calls into one transaction, so that many calls
//! share one wait for the disk. It answers them when the transaction is on the disk (`synchronous = FULL`). From then
//! on they survive a crash of the process and a power failure.
//!
//! - **Several processes** of one machine may open one file, and take turns: each transaction begins by locking the
//!   file (`BEGIN IMMEDIATE`). If the lock is not free within the timeout, the calls of the transaction fail
//!   ([`SqliteStoreError::Locked`]). Commits are tried once more, for as long, before they fail. The file must be on a
//!   local disk: file locks do not work reliably on network filesystems.
//! - **Capacity**: the file holds a million events by default, 100 MB. When it is full, it refuses new claims
//!   ([`SqliteStoreError::Full`]). Each claim removes a few events that expired over an hour ago, so that a clock which
//!   is ahead by less forgets nothing. If there is no room, it removes events that have just expired. A full or failing
//!   disk is an error too, and no event is forgotten. Commits and releases take hardly any room, and do not fail
//!   together with claims.
//! - **Backpressure**: 4096 calls may wait for the thread; further calls are refused ([`SqliteStoreError::Busy`]).
//!
//! The thread ends when the store is dropped, after the waiting calls are done.

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

/// A replay store in an SQLite file. See the [module docs](self).
pub struct SqliteReplayStore {
    writer: Writer,
    fences: Fences,
}

impl SqliteReplayStore {
    /// Opens a file with the default options, and creates it if it does not exist.
    ///
    /// This reads and writes the file, which blocks the thread for some milliseconds.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is not an SQLite database, or the system refuses to start a thread.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        Self::open_with(path, SqliteOptions::new())
    }

    /// Opens a file with these options, and creates it if it does not exist. It blocks as [`open`](Self::open) does.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is not an SQLite database, or the system refuses to start a thread.
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, SqliteStoreError> {
        Self::start(Table::open(path.as_ref(), options)?, options)
    }

    /// A store without a file, for tests. [`MemoryStore`](countersign::replay::MemoryStore) does the same, faster.
    ///
    /// # Errors
    ///
    /// If the system refuses to start a thread or to allocate memory.
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

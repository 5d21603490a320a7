//! The errors of the store in SQLite.

use std::{error::Error, fmt, io, time::Duration};

use rusqlite::ErrorCode;

/// Why the store in an SQLite file could not be opened, or a call of it failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SqliteStoreError {
    /// Too many calls wait for the disk. Nothing was done.
    Busy {
        /// The limit, [`SqliteOptions::with_waiting`](super::SqliteOptions::with_waiting).
        waiting: usize,
    },
    /// A claim would have made the file grow into the quarter of its limit that is kept for commits and releases.
    /// Nothing was done.
    ByteLimit {
        /// The limit, [`SqliteOptions::with_bytes`](super::SqliteOptions::with_bytes).
        bytes: u64,
    },
    /// SQLite or the system below it failed. Whether the call was carried out is unknown.
    Failed {
        /// The error of SQLite.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file holds as many events as it may. Nothing was done.
    Full {
        /// The limit, [`SqliteOptions::with_capacity`](super::SqliteOptions::with_capacity).
        capacity: u64,
    },
    /// Another process had the file locked for too long. Nothing was done.
    Locked {
        /// The timeout, [`SqliteOptions::with_lock_timeout`](super::SqliteOptions::with_lock_timeout).
        limit: Duration,
    },
    /// The disk is full, or a commit or a release found no page left within
    /// [`SqliteOptions::with_bytes`](super::SqliteOptions::with_bytes). SQLite has one code for both. Nothing was done.
    NoSpace,
    /// The filesystem does not support a write-ahead log. Network filesystems do not.
    NotLocal,
    /// The system has no randomness.
    Randomness,
    /// The system refused to start a thread.
    Thread {
        /// The error of the system.
        source: io::Error,
    },
    /// The writer thread has ended, although the store still exists.
    WriterGone,
}

impl SqliteStoreError {
    pub(super) fn of(error: rusqlite::Error, limit: Duration) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { limit },
            Some(ErrorCode::DiskFull) => Self::NoSpace,
            _ => Self::Failed { source: Box::new(error) },
        }
    }

    /// A copy of the error, for each call of a transaction that failed.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Busy { waiting } => Self::Busy { waiting: *waiting },
            Self::ByteLimit { bytes } => Self::ByteLimit { bytes: *bytes },
            Self::Failed { source } => Self::Failed { source: source.to_string().into() },
            Self::Full { capacity } => Self::Full { capacity: *capacity },
            Self::Locked { limit } => Self::Locked { limit: *limit },
            Self::NoSpace => Self::NoSpace,
            Self::NotLocal => Self::NotLocal,
            Self::Randomness => Self::Randomness,
            Self::Thread { source } => Self::Thread { source: source.kind().into() },
            Self::WriterGone => Self::WriterGone,
        }
    }
}

impl fmt::Display for SqliteStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { waiting } => write!(
                f,
                "{waiting} calls wait for the replay store's disk, which is the limit: use a faster disk, or raise \
                 `with_waiting`"
            ),
            Self::ByteLimit { bytes } => write!(
                f,
                "the replay store's file may take no more than {bytes} bytes: raise `with_bytes`, or keep events for \
                 a shorter time"
            ),
            Self::Failed { source } => write!(f, "the replay store's file cannot be used: {source}"),
            Self::Full { capacity } => write!(
                f,
                "the replay store holds {capacity} events, which is the limit: raise the capacity, or keep events for \
                 a shorter time"
            ),
            Self::Locked { limit } => write!(
                f,
                "another process has had the replay store's file locked for {limit:?}: find out which one, or raise \
                 `with_lock_timeout`"
            ),
            Self::NoSpace => f.write_str(
                "the replay store's file cannot grow: free disk space, or raise `with_bytes` if the file has reached \
                 that limit",
            ),
            Self::NotLocal => f.write_str(
                "the filesystem of the replay store's file does not support a write-ahead log: put the file on a \
                 local disk",
            ),
            Self::Randomness => f.write_str("the system has no randomness"),
            Self::Thread { source } => write!(f, "the system refused to start a thread for the replay store: {source}"),
            Self::WriterGone => f.write_str("the writer thread of the replay store has ended: open the store again"),
        }
    }
}

impl Error for SqliteStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { source } => Some(&**source),
            Self::Thread { source } => Some(source),
            _ => None,
        }
    }
}

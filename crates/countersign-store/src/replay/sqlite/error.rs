//! Why a store in SQLite refuses.

use std::{error::Error, fmt, io, time::Duration};

use rusqlite::ErrorCode;

/// Why the store in an SQLite file could not be opened or asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum SqliteStoreError {
    /// As many calls wait for the disk as may.
    Busy {
        /// How many that are.
        waiting: usize,
    },
    /// SQLite, or the system below it, failed. Whether the call was carried out is unknown.
    Failed {
        /// What it says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no room for another event.
    Full {
        /// How many there may be.
        capacity: u64,
    },
    /// Another process had the file locked for too long. Nothing was done.
    Locked {
        /// How long that is.
        limit: Duration,
    },
    /// The disk is full, or the file may not grow any more.
    NoSpace,
    /// The filesystem cannot hold a write-ahead log, as network filesystems cannot.
    NotLocal,
    /// The system has no randomness to give.
    Randomness,
    /// The system gives no thread.
    Thread {
        /// What it says.
        source: io::Error,
    },
    /// The writer's thread has ended, although the store is still there.
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

    /// The same error, for each call of a transaction that failed.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Busy { waiting } => Self::Busy { waiting: *waiting },
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
            Self::Busy { waiting } => write!(f, "{waiting} calls are waiting for the replay store's disk, which is the limit"),
            Self::Failed { source } => write!(f, "the replay store's file cannot be used: {source}"),
            Self::Full { capacity } => write!(
                f,
                "the replay store holds {capacity} events, as many as it may: raise the capacity or keep them for a shorter time"
            ),
            Self::Locked { limit } => {
                write!(f, "another process has had the replay store's file locked for {limit:?}")
            }
            Self::NoSpace => f.write_str("the disk has no room for the replay store"),
            Self::NotLocal => f.write_str(
                "the replay store's file cannot have a write-ahead log: put it on a local disk, not on a network filesystem",
            ),
            Self::Randomness => f.write_str("the system has no randomness to give"),
            Self::Thread { source } => write!(f, "the system gives no thread for the replay store: {source}"),
            Self::WriterGone => f.write_str("the thread of the replay store has ended"),
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

//! Who may write next, of the processes that have one file open.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// Locks the file for one transaction after the other, and leaves it to other processes in between.
///
/// SQLite's own wait for a lock, `busy_timeout`, comes to sleep for 100 ms at a time. One that always has something to write
/// unlocks the file and locks it again within microseconds, and those who sleep meanwhile would wait for ever. So whoever
/// waits looks often, and whoever had to wait lately lets the others look after each transaction. A process that is alone never
/// waits, and so never pauses.
pub(super) struct Turns {
    limit: Duration,
    ended: Option<Instant>,
    others_seen: Option<Instant>,
}

/// Between two looks at whether the file is free: less than a transaction takes.
const STEP: Duration = Duration::from_micros(500);

/// How long the file is left to others: longer than a step, so that each of them looks at it.
const PAUSE: Duration = Duration::from_millis(1);

/// For so long after it was locked, others may want it again.
const LATELY: Duration = Duration::from_secs(1);

impl Turns {
    /// Whoever waits longer than this fails.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, ended: None, others_seen: None }
    }

    /// Begins a transaction, which has the file locked. The connection may not have a wait of its own.
    ///
    /// # Errors
    ///
    /// If others have it locked for too long, among others; nothing was done then.
    pub(super) fn begin<'c>(&mut self, connection: &'c Connection) -> rusqlite::Result<Transaction<'c>> {
        self.let_others_look();
        let start = Instant::now();
        loop {
            match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
                Err(error) if is_busy(&error) => {
                    self.others_seen = Some(Instant::now());
                    if start.elapsed() >= self.limit {
                        return Err(error);
                    }
                    sleep(STEP);
                }
                begun => return begun,
            }
        }
    }

    /// The transaction is over, and the file unlocked.
    pub(super) fn end(&mut self) {
        self.ended = Some(Instant::now());
    }

    fn let_others_look(&self) {
        if let (Some(ended), Some(seen)) = (self.ended, self.others_seen)
            && seen.elapsed() < LATELY
        {
            sleep(PAUSE.saturating_sub(ended.elapsed()));
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

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
/// waits looks often, and whoever had to wait lately leaves the file to the others after each transaction. Who always finds it
/// free cannot know whether others want it, and leaves it to them now and then: a process that is alone pays for them with a
/// hundredth of its time at most, when it has no moment to spare.
pub(super) struct Turns {
    limit: Duration,
    /// When the last transaction was over.
    ended: Instant,
    /// When the file was last left to others for a pause.
    left: Instant,
    /// When others had it locked.
    others_seen: Option<Instant>,
}

/// Between two looks at whether the file is free: less than a transaction takes.
const STEP: Duration = Duration::from_micros(500);

/// How long the file is left to others: longer than a step, so that each of them looks at it.
const PAUSE: Duration = Duration::from_millis(1);

/// How long it may be kept from others that nobody has seen.
const KEPT: Duration = Duration::from_millis(100);

/// For so long after others had it locked they may want it again.
const LATELY: Duration = Duration::from_secs(1);

impl Turns {
    /// Whoever waits longer than this fails.
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, ended: now, left: now, others_seen: None }
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
        self.ended = Instant::now();
    }

    fn let_others_look(&mut self) {
        let pause = PAUSE.saturating_sub(self.ended.elapsed());
        let others_want_it = self.others_seen.is_some_and(|seen| seen.elapsed() < LATELY);
        if pause.is_zero() || others_want_it || self.left.elapsed() >= KEPT {
            sleep(pause);
            self.left = Instant::now();
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        connection
    }

    /// Nearly all the time the file is locked, as on a slow disk.
    #[test]
    fn whoever_has_never_seen_others_lets_them_look_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (path, is_over) = (folder.path().join("turns.db"), &AtomicBool::new(false));
        let (one, other) = (open(&path), open(&path));
        thread::scope(|threads| {
            threads.spawn(move || {
                let mut turns = Turns::new(Duration::MAX);
                while !is_over.load(Ordering::Relaxed) {
                    let transaction = turns.begin(&one).unwrap();
                    sleep(2 * KEPT);
                    transaction.commit().unwrap();
                    turns.end();
                }
            });
            sleep(3 * KEPT);
            let begun = Turns::new(20 * KEPT).begin(&other).map(drop);
            is_over.store(true, Ordering::Relaxed);
            begun.unwrap();
        });
    }
}

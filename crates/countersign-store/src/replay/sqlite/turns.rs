//! The file lock, which several processes take in turn.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// Locks the file for one transaction after the other, and pauses between them so that other processes can lock it.
///
/// SQLite's own wait for a lock, `busy_timeout`, sleeps for up to 100 ms at a time. A busy process unlocks the file and
/// locks it again within microseconds, so that a sleeping process would never get the lock. Therefore:
///
/// - A process that waits for the lock tries it often.
/// - A process that has waited lately pauses after each transaction.
/// - A process that has always found the file unlocked cannot know whether others wait, and pauses now and then. This
///   costs it at most a hundredth of its time.
pub(super) struct Turns {
    timeout: Duration,
    /// When the last transaction ended.
    ended: Instant,
    /// When the last pause ended.
    paused: Instant,
    /// When another process last had the file locked.
    others_seen: Option<Instant>,
}

/// The time between two tries of the lock: less than a transaction takes.
const STEP: Duration = Duration::from_micros(500);

/// The length of a pause: longer than a step, so that each waiting process tries the lock.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest time without a pause, as long as no other process was seen.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// For how long after another process had the file locked it may want it again.
const LATELY: Duration = Duration::from_secs(1);

impl Turns {
    /// `timeout` is how long a transaction may wait for the lock.
    pub(super) fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self { timeout, ended: now, paused: now, others_seen: None }
    }

    /// Begins a transaction, which locks the file. The connection must have no `busy_timeout`.
    ///
    /// # Errors
    ///
    /// Among others, if other processes have the file locked for longer than the timeout. Nothing was done then.
    pub(super) fn begin<'c>(&mut self, connection: &'c Connection) -> rusqlite::Result<Transaction<'c>> {
        self.pause_for_others();
        let start = Instant::now();
        loop {
            match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
                Err(error) if is_busy(&error) => {
                    self.others_seen = Some(Instant::now());
                    if start.elapsed() >= self.timeout {
                        return Err(error);
                    }
                    sleep(STEP);
                }
                begun => return begun,
            }
        }
    }

    /// Notes that the transaction has ended, and the file is unlocked.
    pub(super) fn end(&mut self) {
        self.ended = Instant::now();
    }

    fn pause_for_others(&mut self) {
        let pause = PAUSE.saturating_sub(self.ended.elapsed());
        let others_want_it = self.others_seen.is_some_and(|seen| seen.elapsed() < LATELY);
        if pause.is_zero() || others_want_it || self.paused.elapsed() >= LONGEST_TURN {
            sleep(pause);
            self.paused = Instant::now();
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

    /// The file is locked nearly all the time, as on a slow disk.
    #[test]
    fn a_process_that_has_seen_no_others_still_pauses_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let (path, is_over) = (folder.path().join("turns.db"), &AtomicBool::new(false));
        let (one, other) = (open(&path), open(&path));
        thread::scope(|threads| {
            threads.spawn(move || {
                let mut turns = Turns::new(Duration::MAX);
                while !is_over.load(Ordering::Relaxed) {
                    let transaction = turns.begin(&one).unwrap();
                    sleep(2 * LONGEST_TURN);
                    transaction.commit().unwrap();
                    turns.end();
                }
            });
            sleep(3 * LONGEST_TURN);
            let begun = Turns::new(20 * LONGEST_TURN).begin(&other).map(drop);
            is_over.store(true, Ordering::Relaxed);
            begun.unwrap();
        });
    }
}

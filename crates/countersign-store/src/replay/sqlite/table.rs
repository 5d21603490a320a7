//! The tables in the SQLite file, and the operations on them.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use countersign::replay::{Claim, Lease, Settlement};
use rusqlite::{Connection, OptionalExtension, Transaction, named_params};

use super::{
    super::{
        moment::Moment,
        operation::{ClaimOperation, SettleOperation},
    },
    SqliteOptions, SqliteStoreError,
    turns::{Turns, is_busy},
};

pub(super) struct Table {
    connection: Connection,
    limits: Limits,
    turns: Turns,
    lock_timeout: Duration,
}

/// The limits of the file.
#[derive(Clone, Copy)]
struct Limits {
    /// The number of events.
    capacity: u64,
    file: Option<FileLimit>,
}

/// How much the file may grow.
#[derive(Clone, Copy)]
struct FileLimit {
    /// The limit in the options.
    bytes: u64,
    /// How many pages claims may take. The rest is for commits and releases: if one fails, its handler runs again.
    claim_pages: i64,
}

/// An operation that runs within a transaction.
pub(super) trait Operation {
    type Answer;

    /// # Errors
    ///
    /// The outer error fails the transaction, the inner one the operation alone.
    fn run(&self, batch: &mut Batch<'_>) -> rusqlite::Result<Result<Self::Answer, SqliteStoreError>>;
}

impl Operation for ClaimOperation {
    type Answer = Claim;

    fn run(&self, batch: &mut Batch<'_>) -> rusqlite::Result<Result<Claim, SqliteStoreError>> {
        batch.within_limit(self.now, |batch| batch.claim(self))
    }
}

impl Operation for SettleOperation {
    type Answer = Settlement;

    fn run(&self, batch: &mut Batch<'_>) -> rusqlite::Result<Result<Settlement, SqliteStoreError>> {
        match self {
            Self::Commit { lease, until, now } => batch.commit(lease, *until, *now).map(Ok),
            Self::Release { lease, now } => batch.release(lease, *now).map(Ok),
        }
    }
}

/// `fence` is null for done events. The second table has one row with the number of events.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS countersign_replay_1 (
        key BLOB PRIMARY KEY,
        until INTEGER NOT NULL,
        fence INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS countersign_replay_1_until ON countersign_replay_1 (until);
    CREATE TABLE IF NOT EXISTS countersign_replay_1_count (id INTEGER PRIMARY KEY CHECK (id = 0), events INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO countersign_replay_1_count VALUES (0, (SELECT count(*) FROM countersign_replay_1));
";

/// The default size of a page in bytes.
const PAGE: u64 = 4096;

/// The largest number of pages of SQLite.
const MOST_PAGES: i64 = 0xffff_fffe;

/// The fraction of the file that claims must leave free for commits and releases. These move an event within the index,
/// and the space that the event leaves is not always free.
const RESERVED_SHARE: i64 = 4;

/// How many events that expired over an hour ago a claim removes: more than it adds, so that they never pile up.
const SWEPT_PER_CLAIM: i64 = 2;

/// How many expired events a claim removes that finds no room.
const SWEPT_WHEN_FULL: i64 = 256;

impl Table {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self, SqliteStoreError> {
        let failed = |error| SqliteStoreError::of(error, options.lock_timeout);
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(options.lock_timeout).map_err(failed)?;
        if enable_wal(&connection, options.lock_timeout).map_err(failed)? != "wal" {
            return Err(SqliteStoreError::NotLocal);
        }
        Self::prepare(connection, options).map_err(failed)
    }

    pub(super) fn in_memory(options: SqliteOptions) -> Result<Self, SqliteStoreError> {
        let failed = |error| SqliteStoreError::of(error, options.lock_timeout);
        Connection::open_in_memory().and_then(|connection| Self::prepare(connection, options)).map_err(failed)
    }

    fn prepare(connection: Connection, options: SqliteOptions) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Without these, macOS leaves data in the drive's cache. On other systems they have no effect.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages = options.bytes / u64::try_from(page).unwrap_or(PAGE);
        // SQLite ignores a limit of no pages.
        let pages = i64::try_from(pages).unwrap_or(i64::MAX).clamp(1, MOST_PAGES);
        connection.pragma_update(None, "max_page_count", pages)?;
        connection.busy_timeout(Duration::ZERO)?;
        let mut turns = Turns::new(options.lock_timeout);
        let transaction = turns.begin(&connection)?;
        transaction.execute_batch(SCHEMA)?;
        transaction.commit()?;
        connection.set_prepared_statement_cache_capacity(32);
        let limit = FileLimit { bytes: options.bytes, claim_pages: pages - pages / RESERVED_SHARE };
        let limits = Limits { capacity: options.capacity, file: (options.bytes < u64::MAX).then_some(limit) };
        Ok(Self { connection, limits, turns, lock_timeout: options.lock_timeout })
    }

    /// Runs operations in one transaction, and returns when it is on the disk. After [`SqliteStoreError::Locked`] and
    /// [`SqliteStoreError::NoSpace`] nothing was done. After another error that is unknown: when a disk fails at the
    /// end of a transaction, all of it may be there later, or nothing.
    pub(super) fn transact(
        &mut self,
        run: impl FnOnce(&mut Batch<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), SqliteStoreError> {
        let limit = self.lock_timeout;
        let done = self.in_transaction(run);
        self.turns.end();
        done.map_err(|error| SqliteStoreError::of(error, limit))
    }

    fn in_transaction(&mut self, run: impl FnOnce(&mut Batch<'_>) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let transaction = self.turns.begin(&self.connection)?;
        let mut batch = Batch::begin(&transaction, self.limits)?;
        run(&mut batch)?;
        batch.end()?;
        transaction.commit()
    }
}

/// Switches the file to a write-ahead log, and returns its journal mode.
///
/// When several processes do this at once, SQLite returns "busy" to all but the first without waiting.
fn enable_wal(connection: &Connection, limit: Duration) -> rusqlite::Result<String> {
    let start = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error) if is_busy(&error) && start.elapsed() < limit => sleep(BETWEEN_ATTEMPTS),
            mode => return mode,
        }
    }
}

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// The transaction of a batch of calls.
pub(super) struct Batch<'t> {
    transaction: &'t Transaction<'t>,
    limits: Limits,
    events: u64,
    events_before: u64,
}

impl<'t> Batch<'t> {
    fn begin(transaction: &'t Transaction<'t>, limits: Limits) -> rusqlite::Result<Self> {
        let mut count = transaction.prepare_cached("SELECT events FROM countersign_replay_1_count WHERE id = 0")?;
        let events: i64 = count.query_row([], |row| row.get(0))?;
        let events = u64::try_from(events).unwrap_or(0);
        Ok(Self { transaction, limits, events, events_before: events })
    }

    /// Runs a claim, and rolls it back if the file grew larger than claims may make it.
    fn within_limit(
        &mut self,
        now: Moment,
        claim: impl FnOnce(&mut Self) -> rusqlite::Result<Result<Claim, SqliteStoreError>>,
    ) -> rusqlite::Result<Result<Claim, SqliteStoreError>> {
        let Some(FileLimit { bytes, claim_pages }) = self.limits.file else { return claim(self) };
        // Before the savepoint, so that a rollback of the claim does not bring these events back.
        if self.pages()? >= claim_pages {
            self.sweep(now, SWEPT_WHEN_FULL)?;
        }
        let (events, before) = (self.events, self.pages()?);
        self.transaction.prepare_cached("SAVEPOINT claim")?.execute([])?;
        let mut claimed = claim(self)?;
        let pages = self.pages()?;
        if pages > before && pages > claim_pages {
            self.transaction.prepare_cached("ROLLBACK TO claim")?.execute([])?;
            self.events = events;
            // The rollback brought back the events that the claim removed. The next claim needs their room.
            self.sweep(now, SWEPT_WHEN_FULL)?;
            claimed = Err(SqliteStoreError::ByteLimit { bytes });
        }
        self.transaction.prepare_cached("RELEASE claim")?.execute([])?;
        Ok(claimed)
    }

    /// The number of pages in use.
    fn pages(&self) -> rusqlite::Result<i64> {
        let pragma = |sql: &str| self.transaction.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
        Ok(pragma("PRAGMA page_count")? - pragma("PRAGMA freelist_count")?)
    }

    fn claim(&mut self, operation: &ClaimOperation) -> rusqlite::Result<Result<Claim, SqliteStoreError>> {
        let ClaimOperation { key, fence, until, now } = operation;
        let mut known =
            self.transaction.prepare_cached("SELECT until, fence FROM countersign_replay_1 WHERE key = :key")?;
        let known: Option<(i64, Option<i64>)> = known
            .query_row(named_params! { ":key": key.as_bytes() }, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match known {
            Some((end, holder)) if end > now.millis() => {
                return Ok(Ok(if holder.is_some() { Claim::InProgress } else { Claim::Done }));
            }
            Some(_) => {}
            None => {
                self.sweep(now.an_hour_before(), SWEPT_PER_CLAIM)?;
                if self.events >= self.limits.capacity {
                    self.sweep(*now, SWEPT_WHEN_FULL)?;
                }
                if self.events >= self.limits.capacity {
                    return Ok(Err(SqliteStoreError::Full { capacity: self.limits.capacity }));
                }
                self.events += 1;
            }
        }
        let mut claim = self.transaction.prepare_cached(
            "INSERT INTO countersign_replay_1 (key, until, fence) VALUES (:key, :until, :fence)
             ON CONFLICT (key) DO UPDATE SET until = excluded.until, fence = excluded.fence",
        )?;
        claim.execute(named_params! {
            ":key": key.as_bytes(), ":until": until.millis(), ":fence": fence.cast_signed(),
        })?;
        Ok(Ok(Claim::Fresh(operation.lease())))
    }

    fn commit(&mut self, lease: &Lease, until: Moment, now: Moment) -> rusqlite::Result<Settlement> {
        let mut commit = self.transaction.prepare_cached(
            "UPDATE countersign_replay_1 SET until = :until, fence = NULL
             WHERE key = :key AND fence = :fence AND until > :now",
        )?;
        let changed = commit.execute(named_params! {
            ":key": lease.key().as_bytes(), ":fence": lease.fence().cast_signed(),
            ":until": until.millis(), ":now": now.millis(),
        })?;
        Ok(settlement(changed))
    }

    fn release(&mut self, lease: &Lease, now: Moment) -> rusqlite::Result<Settlement> {
        let mut release = self
            .transaction
            .prepare_cached("DELETE FROM countersign_replay_1 WHERE key = :key AND fence = :fence AND until > :now")?;
        let removed = release.execute(named_params! {
            ":key": lease.key().as_bytes(), ":fence": lease.fence().cast_signed(), ":now": now.millis(),
        })?;
        self.events = self.events.saturating_sub(removed as u64);
        Ok(settlement(removed))
    }

    /// Removes some of the events that expired by then.
    fn sweep(&mut self, then: Moment, most: i64) -> rusqlite::Result<()> {
        let mut sweep = self.transaction.prepare_cached(
            "DELETE FROM countersign_replay_1 WHERE key IN
             (SELECT key FROM countersign_replay_1 WHERE until <= :then ORDER BY until LIMIT :most)",
        )?;
        let removed = sweep.execute(named_params! { ":then": then.millis(), ":most": most })?;
        self.events = self.events.saturating_sub(removed as u64);
        Ok(())
    }

    fn end(self) -> rusqlite::Result<()> {
        if self.events != self.events_before {
            let mut count =
                self.transaction.prepare_cached("UPDATE countersign_replay_1_count SET events = :events")?;
            count.execute(named_params! { ":events": i64::try_from(self.events).unwrap_or(i64::MAX) })?;
        }
        Ok(())
    }
}

fn settlement(rows: usize) -> Settlement {
    if rows > 0 { Settlement::Settled } else { Settlement::Lapsed }
}

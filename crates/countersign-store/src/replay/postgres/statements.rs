//! The SQL statements.

use countersign::replay::{Claim, Settlement};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::super::{
    attempt::Attempt,
    moment::Moment,
    operation::{ClaimOperation, SettleOperation},
};

/// The SQL that creates the table, for a database in which applications may not create tables.
///
/// `until` is in milliseconds since 1970. A row is a claim or a done event.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS countersign_replay_1 (
    key bytea PRIMARY KEY,
    until bigint NOT NULL,
    fence bigint NOT NULL,
    done boolean NOT NULL
);
CREATE INDEX IF NOT EXISTS countersign_replay_1_until ON countersign_replay_1 (until);
";

/// The SQL that creates the table under a lock: two processes that create it at once would get errors.
pub(super) fn schema() -> String {
    format!("BEGIN; SELECT pg_advisory_xact_lock(4847267013281914214); {SCHEMA} COMMIT")
}

pub(super) const IS_THERE: &str = "SELECT to_regclass('countersign_replay_1') IS NOT NULL";

/// The privileges that this role lacks on the table; null if it has all that the store needs.
pub(super) const MISSING: &str = "
SELECT string_agg(privilege, ', ' ORDER BY number)
FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS needed (privilege, number)
WHERE NOT has_table_privilege('countersign_replay_1', privilege)";

/// An operation that runs as one statement.
pub(super) trait Statement: Sync {
    type Answer: Send;

    /// Runs the statement. `None` if others claimed and settled the event in the meantime, so that it has to run again.
    fn run(
        &self,
        client: &ClientWrapper,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Option<Self::Answer>, Error>> + Send;
}

impl Statement for ClaimOperation {
    type Answer = Claim;

    async fn run(&self, client: &ClientWrapper, _: Attempt) -> Result<Option<Claim>, Error> {
        let claim = client.prepare_cached(CLAIM).await?;
        let key: &[u8] = self.key.as_bytes();
        let (until, fence, now) = (self.until.millis(), self.fence.cast_signed(), self.now.millis());
        let Some(row) = client.query_opt(&claim, &[&key, &until, &fence, &now]).await? else { return Ok(None) };
        Ok(Some(match row.try_get::<_, i32>(0)? {
            0 => Claim::Fresh(self.lease()),
            1 => Claim::InProgress,
            _ => Claim::Done,
        }))
    }
}

impl Statement for SettleOperation {
    type Answer = Settlement;

    async fn run(&self, client: &ClientWrapper, attempt: Attempt) -> Result<Option<Settlement>, Error> {
        let changed = match self {
            Self::Commit { lease, until, now } => {
                let commit = client.prepare_cached(COMMIT).await?;
                let again = attempt == Attempt::Second;
                let (key, fence) = (lease.key(), lease.fence().cast_signed());
                let key: &[u8] = key.as_bytes();
                client.execute(&commit, &[&key, &fence, &until.millis(), &now.millis(), &again]).await?
            }
            Self::Release { lease, now } => {
                let release = client.prepare_cached(RELEASE).await?;
                let (key, fence) = (lease.key(), lease.fence().cast_signed());
                let key: &[u8] = key.as_bytes();
                client.execute(&release, &[&key, &fence, &now.millis()]).await?
            }
        };
        Ok(Some(if changed > 0 { Settlement::Settled } else { Settlement::Lapsed }))
    }
}

/// Removes some of the events that expired over an hour ago. Calls run at the same time. The hour keeps it from
/// removing their claims if the clock steps back meanwhile.
pub(super) async fn purge(client: &ClientWrapper, now: Moment) -> Result<u64, Error> {
    let purge = client.prepare_cached(PURGE).await?;
    client.execute(&purge, &[&now.an_hour_before().millis()]).await
}

/// The last part reads the table as it was when the statement began. An expired row gives no answer, and a later row is
/// not visible.
const CLAIM: &str = "
WITH claimed AS (
    INSERT INTO countersign_replay_1 AS known (key, until, fence, done) VALUES ($1, $2, $3, false)
    ON CONFLICT (key) DO UPDATE SET until = excluded.until, fence = excluded.fence, done = false
    WHERE known.until <= $4 OR (known.fence = excluded.fence AND NOT known.done)
    RETURNING 0 AS answer
)
SELECT answer FROM claimed
UNION ALL
SELECT CASE WHEN done THEN 2 ELSE 1 END FROM countersign_replay_1
WHERE key = $1 AND until > $4 AND NOT EXISTS (SELECT FROM claimed)";

const COMMIT: &str = "
UPDATE countersign_replay_1 SET until = $3, done = true
WHERE key = $1 AND fence = $2 AND CASE WHEN done THEN $5 ELSE until > $4 END";

const RELEASE: &str = "
DELETE FROM countersign_replay_1 WHERE key = $1 AND fence = $2 AND NOT done AND until > $3";

const PURGE: &str = "
DELETE FROM countersign_replay_1 WHERE until <= $1 AND key IN (
    SELECT key FROM countersign_replay_1 WHERE until <= $1 ORDER BY until LIMIT 1024 FOR UPDATE SKIP LOCKED
)";

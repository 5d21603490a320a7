//! The store in Postgres, for any number of machines, and for events that a failover may not lose.
//!
//! ```no_run
//! use countersign_store::replay::{PostgresReplayStore, postgres::PostgresOptions};
//!
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresReplayStore::connect("postgresql://hooks@db.internal/hooks").await?;
//!
//! // Or, where the defaults do not fit:
//! let options = PostgresOptions::new("postgresql://hooks@db.internal/hooks")?.with_connections(4);
//! let store = PostgresReplayStore::connect_with(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each call is one statement, which commits by itself; two that claim one event at the same moment may need one more to
//! see who was first. The table, [`SCHEMA`], is made by the first process that connects, if nobody has made it yet: a role
//! that may not create tables needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on it, and connecting fails without
//! ([`PostgresStoreError::Privileges`]).
//!
//! - **Durability** is that of the server. What was answered survives its crash, and a failover to a replica that follows
//!   synchronously; with one that does not, what it had not received is lost, and can be replayed. Where
//!   `synchronous_commit` is `off`, the store sets it to `on` for its own connections. It leaves `local`, with which no replica
//!   is waited for, and `remote_write`, with which a replica has not yet written to its disk what was answered, and loses it
//!   if its machine ends as well.
//! - **Expiry**: at one claim of 256, up to 1,024 events that have been over for an hour are removed beside it. Postgres bounds
//!   the table by nothing but its disk; a disk that is full is an error ([`PostgresStoreError::Full`]), and forgets nothing.
//! - **Waiting**: a call ends within the time limit, 1 s by default, with an answer or an error, the wait for one of the 8
//!   connections included; 1,024 calls may wait, more are refused. One whose connection breaks is asked again once, in the
//!   same time: it is recognised by its fence. A connection that has not answered in time is given up. Of several hosts, each
//!   has half of the time to be connected to, and of several addresses of one name each half of that of its host, unless
//!   `connect_timeout` in the URL says otherwise.
//! - **Hanging**: what was given up goes on in its session, and when Postgres commits it heeds no time limit: with
//!   `synchronous_standby_names` and no standby it waits until one comes. Such sessions are counted until they end, for ten
//!   minutes at most. When they are three times as many as there may be connections, 24 by default, calls are refused at once
//!   ([`PostgresStoreError::Hung`]), so that other clients of the server are not kept out.
//! - **TLS**, with the feature `tls`: a URL with `sslmode=verify-full` or `require` connects over TLS 1.2 or 1.3 and to nothing
//!   else. The server has to prove that it is the host of the URL, to the public authorities of Mozilla's list, or to those
//!   of [`PostgresOptions::with_only_root_pem`]; `sslrootcert` in a URL is not known. `prefer` is refused, and a URL that says
//!   nothing means no TLS. A password's proof is tied to the server's certificate where the server can
//!   (`channel_binding`). The store shows no certificate of its own.
//! - **Poolers**: the connections set `statement_timeout` and prepare their statements, so PgBouncer needs `session` mode.

mod error;
mod hosts;
mod options;
mod pool;
#[cfg(feature = "tls")]
mod secure;
mod ssl_mode;
mod statements;

use std::{fmt, sync::Arc, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

use self::pool::Connections;
pub use self::{error::PostgresStoreError, options::PostgresOptions, statements::SCHEMA};
use super::{
    fence::Fences,
    moment::Moment,
    operation::{ClaimOperation, SettleOperation},
};

/// Keeps claims in Postgres. See the [module docs](self).
///
/// It is made and used in a tokio runtime with I/O and a timer.
pub struct PostgresReplayStore {
    connections: Arc<Connections>,
    fences: Fences,
}

/// At one claim of so many, what has been over for an hour is removed: four events at most for each that came.
const CLAIMS_PER_PURGE: u64 = 256;

impl PostgresReplayStore {
    /// Connects with the defaults: `postgresql://[user[:password]@]host[:port]/database`, or `key=value` pairs, as for libpq.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or the server cannot be reached or refuses.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, PostgresStoreError> {
        Self::connect_with(PostgresOptions::new(url)?).await
    }

    /// Connects, and makes the table if it is not there.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or refuses.
    pub async fn connect_with(options: PostgresOptions) -> Result<Self, PostgresStoreError> {
        let connections = Connections::new(options)?;
        connections.prepare().await?;
        let fences = Fences::new().map_err(|_| PostgresStoreError::Randomness)?;
        Ok(Self { connections: Arc::new(connections), fences })
    }

    /// Removes what has been over for an hour, beside the calls. Fences count from anywhere on, so that processes which make few
    /// claims before they end take their turn, too.
    fn purge_at_times(&self, fence: u64, now: Moment) {
        if fence.is_multiple_of(CLAIMS_PER_PURGE) {
            let connections = Arc::clone(&self.connections);
            tokio::spawn(async move { connections.purge(now).await });
        }
    }
}

impl ReplayStore for PostgresReplayStore {
    type Error = PostgresStoreError;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, PostgresStoreError> {
        let operation = ClaimOperation::new(key, self.fences.next(), lease_for, now);
        let (claim, _) = self.connections.ask(&operation).await?;
        self.purge_at_times(operation.fence, operation.now);
        Ok(claim)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, PostgresStoreError> {
        let (settlement, _) = self.connections.ask(&SettleOperation::commit(lease, keep_for, now)).await?;
        Ok(settlement)
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, PostgresStoreError> {
        match self.connections.ask(&SettleOperation::release(lease, now)).await? {
            // The first attempt may have released the lease, and its answer was lost.
            (Settlement::Lapsed, Some(lost)) => Err(lost),
            (settlement, _) => Ok(settlement),
        }
    }
}

impl fmt::Debug for PostgresReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresReplayStore").finish_non_exhaustive()
    }
}

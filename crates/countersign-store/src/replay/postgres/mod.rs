//! The store in Postgres, for any number of machines, and for events that must survive a failover.
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
//! Each call is one statement, which commits by itself. When two calls claim one event at the same moment, one of them
//! may need a second statement to read the result. The first process that connects creates the table, [`SCHEMA`], if it
//! does not exist. A role that may not create tables needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on it; without
//! them, connecting fails ([`PostgresStoreError::Privileges`]).
//!
//! - **Durability** is that of the server. An acknowledged operation survives a crash of the server, and a failover to
//!   a synchronous replica. A failover to an asynchronous replica loses what the replica has not received, and those
//!   events can be replayed. If `synchronous_commit` is `off`, the store sets it to `on` for its own connections. It
//!   does not change `local`, which waits for no replica. Nor does it change `remote_write`, with which a replica may
//!   acknowledge an operation before that is on its disk, and loses it if its machine crashes as well.
//! - **Expiry**: one claim of 256 also starts the removal of up to 1,024 events that expired over an hour ago. It runs
//!   in the background. Only the disk limits the size of the table. A full disk is an error
//!   ([`PostgresStoreError::Full`]), and no event is forgotten.
//! - **Timeout**: a call ends within the timeout, 1 s by default, with an answer or an error. This includes the wait
//!   for one of the 8 connections. Up to 1,024 calls may wait; further calls are refused. If its connection breaks, a
//!   call is repeated once, within the same timeout. The server recognises it by its fence. A connection that has not
//!   answered in time is closed. If the URL has several hosts, connecting to each may take half of the timeout, and if
//!   a host name has several addresses, each of them half of that, unless `connect_timeout` in the URL says otherwise.
//! - **Hanging sessions**: after a timeout the statement goes on in its session. A commit in Postgres has no timeout:
//!   with `synchronous_standby_names` and no standby, it waits until there is one. The store counts such sessions until
//!   they end, for ten minutes at most. When there are three for each connection that it may open, 24 by default, it
//!   refuses calls at once ([`PostgresStoreError::Hung`]), so that other clients can still connect to the server.
//! - **TLS**, with the feature `tls`: a URL with `sslmode=verify-full` or `require` connects over TLS 1.2 or 1.3, never
//!   without TLS. The server's certificate must be for the host of the URL. It must lead to a root of Mozilla's list,
//!   or to one of [`PostgresOptions::with_only_root_pem`]; the parameter `sslrootcert` is not supported. `prefer` is an
//!   error, and a URL without `sslmode` means no TLS. Password authentication is bound to the server's certificate if
//!   the server supports it (`channel_binding`). The store has no client certificate.
//! - **Poolers**: the connections set `statement_timeout` and prepare their statements, so PgBouncer needs `session`
//!   mode.

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

/// A replay store in Postgres. See the [module docs](self).
///
/// It needs a tokio runtime with I/O and time enabled.
pub struct PostgresReplayStore {
    connections: Arc<Connections>,
    fences: Fences,
}

/// One claim of so many starts a purge of up to 1,024 events: up to four for each new one.
const CLAIMS_PER_PURGE: u64 = 256;

impl PostgresReplayStore {
    /// Connects to the database at a URL, with the default options:
    /// `postgresql://[user[:password]@]host[:port]/database`, or `key=value` pairs, as for libpq.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or the server cannot be reached or refuses.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, PostgresStoreError> {
        Self::connect_with(PostgresOptions::new(url)?).await
    }

    /// Connects with these options, and creates the table if it does not exist.
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

    /// Starts a purge in the background for every 256th fence. Fences begin at a random number, so that processes which
    /// end after a few claims purge as well.
    fn purge_sometimes(&self, fence: u64, now: Moment) {
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
        self.purge_sometimes(operation.fence, operation.now);
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

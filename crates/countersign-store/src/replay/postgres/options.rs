use std::{fmt, time::Duration};

use tokio_postgres::{Config, config::TargetSessionAttrs};

use super::PostgresStoreError;

/// How to reach Postgres, and how much to ask of it.
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
}

/// Enough to keep a server's disk busy, as commits of several connections share its writes.
const CONNECTIONS: usize = 8;

/// 1 s: half of what the layer gives a store.
const TIMEOUT: Duration = Duration::from_secs(1);

impl PostgresOptions {
    /// The defaults for the database at this URL: `postgresql://[user[:password]@]host[:port]/database`, or `key=value`
    /// pairs, as for libpq. Of several hosts, the one that takes writes is chosen. Connections are not encrypted; a URL with
    /// `sslmode=require` gets none.
    ///
    /// # Errors
    ///
    /// If the URL is malformed. The error does not show it, for there may be a password in it.
    pub fn new(url: impl AsRef<str>) -> Result<Self, PostgresStoreError> {
        let mut config: Config = url.as_ref().parse().map_err(|_| PostgresStoreError::Url)?;
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        Ok(Self { config, connections: CONNECTIONS, timeout: TIMEOUT })
    }

    /// Opens so many connections at most, one at least, instead of 8.
    pub fn with_connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Gives each call so much time, the wait for a connection included, instead of 1 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl fmt::Debug for PostgresOptions {
    /// Without the address: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

//! The settings of a store in Postgres, and their defaults.

#[cfg(feature = "tls")]
use std::sync::Arc;
use std::{fmt, time::Duration};

#[cfg(feature = "tls")]
use rustls::ClientConfig;
use tokio_postgres::{
    Config,
    config::{SslMode, TargetSessionAttrs},
};

#[cfg(feature = "tls")]
use super::{super::tls, secure::PROTOCOL};
use super::{PostgresStoreError, ssl_mode};

/// The options of a [`PostgresReplayStore`](super::PostgresReplayStore).
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    pub(super) config: Config,
    /// `None` for connections without TLS.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
}

/// Enough to keep a server's disk busy, since it writes the commits of several connections together.
const CONNECTIONS: usize = 8;

/// Far above what one server takes: our choice of a bound.
const MOST_CONNECTIONS: usize = 1000;

/// 1 s: half of the time that the layer gives a store.
const TIMEOUT: Duration = Duration::from_secs(1);

/// 30 s: a machine that acknowledges no packet for this long is gone. A server that hangs still acknowledges packets.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);

impl PostgresOptions {
    /// The default options for the database at a URL: `postgresql://[user[:password]@]host[:port]/database`, or
    /// `key=value` pairs, as for libpq. If there are several hosts, the store connects to one that accepts writes.
    ///
    /// Connections use TLS with `sslmode=require`, or in a URL with `verify-full` or `verify-ca`. Each of these
    /// verifies the server's certificate and host name. Connections use no TLS with `disable` or without `sslmode`.
    /// `prefer`, which leaves the choice to the server, is an error.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, has `sslmode=prefer`, or asks for TLS without the feature `tls`. The error does not
    /// show the URL, which may contain a password.
    pub fn new(url: impl AsRef<str>) -> Result<Self, PostgresStoreError> {
        let mut config = ssl_mode::config(url.as_ref())?;
        let is_secure = config.get_ssl_mode() == SslMode::Require;
        #[cfg(not(feature = "tls"))]
        if is_secure {
            return Err(PostgresStoreError::NoTls);
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_TIMEOUT);
        }
        Ok(Self {
            config,
            #[cfg(feature = "tls")]
            tls: is_secure.then(|| tls::with_public_roots(&[PROTOCOL])),
            connections: CONNECTIONS,
            timeout: TIMEOUT,
        })
    }

    /// Trusts only the root certificates in a PEM text, such as those of your company or your host. They replace the
    /// roots of Mozilla's list.
    ///
    /// # Errors
    ///
    /// If the URL does not ask for TLS, or the text has no certificate or one that cannot be read.
    #[cfg(feature = "tls")]
    pub fn with_only_root_pem(mut self, pem: &str) -> Result<Self, PostgresStoreError> {
        if self.tls.is_none() {
            return Err(PostgresStoreError::NotSecure);
        }
        self.tls = Some(tls::with_only_root_pem(pem, &[PROTOCOL]).ok_or(PostgresStoreError::Roots)?);
        Ok(self)
    }

    /// Sets how many connections may be open, from one to 1000: 8 by default.
    pub fn with_connections(mut self, most: usize) -> Self {
        self.connections = most.clamp(1, MOST_CONNECTIONS);
        self
    }

    /// Sets the timeout of a call, which includes the wait for a connection: 1 s by default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl fmt::Debug for PostgresOptions {
    /// Omits the URL, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

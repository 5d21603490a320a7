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

/// How to reach Postgres, and how much to ask of it.
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    pub(super) config: Config,
    /// How the server proves who it is, if the connections are to be encrypted.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
}

/// Enough to keep a server's disk busy, as commits of several connections share its writes.
const CONNECTIONS: usize = 8;

/// 1 s: half of what the layer gives a store.
const TIMEOUT: Duration = Duration::from_secs(1);

/// 30 s: a machine that has not acknowledged for this long what was sent is gone, which is not the same as a server
/// that hangs.
const DEAF: Duration = Duration::from_secs(30);

impl PostgresOptions {
    /// The defaults for the database at this URL: `postgresql://[user[:password]@]host[:port]/database`, or `key=value`
    /// pairs, as for libpq. Of several hosts, the one that takes writes is chosen.
    ///
    /// Connections are encrypted if it says `sslmode=require`, or in a URL `verify-full` or `verify-ca`, and then the server's
    /// certificate is verified in full, whichever it says. They are not if it says `disable` or nothing of the kind. `prefer`,
    /// which leaves it to whoever answers, is refused.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, says `sslmode=prefer`, or asks for TLS without the feature `tls`. The error does not show it,
    /// for there may be a password in it.
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
            config.tcp_user_timeout(DEAF);
        }
        Ok(Self {
            config,
            #[cfg(feature = "tls")]
            tls: is_secure.then(|| tls::with_public_roots(&[PROTOCOL])),
            connections: CONNECTIONS,
            timeout: TIMEOUT,
        })
    }

    /// Trusts only the root certificates in a PEM text, such as those of your company or your host. They replace the roots
    /// of Mozilla's list.
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

//! The settings of a store in Redis, and their defaults.

use std::{fmt, time::Duration};

use super::{RedisStoreError, server::Server, url::Url};
#[cfg(feature = "tls")]
use crate::replay::tls;

/// The options of a [`RedisReplayStore`](super::RedisReplayStore).
#[derive(Clone)]
#[must_use]
pub struct RedisOptions {
    /// One server, or some nodes of a cluster.
    pub(super) servers: Vec<Server>,
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    pub(super) may_evict: MayEvict,
}

/// Which servers the store accepts, by what is known of their eviction policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayEvict {
    /// Only those known not to evict keys.
    Refused,
    /// Also those whose policy is unknown.
    Unknown,
    /// Every server.
    Accepted,
}

/// 1 s: half of the time that the layer gives a store, so that the layer's log has the error of the store.
const TIMEOUT: Duration = Duration::from_secs(1);

impl RedisOptions {
    /// The default options for the server at a URL: `redis://[user:password@]host[:port][/database]`, the same with
    /// `rediss://` for TLS, or `unix:///path`.
    ///
    /// If the server is a node of a cluster, the store asks it for the other nodes. A URL may name several nodes,
    /// `redis://host:port,host:port`, so that the store can be opened while one of them is down.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or asks for TLS without the feature `tls`. The error does not show the URL, which may
    /// contain a password.
    pub fn new(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        let Url { infos, is_secure } = Url::parse(url.as_ref())?;
        #[cfg(not(feature = "tls"))]
        if is_secure {
            return Err(RedisStoreError::NoTls);
        }
        #[cfg(feature = "tls")]
        let tls = is_secure.then(|| tls::with_public_roots(&[]));
        let servers = infos.into_iter().map(|info| Server {
            info,
            #[cfg(feature = "tls")]
            tls: tls.clone(),
        });
        Ok(Self {
            servers: servers.collect(),
            prefix: "countersign".to_owned(),
            timeout: TIMEOUT,
            may_evict: MayEvict::Refused,
        })
    }

    /// Trusts only the root certificates in a PEM text, such as those of your company or your host. They replace the
    /// roots of Mozilla's list.
    ///
    /// # Errors
    ///
    /// If the URL does not ask for TLS, or the text has no certificate or one that cannot be read.
    #[cfg(feature = "tls")]
    pub fn with_only_root_pem(mut self, pem: &str) -> Result<Self, RedisStoreError> {
        if self.servers.iter().any(|server| server.tls.is_none()) {
            return Err(RedisStoreError::NotSecure);
        }
        let tls = tls::with_only_root_pem(pem, &[]).ok_or(RedisStoreError::Roots)?;
        for server in &mut self.servers {
            server.tls = Some(tls.clone());
        }
        Ok(self)
    }

    /// Sets the prefix of each key, which a colon follows: `countersign` by default. All processes that share events
    /// need the same prefix.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the timeout of a call, which includes a reconnection: 1 s by default. It should be shorter than the timeout
    /// of the caller, which is 2 s for a `ReplayLayer`: a call that is dropped cannot look for a server that took over.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Accepts a server that may evict keys. An attacker who can fill its memory can make it forget events, and then
    /// replay them.
    pub fn dangerous_allow_eviction(mut self) -> Self {
        self.may_evict = MayEvict::Accepted;
        self
    }

    /// Accepts a server that does not tell whether it may evict keys, because it allows neither `INFO` nor `CONFIG
    /// GET`. Make sure that its `maxmemory-policy` is `noeviction`.
    pub fn dangerous_trust_eviction_policy(mut self) -> Self {
        self.may_evict = MayEvict::Unknown;
        self
    }
}

impl fmt::Debug for RedisOptions {
    /// Omits the URL, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("may_evict", &self.may_evict)
            .finish_non_exhaustive()
    }
}

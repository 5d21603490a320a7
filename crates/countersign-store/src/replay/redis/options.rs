//! The settings of a store in Redis, and their defaults.

use std::{fmt, time::Duration};

use super::{RedisStoreError, server::Server, url::Url};
#[cfg(feature = "tls")]
use crate::replay::tls;

/// How to reach Redis, and what to ask of it.
#[derive(Clone)]
#[must_use]
pub struct RedisOptions {
    /// One, or some nodes of a cluster.
    pub(super) servers: Vec<Server>,
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    pub(super) may_evict: MayEvict,
}

/// What is made of a server that may evict keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayEvict {
    Refused,
    Unknown,
    Accepted,
}

/// 1 s: half of what the layer gives a store, so that its log tells what was wrong.
const TIMEOUT: Duration = Duration::from_secs(1);

impl RedisOptions {
    /// The defaults for the server at this URL: `redis://[user:password@]host[:port][/database]`, the same with `rediss://`
    /// for TLS, or `unix:///path`. If that is a node of a cluster, the store finds the others by it; a URL may name several
    /// nodes, `redis://host:port,host:port`, so that one of them can be away when the store is opened.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or asks for TLS without the feature `tls`. The error does not show it, for there may be a
    /// password in it.
    pub fn new(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        let Url { infos, is_secure } = Url::parse(url.as_ref())?;
        #[cfg(not(feature = "tls"))]
        if is_secure {
            return Err(RedisStoreError::NoTls);
        }
        #[cfg(feature = "tls")]
        let tls = is_secure.then(|| tls::of_public_roots(&[]));
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

    /// Trusts only the root certificates in a PEM text, such as those of your company or your host. They replace the roots
    /// of Mozilla's list.
    ///
    /// # Errors
    ///
    /// If the URL does not ask for TLS, or the text has no certificate or one that cannot be read.
    #[cfg(feature = "tls")]
    pub fn with_only_root_pem(mut self, pem: &str) -> Result<Self, RedisStoreError> {
        if self.servers.iter().any(|server| server.tls.is_none()) {
            return Err(RedisStoreError::NotSecure);
        }
        let tls = tls::of_pem(pem, &[]).ok_or(RedisStoreError::Roots)?;
        for server in &mut self.servers {
            server.tls = Some(tls.clone());
        }
        Ok(self)
    }

    /// Begins the name of each key with this and a colon, instead of `countersign:`. All that share events need the same.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Gives each call so much time, a reconnection included, instead of 1 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes a server that may evict keys. Whoever can make it run out of memory can make it forget events, and then replay
    /// them.
    pub fn dangerous_allow_eviction(mut self) -> Self {
        self.may_evict = MayEvict::Accepted;
        self
    }

    /// Takes a server that tells nobody whether it may evict keys, because it allows neither `INFO` nor `CONFIG GET`. Make sure
    /// that its `maxmemory-policy` is `noeviction`.
    pub fn dangerous_trust_eviction_policy(mut self) -> Self {
        self.may_evict = MayEvict::Unknown;
        self
    }
}

impl fmt::Debug for RedisOptions {
    /// Without the address: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("may_evict", &self.may_evict)
            .finish_non_exhaustive()
    }
}

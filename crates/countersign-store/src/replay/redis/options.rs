use std::{fmt, time::Duration};

use redis::{Client, IntoConnectionInfo};

use super::RedisStoreError;

/// How to reach Redis, and what to ask of it.
#[derive(Clone)]
#[must_use]
pub struct RedisOptions {
    pub(super) client: Client,
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
    /// The defaults for the server at this URL: `redis://[user:password@]host[:port][/database]`, or `unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed. The error does not show it, for there may be a password in it.
    pub fn new(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        let info = url.as_ref().into_connection_info().map_err(|_| RedisStoreError::Url)?;
        let client = Client::open(info).map_err(|_| RedisStoreError::Url)?;
        Ok(Self { client, prefix: "countersign".to_owned(), timeout: TIMEOUT, may_evict: MayEvict::Refused })
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

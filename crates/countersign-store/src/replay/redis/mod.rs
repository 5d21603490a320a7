//! The store in Redis or Valkey, for any number of machines.
//!
//! ```no_run
//! use countersign_store::replay::{RedisReplayStore, redis::RedisOptions};
//!
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisReplayStore::connect("redis://redis.internal/0").await?;
//!
//! // Or, where the defaults do not fit:
//! let options = RedisOptions::new("redis://redis.internal/0")?.with_prefix("hooks-of-billing");
//! let store = RedisReplayStore::connect_with(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each call is one script that Redis runs as one step, on one key, in one round trip on one connection that all calls
//! share. The key is `countersign:{…}` with the event's key in hexadecimal, and so goes to one slot of a cluster; the value
//! is `h` (held) or `d` (done), when that ends, in milliseconds since 1970, and the fence. Redis 6 or later, or Valkey.
//!
//! # What it holds on to
//!
//! - **Time** is that of the caller. Redis only clears away what ended a day ago by its own clock, so that clocks can step
//!   back by as much without an event being forgotten.
//! - **Eviction**: a server that may evict keys to make room forgets events just when somebody floods it. It is refused
//!   ([`RedisStoreError::Evicts`]) unless its `maxmemory-policy` is `noeviction`. Then a full server refuses new claims
//!   ([`RedisStoreError::Full`]).
//! - **Restarts**: what Redis has not written is gone with it. Events survive its end as far as its persistence goes: with
//!   `appendonly yes` and `appendfsync always` all that were acknowledged, with `everysec` all but about a second, with
//!   snapshots alone those before the last one.
//! - **Failover**: replicas follow later than the answer goes out, so that a failover can lose acknowledged claims and
//!   commits; a replay of those gets through. Where this may not be, use Postgres, or the inbox.
//!
//! # When Redis cannot be reached
//!
//! A call ends within the time limit, 1 s by default, with an answer of the server or with an error. One whose connection
//! breaks is asked again once, in the same time: it is recognised by its fence, so that a claim that was made the first time
//! is still fresh to whoever made it. A connection that has not answered in time is given up, and the next call makes
//! a new one.

mod error;
mod link;
mod options;
mod scripts;

use std::{fmt, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

pub use self::{error::RedisStoreError, options::RedisOptions};
use self::{
    link::Link,
    scripts::{Call, Scripts},
};
use super::{fence::Fences, moment::Moment};

/// Keeps claims in Redis or Valkey. See the [module docs](self).
///
/// It is made and used in a tokio runtime with I/O and a timer.
pub struct RedisReplayStore {
    link: Link,
    scripts: Scripts,
    fences: Fences,
    prefix: String,
}

impl RedisReplayStore {
    /// Connects with the defaults: `redis://[user:password@]host[:port][/database]`, or `unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the server cannot be reached or refuses, or it may evict keys.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        Self::connect_with(RedisOptions::new(url)?).await
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or refuses, or it may evict keys.
    pub async fn connect_with(options: RedisOptions) -> Result<Self, RedisStoreError> {
        let prefix = options.prefix.clone();
        let link = Link::new(options);
        link.open().await?;
        Ok(Self {
            link,
            scripts: Scripts::new(),
            fences: Fences::new().map_err(|_| RedisStoreError::Randomness)?,
            prefix,
        })
    }

    fn call(&self, key: ReplayKey, fence: u64, now: Moment) -> Call {
        Call { key: self.name(key), fence, now }
    }

    /// The braces make a cluster look at nothing else to choose the key's slot.
    fn name(&self, key: ReplayKey) -> String {
        format!("{}:{{{:032x}}}", self.prefix, u128::from_be_bytes(*key.as_bytes()))
    }
}

impl ReplayStore for RedisReplayStore {
    type Error = RedisStoreError;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, RedisStoreError> {
        let (fence, now) = (self.fences.next(), Moment::from(now));
        let call = self.call(key, fence, now);
        match self.link.ask(|_| self.scripts.claim(&call, now.after(lease_for))).await? {
            (scripts::YES, _) => Ok(Claim::Fresh(Lease::new(key, fence))),
            (scripts::HELD, _) => Ok(Claim::InProgress),
            (scripts::DONE, _) => Ok(Claim::Done),
            (other, _) => Err(RedisStoreError::unexpected(other)),
        }
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, RedisStoreError> {
        let now = Moment::from(now);
        let call = self.call(lease.key(), lease.fence(), now);
        match self.link.ask(|attempt| self.scripts.commit(&call, now.after(keep_for), attempt)).await? {
            (scripts::YES, _) => Ok(Settlement::Settled),
            (scripts::NO, _) => Ok(Settlement::Lapsed),
            (other, _) => Err(RedisStoreError::unexpected(other)),
        }
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, RedisStoreError> {
        let call = self.call(lease.key(), lease.fence(), Moment::from(now));
        match self.link.ask(|_| self.scripts.release(&call)).await? {
            (scripts::YES, _) => Ok(Settlement::Settled),
            // The first attempt may have done it, and its answer been lost.
            (scripts::NO, Some(lost)) => Err(lost),
            (scripts::NO, None) => Ok(Settlement::Lapsed),
            (other, _) => Err(RedisStoreError::unexpected(other)),
        }
    }
}

impl fmt::Debug for RedisReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

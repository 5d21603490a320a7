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
//! The store claims a new event by one command, `SET NX`. Every other operation is one script. Redis runs both
//! atomically, on one key. All calls share one connection, and a call is one round trip. Only a claim of an event that
//! was claimed before, mostly a duplicate, needs a second round trip to read its state. This keeps the claim of a new
//! event as fast as possible.
//!
//! The key is `countersign:{…}` with the event's key in hexadecimal, so that it is in one slot of a cluster. The value
//! is `h` (held, which means in progress) or `d` (done), the expiry in milliseconds since 1970, and the fence. The
//! store supports Redis 6 or later, and Valkey.
//!
//! # Guarantees
//!
//! - **Time** is that of the caller. Redis removes an event only a day after its expiry, by its own clock. Clocks can
//!   step back by as much, and no event is forgotten.
//! - **Eviction**: a server that may evict keys forgets events just when somebody floods it. The store does not open
//!   ([`RedisStoreError::Evicts`]) unless `maxmemory-policy` is `noeviction`. With that, a full server refuses new
//!   claims ([`RedisStoreError::Full`]), and still accepts commits and releases.
//! - **Restarts**: which events survive depends on the persistence of Redis. With `appendonly yes` and `appendfsync
//!   always` all acknowledged ones survive, with `everysec` all but those of about the last second, and with snapshots
//!   alone those before the last snapshot.
//! - **Disk**: a server that cannot write to its disk refuses claims, commits and releases
//!   ([`RedisStoreError::CannotWrite`]), and still answers which events are done. With `appendfsync always` it exits
//!   instead.
//! - **Failover**: replication is asynchronous, so that a failover can lose acknowledged claims and commits. A replay
//!   of those events gets through. If that is not acceptable, use Postgres.
//!
//! # Permissions of the user
//!
//! The user needs `GET`, `SET`, `PEXPIRE` and `DEL` on the keys of the prefix, `EVAL` and `EVALSHA`, and one of `INFO`
//! and `CONFIG GET`; in a cluster also `CLUSTER SLOTS` and `ASKING`. The store tries them when it is opened.
//!
//! # Redis Cluster
//!
//! If the server of the URL is a node of a cluster, the store asks it for the other nodes (`CLUSTER SLOTS`), connects
//! to each, and sends each call to the node that has the event's slot. It follows redirections, also while a slot
//! moves. When a node does not answer, or says that it is cut off from the others, the store asks the other nodes which
//! one has taken over. Until one has, calls for its events fail.
//!
//! The store checks the eviction policy of every node when it is opened, replicas included, and again of each node that
//! takes over.
//!
//! A URL may name several nodes, `redis://user:password@a:6379,b:6379`, so that the store can be opened while one is
//! down. All nodes have the same user, password and root certificates. A cluster has no numbered databases.
//!
//! # TLS
//!
//! With the feature `tls`, a `rediss://` URL connects over TLS 1.2 or 1.3, never without TLS. The server's certificate
//! must be for the host of the URL, and that of each node of a cluster for the name that the cluster gives it. It must
//! lead to a root of Mozilla's list, or to one of [`RedisOptions::with_only_root_pem`]. Verification cannot be turned
//! off: `#insecure` in a URL is an error. The store has no client certificate.
//!
//! # When Redis cannot be reached
//!
//! A call ends within the timeout, 1 s by default, with an answer of the server or with an error. If its connection
//! breaks, the store repeats it once, within the same timeout. The server recognises it by its fence, so that a claim
//! that succeeded the first time is still fresh for its caller. A connection that has not answered in time is closed,
//! and the next call makes a new one.

mod cluster;
mod deadline;
mod error;
mod link;
mod nodes;
mod options;
mod request;
mod scripts;
mod server;
mod slots;
mod url;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};

use redis::Value;

use self::{
    deadline::Deadline,
    nodes::Nodes,
    scripts::{Call, Scripts, claim_of, settlement_of},
};
pub use self::{error::RedisStoreError, options::RedisOptions};
use super::{fence::Fences, moment::Moment};

/// A replay store in Redis or Valkey. See the [module docs](self).
///
/// It needs a tokio runtime with I/O and time enabled.
pub struct RedisReplayStore {
    nodes: Nodes,
    scripts: Scripts,
    fences: Fences,
    prefix: String,
}

impl RedisReplayStore {
    /// Connects to the server at a URL, with the default options: `redis://[user:password@]host[:port][/database]`, the
    /// same with `rediss://` for TLS, or `unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the server cannot be reached or refuses, or it may evict keys.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, RedisStoreError> {
        Self::connect_with(RedisOptions::new(url)?).await
    }

    /// Connects with these options.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or refuses, or it may evict keys.
    pub async fn connect_with(options: RedisOptions) -> Result<Self, RedisStoreError> {
        let prefix = options.prefix.clone();
        let fences = Fences::new().map_err(|_| RedisStoreError::Randomness)?;
        let store = Self { nodes: Nodes::open(options).await?, scripts: Scripts::new(), fences, prefix };
        match store.try_out().await {
            Err(error) if error.is_permanent() => Err(error),
            // Other failures may be temporary.
            _ => Ok(store),
        }
    }

    /// Tries every operation once, on an event of its own that it removes. If the user were allowed to claim but not to
    /// commit, every event would be handled again and again.
    async fn try_out(&self) -> Result<(), RedisStoreError> {
        let (fence, now) = (self.fences.next(), Moment::from(Timestamp::from(SystemTime::now())));
        let (shortest, time) = (Duration::from_millis(1), self.nodes.deadline());
        let call = Call { key: format!("{}:{{trial {fence:016x}}}", self.prefix), fence, now };
        let over = Call { key: call.key.clone(), fence, now: now.after(shortest) };
        let end = over.now.after(Duration::from_secs(1));
        self.claim_new(&call, end, time).await?;
        self.nodes.ask(&call.key, time, |attempt| self.scripts.commit(&call, over.now, attempt)).await?;
        self.nodes.ask(&call.key, time, |_| self.scripts.claim(&over, end)).await?;
        self.nodes.ask(&call.key, time, |_| self.scripts.release(&over)).await?;
        Ok(())
    }

    fn call(&self, key: ReplayKey, fence: u64, now: Moment) -> Call {
        Call { key: self.key_of(key), fence, now }
    }

    /// Whether the event was new and is claimed now. If not, the script reads its state.
    async fn claim_new(&self, call: &Call, until: Moment, time: Deadline) -> Result<bool, RedisStoreError> {
        match self.nodes.ask(&call.key, time, |_| call.claim_new(until)).await {
            Ok((answer, _)) => Ok(answer == Value::Okay),
            // The script writes nothing for a known event, and so can still read its state.
            Err(RedisStoreError::Full | RedisStoreError::CannotWrite { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The braces make a cluster choose the slot by what is between them.
    fn key_of(&self, key: ReplayKey) -> String {
        format!("{}:{{{:032x}}}", self.prefix, u128::from_be_bytes(*key.as_bytes()))
    }
}

impl ReplayStore for RedisReplayStore {
    type Error = RedisStoreError;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, RedisStoreError> {
        let (fence, now) = (self.fences.next(), Moment::from(now));
        let (call, until) = (self.call(key, fence, now), now.after(lease_for));
        let (lease, time) = (Lease::new(key, fence), self.nodes.deadline());
        if self.claim_new(&call, until, time).await? {
            return Ok(Claim::Fresh(lease));
        }
        let (answer, _) = self.nodes.ask(&call.key, time, |_| self.scripts.claim(&call, until)).await?;
        claim_of(&answer, lease)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, RedisStoreError> {
        let now = Moment::from(now);
        let call = self.call(lease.key(), lease.fence(), now);
        let commit = |attempt| self.scripts.commit(&call, now.after(keep_for), attempt);
        let (answer, _) = self.nodes.ask(&call.key, self.nodes.deadline(), commit).await?;
        settlement_of(&answer)
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, RedisStoreError> {
        let call = self.call(lease.key(), lease.fence(), Moment::from(now));
        let (answer, lost) = self.nodes.ask(&call.key, self.nodes.deadline(), |_| self.scripts.release(&call)).await?;
        match (settlement_of(&answer)?, lost) {
            // The first attempt may have released the lease, and its answer was lost.
            (Settlement::Lapsed, Some(lost)) => Err(lost),
            (settlement, _) => Ok(settlement),
        }
    }
}

impl fmt::Debug for RedisReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

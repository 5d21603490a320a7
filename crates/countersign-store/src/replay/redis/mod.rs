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
//! A new event is claimed by one command, `SET NX`, and everything else is one script: Redis runs either as one step, on one
//! key, on one connection that all calls share. It is one round trip. Only for an event that was claimed before, mostly a
//! duplicate, is a second one needed to learn what became of it; that keeps the first as fast as it can be. The key is
//! `countersign:{…}` with the event's key in hexadecimal, and so goes to one slot of a cluster; the value is `h` (held) or
//! `d` (done), when that ends, in milliseconds since 1970, and the fence. Redis 6 or later, and Valkey.
//!
//! # What it holds on to
//!
//! - **Time** is that of the caller. Redis only clears away what ended a day ago by its own clock, so that clocks can step
//!   back by as much without an event being forgotten.
//! - **Eviction**: a server that may evict keys to make room forgets events just when somebody floods it. It is refused
//!   ([`RedisStoreError::Evicts`]) unless its `maxmemory-policy` is `noeviction`. Then a full server refuses new claims
//!   ([`RedisStoreError::Full`]), and takes what becomes of those that it has.
//! - **Restarts**: what Redis has not written is gone with it. Events survive its end as far as its persistence goes: with
//!   `appendonly yes` and `appendfsync always` all that were acknowledged, with `everysec` all but about a second, with
//!   snapshots alone those before the last one.
//! - **Disk**: a server that cannot write what it has to persist takes neither claims nor what becomes of them
//!   ([`RedisStoreError::CannotWrite`]), and still tells what is done; with `appendfsync always` it ends instead.
//! - **Failover**: replicas follow later than the answer goes out, so that a failover can lose acknowledged claims and
//!   commits; a replay of those gets through. Where this may not be, use Postgres.
//!
//! # What its user must be allowed
//!
//! `GET`, `SET`, `PEXPIRE` and `DEL` on the keys of the prefix, `EVAL` and `EVALSHA`, and one of `INFO` and `CONFIG GET`; in a cluster
//! `CLUSTER SLOTS` and `ASKING`, too. That is tried when the store is opened.
//!
//! # Redis Cluster
//!
//! If the server of the URL is a node of a cluster, the store asks it for the others (`CLUSTER SLOTS`), connects to each, and
//! has each event looked after by the node that has its slot. What moves to another node is followed there, while it moves
//! too. When a node does not answer, or is cut off from the others and says so, they are asked who has taken over; until
//! somebody has, its events are errors.
//! Every node is looked at for its eviction policy at the start, replicas too, and whoever takes over again.
//!
//! A URL may name several nodes, `redis://user:password@a:6379,b:6379`, so that the store can be opened while one is away.
//! All have the same user, password and authorities, and a cluster has no databases to choose from.
//!
//! # TLS
//!
//! With the feature `tls`, `rediss://` connects over TLS 1.2 or 1.3 and to nothing else. The server has to prove that it is
//! the host of the URL, to the public authorities of Mozilla's list, or to those of
//! [`RedisOptions::with_only_root_pem`], and each node of a cluster that it is what the cluster calls it; there is no switch to have
//! it prove nothing, and `#insecure` in a URL is refused. The store shows no certificate of its own.
//!
//! # When Redis cannot be reached
//!
//! A call ends within the time limit, 1 s by default, with an answer of the server or with an error. One whose connection
//! breaks is asked again once, in the same time: it is recognised by its fence, so that a claim that was made the first time
//! is still fresh to whoever made it. A connection that has not answered in time is given up, and the next call makes
//! a new one.

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

/// Keeps claims in Redis or Valkey. See the [module docs](self).
///
/// It is made and used in a tokio runtime with I/O and a timer.
pub struct RedisReplayStore {
    nodes: Nodes,
    scripts: Scripts,
    fences: Fences,
    prefix: String,
}

impl RedisReplayStore {
    /// Connects with the defaults: `redis://[user:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
    /// `unix:///path`.
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
        let fences = Fences::new().map_err(|_| RedisStoreError::Randomness)?;
        let store = Self { nodes: Nodes::open(options).await?, scripts: Scripts::new(), fences, prefix };
        match store.try_out().await {
            Err(error) if error.is_for_good() => Err(error),
            // What fails for another reason may be over when it matters.
            _ => Ok(store),
        }
    }

    /// Does once all that the store does, with an event of its own, of which nothing is left: a user who may claim and not
    /// commit would have each event handled again and again.
    async fn try_out(&self) -> Result<(), RedisStoreError> {
        let (fence, now) = (self.fences.next(), Moment::from(Timestamp::from(SystemTime::now())));
        let (moment, time) = (Duration::from_millis(1), self.nodes.deadline());
        let call = Call { key: format!("{}:{{trial {fence:016x}}}", self.prefix), fence, now };
        let over = Call { key: call.key.clone(), fence, now: now.after(moment) };
        let end = over.now.after(Duration::from_secs(1));
        self.claim_new(&call, end, time).await?;
        self.nodes.ask(&call.key, time, |attempt| self.scripts.commit(&call, over.now, attempt)).await?;
        self.nodes.ask(&call.key, time, |_| self.scripts.claim(&over, end)).await?;
        self.nodes.ask(&call.key, time, |_| self.scripts.release(&over)).await?;
        Ok(())
    }

    fn call(&self, key: ReplayKey, fence: u64, now: Moment) -> Call {
        Call { key: self.name(key), fence, now }
    }

    /// Whether an event was new, and is claimed; if not, the script can tell.
    async fn claim_new(&self, call: &Call, until: Moment, time: Deadline) -> Result<bool, RedisStoreError> {
        match self.nodes.ask(&call.key, time, |_| call.claim_new(until)).await {
            Ok((answer, _)) => Ok(answer == Value::Okay),
            // The script writes only what has to be written, and so can tell of an event that is known already.
            Err(RedisStoreError::Full | RedisStoreError::CannotWrite { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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

//! Telling a replay from a retry: an event is claimed before its handler runs, and the claim is committed or released.
//!
//! Providers repeat on purpose what was not acknowledged; an attacker repeats on purpose what was. Both send the same
//! event again. A set of ids that were seen cannot tell them apart: it loses an event whose handler failed. So a
//! [`ReplayStore`] keeps a state for each event:
//!
//! ```
//! use std::time::Duration;
//!
//! use countersign::{Timestamp, Verifier, providers, replay::{Claim, MemoryStore, ReplayScope, Settlement}};
//!
//! let verifier = Verifier::new(providers::GITHUB, "It's a Secret to Everybody")?;
//! let (head, body) = http::Request::post("/hooks")
//!     .header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
//!     .body("Hello, World!")?
//!     .into_parts();
//! let now = Timestamp::from_unix_seconds(1_767_225_600);
//! let (lease_for, keep_for) = (Duration::from_secs(60), Duration::from_secs(3 * 86_400));
//!
//! let store = MemoryStore::new();
//! let scope = ReplayScope::new("github"); // this endpoint's name
//! let key = verifier.verify(&head, body, now)?.replay_key(&scope).ok_or("GitHub's events are told apart")?;
//!
//! let Claim::Fresh(lease) = store.claim_at(key, lease_for, now)? else { panic!("the first is fresh") };
//! assert!(matches!(store.claim_at(key, lease_for, now)?, Claim::InProgress)); // while the handler runs
//! assert_eq!(store.release_at(lease, now), Settlement::Settled); // it failed: the provider's retry gets through
//!
//! let Claim::Fresh(lease) = store.claim_at(key, lease_for, now)? else { panic!("released, so fresh again") };
//! assert_eq!(store.commit_at(lease, keep_for, now), Settlement::Settled); // it succeeded
//! assert!(matches!(store.claim_at(key, lease_for, now)?, Claim::Done));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only a [`Verified`](crate::Verified) or a [`Delivery`](crate::Delivery) makes a [`ReplayKey`], so forged traffic can
//! neither fill a store nor burn an event.

mod content;
mod key;
mod memory;

use std::{future::Future, sync::Arc, time::Duration};

pub(crate) use content::{KeptHead, SignedContent};
pub use key::{ReplayKey, ReplayScope};
pub use memory::{Full, MemoryStore};

use crate::timestamp::Timestamp;

/// Keeps what became of events: in progress, or done.
///
/// # Contract
///
/// - Of any number of claims of one key at one time, one is [`Claim::Fresh`].
/// - A claim is over when its lease is: at `now + lease_for`, to the millisecond, or when it is settled. Then the next
///   claim of the key is fresh.
/// - A committed key is [`Claim::Done`] until `now + keep_for`. A store that has no room refuses new claims; it never
///   forgets a live one to make some.
/// - A lease that is over changes nothing any more, whether somebody else has claimed the key since or not.
/// - Time is what `now` says, and nothing else is asked for it. A clock that steps back lengthens what was claimed before,
///   and neither ends it nor revives what somebody has claimed since. Machines that share a store need clocks that agree
///   to well within a lease.
/// - A call that fails says so. It never counts as a verdict.
///
/// An implementation passes the conformance suite in the repository, `tests/src/replay_conformance.rs`.
pub trait ReplayStore: Send + Sync + 'static {
    /// Why a call failed. It goes to the log, never to the caller.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Claims a key for `lease_for`. A lease of no time is over at once.
    ///
    /// A claim whose future is dropped may have been made; it is over with its lease.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked, or has no room.
    fn claim(
        &self,
        key: ReplayKey,
        lease_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, Self::Error>> + Send;

    /// [`claim`](Self::claim) by a store that knows the answer without waiting for anything, as one in memory does; `None` if it
    /// has to be asked, and nothing is claimed then. Called before `claim`, and saves the room that its future takes.
    fn claim_at_once(
        &self,
        _key: ReplayKey,
        _lease_for: Duration,
        _now: Timestamp,
    ) -> Option<Result<Claim, Self::Error>> {
        None
    }

    /// Marks the claimed event as done, for `keep_for`.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked. Whether the commit was made is unknown then.
    fn commit(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settlement, Self::Error>> + Send;

    /// [`commit`](Self::commit) by a store that waits for nothing.
    ///
    /// # Errors
    ///
    /// The lease, as good as before, if the store has to be asked.
    fn commit_at_once(
        &self,
        lease: Lease,
        _keep_for: Duration,
        _now: Timestamp,
    ) -> Result<Result<Settlement, Self::Error>, Lease> {
        Err(lease)
    }

    /// Gives the claim up, so that the event can be claimed again at once.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked. The claim is over with its lease at the latest.
    fn release(&self, lease: Lease, now: Timestamp) -> impl Future<Output = Result<Settlement, Self::Error>> + Send;
}

/// What a store answers to a claim.
#[derive(Debug)]
#[must_use = "a fresh claim has to be settled"]
pub enum Claim {
    /// Nobody has this event: handle it, then settle the lease.
    Fresh(Lease),
    /// Somebody is handling it.
    InProgress,
    /// It was handled.
    Done,
}

/// The hold on an event, to be settled once: by [`commit`](ReplayStore::commit) or [`release`](ReplayStore::release).
///
/// A lease that is dropped is over when its time is. It carries a fence, by which the store tells it from the lease of
/// whoever claims the same event later; it cannot be cloned:
///
/// ```compile_fail
/// fn twice(lease: countersign::replay::Lease) { let other = lease.clone(); }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is not settled blocks its event until it is over"]
pub struct Lease {
    key: ReplayKey,
    fence: u64,
}

impl Lease {
    /// A lease as a store gives it. No two leases of one key may have the same fence.
    pub fn new(key: ReplayKey, fence: u64) -> Self {
        Self { key, fence }
    }

    /// The key that is claimed.
    pub fn key(&self) -> ReplayKey {
        self.key
    }

    /// What tells this claim of the key from every other.
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

/// What a settling did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settlement {
    /// The lease was good, and the claim is settled.
    Settled,
    /// The lease was over, and nothing has changed.
    Lapsed,
}

impl<S: ReplayStore> ReplayStore for Arc<S> {
    type Error = S::Error;

    fn claim(
        &self,
        key: ReplayKey,
        lease_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, S::Error>> + Send {
        S::claim(self, key, lease_for, now)
    }

    fn claim_at_once(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Option<Result<Claim, S::Error>> {
        S::claim_at_once(self, key, lease_for, now)
    }

    fn commit(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settlement, S::Error>> + Send {
        S::commit(self, lease, keep_for, now)
    }

    fn commit_at_once(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> Result<Result<Settlement, S::Error>, Lease> {
        S::commit_at_once(self, lease, keep_for, now)
    }

    fn release(&self, lease: Lease, now: Timestamp) -> impl Future<Output = Result<Settlement, S::Error>> + Send {
        S::release(self, lease, now)
    }
}

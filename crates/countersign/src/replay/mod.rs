//! Tells a replay from a retry: an event is claimed before its handler runs, and the claim is committed or released.
//!
//! Providers retry what was not acknowledged; an attacker replays what was. Both send the same event again. A set of
//! ids that were seen cannot tell them apart, and loses every event whose handler failed. So a [`ReplayStore`] keeps a
//! state for each event:
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
//! Only a [`Verified`](crate::Verified) or a [`Delivery`](crate::Delivery) makes a [`ReplayKey`]. So forged requests
//! can neither fill a store nor mark an event as handled.

mod content;
mod key;
mod memory;

use std::{future::Future, sync::Arc, time::Duration};

pub(crate) use content::{KeptHead, SignedContent};
pub use key::{ReplayKey, ReplayScope};
pub use memory::{Full, MemoryStore};

use crate::timestamp::Timestamp;

/// Keeps the state of each event: in progress, or done.
///
/// # Contract
///
/// - Of any number of concurrent claims of one key, at most one is [`Claim::Fresh`]; exactly one if the key is free.
/// - A claim ends with its lease: at `now + lease_for`, to the millisecond, or when it is settled. Unless it was
///   committed, the next claim of the key is fresh.
/// - A committed key is [`Claim::Done`] until `now + keep_for`. A store that is full refuses new claims; it never
///   evicts a live entry to make room.
/// - A lease that is over has no effect, whether the key was claimed again or not.
/// - `now` is the only clock. A clock that steps back extends existing claims. It neither ends them nor revives one
///   whose key was claimed again since. Machines that share a store need clocks that agree to well within a lease.
/// - A call that fails returns an error. An error is never a verdict.
///
/// An implementation passes the conformance suite in the repository, `tests/src/replay_conformance.rs`.
pub trait ReplayStore: Send + Sync + 'static {
    /// Why a call failed. For the log, never for the caller of the endpoint.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Claims a key for `lease_for`. A lease of zero length is over at once.
    ///
    /// If the future is dropped, the claim may have been made; it ends with its lease.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, or is full.
    fn claim(
        &self,
        key: ReplayKey,
        lease_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, Self::Error>> + Send;

    /// [`claim`](Self::claim) without waiting, for a store that can answer at once, such as one in memory. Returns
    /// `None`, and claims nothing, if the store has to wait. Callers try it before `claim`, to save the memory of that
    /// future.
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
    /// If the store cannot be reached. It is then unknown whether the commit was made.
    fn commit(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> impl Future<Output = Result<Settlement, Self::Error>> + Send;

    /// [`commit`](Self::commit) without waiting, for a store that can answer at once.
    ///
    /// # Errors
    ///
    /// Returns the lease unchanged if the store has to wait; nothing is committed then.
    fn commit_at_once(
        &self,
        lease: Lease,
        _keep_for: Duration,
        _now: Timestamp,
    ) -> Result<Result<Settlement, Self::Error>, Lease> {
        Err(lease)
    }

    /// Gives up the claim, so that the event can be claimed again at once.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The claim then ends with its lease.
    fn release(&self, lease: Lease, now: Timestamp) -> impl Future<Output = Result<Settlement, Self::Error>> + Send;
}

/// A store's answer to a claim.
#[derive(Debug)]
#[must_use = "a fresh claim has to be settled"]
pub enum Claim {
    /// The event is new: handle it, then settle the lease.
    Fresh(Lease),
    /// Another claim of the event is in progress.
    InProgress,
    /// The event was handled.
    Done,
}

/// A fresh claim of an event, to be settled once: by [`commit`](ReplayStore::commit) or
/// [`release`](ReplayStore::release).
///
/// A lease that is dropped ends when its time is over. Its fence tells the store this lease from those of later claims
/// of the same event. It cannot be cloned:
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
    /// A lease, as a store creates it. No two leases of one key may have the same fence.
    pub fn new(key: ReplayKey, fence: u64) -> Self {
        Self { key, fence }
    }

    /// The claimed key.
    pub fn key(&self) -> ReplayKey {
        self.key
    }

    /// The number that tells this claim of the key from every other.
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

/// The outcome of a commit or a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settlement {
    /// The lease was still good; the claim is settled.
    Settled,
    /// The lease was over; nothing has changed.
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

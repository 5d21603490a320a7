//! `StackBuilder`: the settings of a stack, checked against each other.

use std::{fmt, time::Duration};

use countersign::{ReplayStore, Timestamp, replay::MemoryStore};

use super::{Stack, StackError};
use crate::{
    AddressLayer, Confirm, HandshakeSecrets, Keys, ReplayLayer, VerifyLayer,
    replay::{IdempotentAnswers, KeptAnswers, NoAnswers},
    verify::warn_about_other_customers,
};

/// Builds a [`Stack`]. See the [module docs](crate::stack) and the example there.
#[must_use]
pub struct StackBuilder<K, St = MemoryStore, A = NoAnswers> {
    name: String,
    addresses: Option<AddressLayer>,
    verify: VerifyLayer<K>,
    replay: ReplayLayer<St, A>,
    protection: ReplayProtection,
    /// The first setting that was made for the replay guard alone.
    guard_setting: Option<&'static str>,
    keep_for: Option<Duration>,
    lease: Option<Duration>,
}

/// What prevents replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplayProtection {
    /// The replay guard, which claims events.
    Guard,
    /// The signed time only.
    SignedTime,
    Nothing,
}

impl<K: Keys> StackBuilder<K> {
    pub(super) fn new(name: &str, keys: K) -> Self {
        Self {
            name: name.to_owned(),
            addresses: None,
            verify: VerifyLayer::of_stack(keys),
            replay: ReplayLayer::of_stack(MemoryStore::new(), name),
            protection: ReplayProtection::Guard,
            guard_setting: None,
            keep_for: None,
            lease: None,
        }
    }
}

impl<K: Keys, St: ReplayStore> StackBuilder<K, St> {
    /// Repeats the first answer to duplicates of an event, instead of the provider's bare
    /// [acknowledgement](countersign::Delivery::acknowledgement).
    pub fn with_idempotent_answers(self, limits: IdempotentAnswers) -> StackBuilder<K, St, KeptAnswers> {
        self.for_guard("with_idempotent_answers").with_replay(|replay| replay.with_idempotent_answers(limits))
    }
}

impl<K: Keys, St: ReplayStore, A> StackBuilder<K, St, A> {
    fn with_replay<St2, A2>(
        self,
        change: impl FnOnce(ReplayLayer<St, A>) -> ReplayLayer<St2, A2>,
    ) -> StackBuilder<K, St2, A2> {
        let Self { name, addresses, verify, replay, protection, guard_setting, keep_for, lease } = self;
        StackBuilder { name, addresses, verify, replay: change(replay), protection, guard_setting, keep_for, lease }
    }

    fn with_verify(mut self, change: impl FnOnce(VerifyLayer<K>) -> VerifyLayer<K>) -> Self {
        self.verify = change(self.verify);
        self
    }

    /// Notes a setting that has no effect without a replay guard.
    fn for_guard(mut self, setting: &'static str) -> Self {
        self.guard_setting.get_or_insert(setting);
        self
    }

    /// Lets in the addresses of this layer and no others.
    pub fn with_addresses(mut self, addresses: AddressLayer) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Claims events in this store, instead of in the memory of this process: a [`MemoryStore`] of another size, or one that
    /// several processes share. It is part of the stack's type, so a stack without a replay guard may have one too; it is not used.
    pub fn with_store<Other: ReplayStore>(self, store: Other) -> StackBuilder<K, Other, A> {
        self.with_replay(|replay| replay.on(store))
    }

    /// Accepts bodies of up to `bytes` bytes; 1 MiB unless this says otherwise.
    pub fn with_body_limit(self, bytes: u64) -> Self {
        self.with_verify(|verify| verify.with_body_limit(bytes))
    }

    /// Waits up to `limit` for the whole body; 10 s unless this says otherwise. Without a replay guard, a verified request that
    /// had to wait for its body or keys then waits up to `limit` until the inner service is ready.
    pub fn with_body_timeout(self, limit: Duration) -> Self {
        self.with_verify(|verify| verify.with_body_timeout(limit))
    }

    /// [`VerifyLayer::without_handshakes`].
    pub fn without_handshakes(self) -> Self {
        self.with_verify(VerifyLayer::without_handshakes)
    }

    /// [`VerifyLayer::with_secret_store`].
    pub fn with_secret_store(self, secrets: impl HandshakeSecrets) -> Self {
        self.with_verify(|verify| verify.with_secret_store(secrets))
    }

    /// [`VerifyLayer::with_confirmation`].
    pub fn with_confirmation(self, confirm: impl Confirm) -> Self {
        self.with_verify(|verify| verify.with_confirmation(confirm))
    }

    /// Limits how long the inner service may take to answer; 30 s unless this says otherwise. A verified request that had to wait
    /// for its body or keys also waits up to `limit` until the service is ready. Without a replay guard an answer has no timeout.
    pub fn with_handler_timeout(self, limit: Duration) -> Self {
        self.with_replay(|replay| replay.with_handler_timeout(limit))
    }

    /// Limits how long each call to the store may take; 2 s unless this says otherwise.
    pub fn with_store_timeout(self, limit: Duration) -> Self {
        self.for_guard("with_store_timeout").with_replay(|replay| replay.with_store_timeout(limit))
    }

    /// Sets how long a claim lasts: if this process dies, the event can be claimed again after this time. [`build`](Self::build)
    /// checks it against the timeouts of the handler and the store.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self.for_guard("with_lease")
    }

    /// Keeps events that were handled for this time, instead of for as long as their provider retries and their signature can
    /// be fresh. [`build`](Self::build) checks it against both, and against 3 days if no time is signed; for tenants, whose schemes
    /// are not known then, the time is lengthened where it is too short.
    pub fn with_keep_for(mut self, keep_for: Duration) -> Self {
        self.keep_for = Some(keep_for);
        self.for_guard("with_keep_for")
    }

    /// Uses this clock instead of the system's, for signatures and claims.
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) -> Self {
        self.with_verify(|verify| verify.with_clock(clock.clone())).with_replay(|replay| replay.with_clock(clock))
    }

    /// Lets deliveries through when the store fails or is full, replays among them.
    pub fn dangerous_fail_open(self) -> Self {
        self.for_guard("dangerous_fail_open").with_replay(ReplayLayer::dangerous_fail_open)
    }

    /// Removes the replay guard. A delivery is accepted again until its signed time is stale; [`build`](Self::build) refuses a
    /// scheme that signs none. It also refuses settings that are for the guard alone.
    pub fn dangerous_without_replay_guard(mut self) -> Self {
        self.protection = ReplayProtection::SignedTime;
        self
    }

    /// Removes the replay guard, even if no time is signed: an attacker who records a delivery can have it handled again, for ever.
    /// [`build`](Self::build) refuses settings that are for the guard alone.
    pub fn dangerous_accept_replays_for_ever(mut self) -> Self {
        self.protection = ReplayProtection::Nothing;
        self
    }

    /// The stack. Logs a warning if the provider signs for all its customers with keys that it publishes, and no
    /// [setting](countersign::scheme::Description::settings_against_strangers) says whose deliveries are accepted; for fetched keys,
    /// when the first are there.
    ///
    /// # Errors
    ///
    /// If the name is empty, if the settings allow replays that the stack should prevent, or if a setting has no effect without
    /// the replay guard that was removed.
    pub fn build(self) -> Result<Stack<K, St, A>, StackError> {
        if self.name.is_empty() {
            return Err(StackError::NoName);
        }
        let known = self.verify.keys().known();
        if let Some(setting) = self.guard_setting.filter(|_| self.protection != ReplayProtection::Guard) {
            return Err(StackError::SettingWithoutGuard { setting });
        }
        if self.protection == ReplayProtection::SignedTime && known.is_none_or(|known| known.tolerance.is_none()) {
            return Err(StackError::ReplayableForEver { scheme: known.map(|known| known.scheme.id().to_owned()) });
        }
        if let Some(verifier) = known.and_then(|known| known.verifier) {
            warn_about_other_customers(verifier, Some(&self.name));
        }
        let mut replay = self.replay;
        if let Some(lease) = self.lease {
            replay = replay.with_lease(lease)?;
        }
        if let Some(keep_for) = self.keep_for {
            replay = replay.keeping(keep_for, known)?;
        }
        let replay = (self.protection == ReplayProtection::Guard).then_some(replay);
        Ok(Stack::assemble(&self.name, self.addresses, self.verify, replay))
    }
}

impl<K, St, A> fmt::Debug for StackBuilder<K, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackBuilder")
            .field("name", &self.name)
            .field("addresses", &self.addresses)
            .field("replay", &self.replay)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

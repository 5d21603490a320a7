//! The layer, and its settings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use countersign::{Timestamp, replay::ReplayScope};
use tower_layer::Layer;

use super::{
    Confirm, HandshakeSecrets, Keys, Verify,
    handshakes::Handshakes,
    notices::{notify_about_replays, warn_about_other_customers},
};
use crate::meter::Meter;

/// Puts a [`Verify`] around a service. See the [module docs](crate::verify) and the example in the crate's.
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyLayer<K> {
    pub(super) keys: K,
    pub(super) settings: Settings,
}

/// What all requests of one layer have in common.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) body_limit: u64,
    pub(crate) body_timeout: Duration,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) handshakes: Handshakes,
    pub(crate) meter: Meter,
    /// Under which a guard behind will claim the event.
    pub(crate) replay_scope: Option<ReplayScope>,
}

/// 1 MiB: GitHub sends the largest bodies that are documented, up to 25 MB, but hardly ever above this; others stay
/// far below.
const BODY_LIMIT: u64 = 1024 * 1024;

/// 10 s: most senders give up after 1 s to 30 s, and a body this slow is an attack or a broken line.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl Settings {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl<K: Keys> VerifyLayer<K> {
    /// A layer that verifies with these keys, takes bodies of up to 1 MiB and waits up to 10 s for them.
    ///
    /// It does not tell a replay from a first delivery: where a signature never goes stale, because no time is signed, put a
    /// [`ReplayLayer`](crate::ReplayLayer) behind it or take a [`Stack`](crate::Stack). What stands behind a layer it cannot see, so it
    /// says so to `tracing` as no more than information, once. It warns where the provider signs for all its customers with keys that it
    /// publishes and no [setting](countersign::scheme::Description::settings_against_strangers) says whose deliveries are meant.
    pub fn new(keys: K) -> Self {
        if let Some(known) = keys.known() {
            known.verifier.into_iter().for_each(|verifier| warn_about_other_customers(verifier, None));
            notify_about_replays(known);
        }
        Self::of_stack(keys)
    }

    /// The same for a stack, which knows what stands behind it.
    pub(crate) fn of_stack(keys: K) -> Self {
        let clock = Arc::new(|| Timestamp::from(SystemTime::now()));
        let handshakes = Handshakes::new();
        let (body_limit, body_timeout, meter) = (BODY_LIMIT, BODY_TIMEOUT, Meter::default());
        Self { keys, settings: Settings { body_limit, body_timeout, clock, handshakes, meter, replay_scope: None } }
    }

    /// Takes bodies of up to `bytes` bytes.
    pub fn with_body_limit(mut self, bytes: u64) -> Self {
        self.settings.body_limit = bytes;
        self
    }

    /// Waits up to `limit` for the whole body; and, with a request that was waited for and is verified, as long again for the
    /// service behind to be ready (503, `handler_timeout`).
    pub fn with_body_timeout(mut self, limit: Duration) -> Self {
        self.settings.body_timeout = limit;
        self
    }

    /// Takes the time from `clock` instead of the system's.
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }

    /// Counts requests, and how long it takes to verify them, as those of an endpoint of this name: every request once, with
    /// the reason for its refusal if a layer behind this one refuses it. See [`metrics`](crate::metrics).
    #[cfg(feature = "metrics")]
    pub fn with_metrics(mut self, endpoint: &str) -> Self {
        self.settings.meter = Meter::of(endpoint);
        self
    }

    /// Answers no handshake: those that are signed reach the inner service, and all others are refused.
    pub fn without_handshakes(mut self) -> Self {
        self.settings.handshakes.are_answered = false;
        self
    }

    /// Keeps the secrets that providers send in a handshake, for verifiers that
    /// [await one](countersign::VerifierBuilder::awaiting_secret).
    pub fn with_secret_store(mut self, secrets: impl HandshakeSecrets) -> Self {
        self.settings.handshakes.keep_secrets(secrets);
        self
    }

    /// Confirms subscriptions, once their question is verified, by fetching the URL that it tells. Without this, such a
    /// question reaches the inner service like a delivery.
    pub fn with_confirmation(mut self, confirm: impl Confirm) -> Self {
        self.settings.handshakes.confirm_by(confirm);
        self
    }
}

impl<K> VerifyLayer<K> {
    pub(crate) fn keys(&self) -> &K {
        &self.keys
    }

    pub(crate) fn into_parts(self) -> (K, Settings) {
        (self.keys, self.settings)
    }
}

impl<S, K: Keys> Layer<S> for VerifyLayer<K> {
    type Service = Verify<S, K>;

    fn layer(&self, inner: S) -> Verify<S, K> {
        Verify::new(inner, Arc::new(self.clone()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("body_limit", &self.body_limit)
            .field("body_timeout", &self.body_timeout)
            .field("handshakes", &self.handshakes)
            .finish_non_exhaustive()
    }
}

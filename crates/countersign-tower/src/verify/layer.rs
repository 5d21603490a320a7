//! `VerifyLayer` and its settings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use countersign::{Scheme, Timestamp, replay::ReplayScope};
use http::request::Parts;
use tower_layer::Layer;

use super::{
    Confirm, HandshakeSecrets, Keys, LogContext, Verify,
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

/// The settings of one layer, without its keys.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) body_limit: u64,
    pub(crate) body_timeout: Duration,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) handshakes: Handshakes,
    pub(crate) meter: Meter,
    /// The name of the stack, or of the layer if it has metrics, for log lines.
    pub(crate) endpoint: Option<Arc<str>>,
    /// The scope in which an inner replay guard will claim the event.
    pub(crate) replay_scope: Option<ReplayScope>,
}

/// 1 MiB. The largest documented bodies are GitHub's, up to 25 MB
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>): endpoints that need those raise the limit.
const BODY_LIMIT: u64 = 1024 * 1024;

/// 10 s: most providers wait at most 30 s for the whole answer (`within` under `[answers]` in the catalogue files, each with its
/// `source`). A slower body is an attack or a broken connection.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl Settings {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What log lines about a request name. `scheme` decides the status of its refusal.
    pub(crate) fn log_context<'r>(&'r self, scheme: Option<&'r Scheme>, head: &'r Parts) -> LogContext<'r> {
        let provider = scheme.map(|scheme| scheme.id());
        LogContext { endpoint: self.endpoint.as_deref(), provider, scheme, head }
    }
}

impl<K: Keys> VerifyLayer<K> {
    /// A layer that verifies with these keys, takes bodies of up to 1 MiB and waits up to 10 s for them.
    ///
    /// It does not detect replays. If the scheme signs no time, its signatures never go stale: add a
    /// [`ReplayLayer`](crate::ReplayLayer) inside it, or use a [`Stack`](crate::Stack). A layer cannot see the layers inside it, so it
    /// logs this once, at the level `info`. It logs a warning if the provider signs for all its customers with keys that it
    /// publishes, and no [setting](countersign::scheme::Description::settings_against_strangers) says whose deliveries are accepted.
    pub fn new(keys: K) -> Self {
        if let Some(known) = keys.known() {
            known.verifier.into_iter().for_each(|verifier| warn_about_other_customers(verifier, None));
            notify_about_replays(known);
        }
        Self::of_stack(keys)
    }

    /// The same without the log lines: a stack knows its replay guard, and warns when it is built.
    pub(crate) fn of_stack(keys: K) -> Self {
        let clock = Arc::new(|| Timestamp::from(SystemTime::now()));
        let handshakes = Handshakes::new();
        let (body_limit, body_timeout, meter) = (BODY_LIMIT, BODY_TIMEOUT, Meter::default());
        let (endpoint, replay_scope) = (None, None);
        Self { keys, settings: Settings { body_limit, body_timeout, clock, handshakes, meter, endpoint, replay_scope } }
    }

    /// Accepts bodies of up to `bytes` bytes; 1 MiB unless this says otherwise.
    pub fn with_body_limit(mut self, bytes: u64) -> Self {
        self.settings.body_limit = bytes;
        self
    }

    /// Waits up to `limit` for the whole body; 10 s unless this says otherwise. A verified request that had to wait for its body
    /// or keys then waits up to `limit` until the inner service is ready (503, `service_not_ready`).
    pub fn with_body_timeout(mut self, limit: Duration) -> Self {
        self.settings.body_timeout = limit;
        self
    }

    /// Uses this clock instead of the system's.
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }

    /// Counts requests, and measures how long their verification takes, under this name, which log lines then have too. Every
    /// request counts once, with the reason for its refusal even if an inner layer refuses it. See [`metrics`](crate::metrics).
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[cfg(feature = "metrics")]
    pub fn with_metrics(mut self, endpoint: &str) -> Self {
        self.settings.meter = Meter::of(endpoint);
        self.settings.endpoint = Some(endpoint.into());
        self
    }

    /// Answers no handshake: signed ones reach the inner service, and unsigned ones are refused.
    pub fn without_handshakes(mut self) -> Self {
        self.settings.handshakes.are_answered = false;
        self
    }

    /// Keeps the secrets that providers send in a handshake, for verifiers that
    /// [await one](countersign::VerifierBuilder::awaiting_secret).
    pub fn with_secret_store(mut self, secrets: impl HandshakeSecrets) -> Self {
        self.settings.handshakes.store_secrets(secrets);
        self
    }

    /// Confirms subscriptions: fetches the URL in a verified question. Without this, such a question reaches the inner service
    /// like a delivery.
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

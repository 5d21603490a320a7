//! `ReplayLayer` and its settings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use countersign::{Delivery, ReplayStore, Timestamp, Tolerance, Verifier, replay::ReplayScope, scheme::Description};
use tokio::sync::Semaphore;
use tower_layer::Layer;

use super::{IdempotentAnswers, NoAnswers, Replay, ReplayConfigError, answers::KeptAnswers, claim::StoreClient};
use crate::{
    meter::Meter,
    verify::{BODY_TIMEOUT, Known},
};

/// Puts a [`Replay`] around a service. See the [module docs](crate::replay).
#[must_use]
pub struct ReplayLayer<St, A = NoAnswers> {
    store: Arc<St>,
    settings: Settings,
    answers: A,
}

/// The settings of one layer, without its store.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The name of the endpoint, for log lines.
    pub(super) endpoint: Arc<str>,
    pub(super) scope: ReplayScope,
    pub(super) handler_timeout: Duration,
    pub(super) store_timeout: Duration,
    pub(super) fails_open: bool,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) meter: Meter,
    /// Permits for releases of dropped requests, for all services of the layer together.
    pub(super) releases: Arc<Semaphore>,
    lease: Duration,
    keep_for: Option<Duration>,
    /// How long the body of a delivery may take after its time was judged.
    body_timeout: Duration,
}

/// 30 s: hardly any provider waits longer for an answer (`within` under `[answers]` in the catalogue files, each with its
/// `source`; `WooCommerce` and Hookdeck wait a minute).
const HANDLER_TIMEOUT: Duration = Duration::from_secs(30);

/// 2 s: a slower store counts as down. Some providers wait for 1 s to 3 s only (`within` in the catalogue files: `qonto.toml` 1 s,
/// `slack.toml` 3 s).
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// How many releases of dropped requests may be in flight.
const RELEASES: usize = 1024;

/// 60 s: twice the handler's time.
const LEASE: Duration = Duration::from_secs(60);

/// 10 minutes: our choice. Longer timeouts do not let a store keep events for longer.
const LONGEST_ARRIVAL: Duration = Duration::from_secs(600);

/// 3 days: most providers that document their retries end them by then (`retries_for` in the catalogue files; Adyen's last 30 days).
/// Used where a provider does not say: a later retry is handled again. Also the least where no time is signed: there only the
/// guard prevents replays, however soon the retries end.
const DEFAULT_KEEP: Duration = Duration::from_secs(3 * 86_400);

impl<St: ReplayStore> ReplayLayer<St> {
    /// A layer that claims events in this store, under the name `endpoint`. Two endpoints that share a store need two names; one
    /// endpoint that several processes serve has one. Log lines have this name too.
    ///
    /// The handler has 30 s, and each call to the store 2 s. An event is kept for as long as its provider retries (3 days if that
    /// is not known), plus the time for which its signature can be fresh and its delivery can take to arrive: 10 s for the body (in
    /// a [`Stack`](crate::Stack) its body timeout) and the handler's timeout, but not more than 10 minutes. A delivery whose time is
    /// older than its tolerance by more than that is refused (`timestamp_too_old`). Where no time is signed, a signature is fresh for
    /// ever, and events are kept for 3 days at least.
    ///
    /// # Panics
    ///
    /// If the name is empty: two endpoints without a name that share a store would take each other's events for replays.
    /// [`Stack`](crate::Stack) returns an error instead.
    pub fn new(store: St, endpoint: impl AsRef<str>) -> Self {
        assert!(
            !endpoint.as_ref().is_empty(),
            "the endpoint of this `ReplayLayer` has no name: give it one of its own"
        );
        Self::of_stack(store, endpoint.as_ref())
    }

    /// The same for a stack, which checks the name itself.
    pub(crate) fn of_stack(store: St, endpoint: &str) -> Self {
        let settings = Settings {
            endpoint: endpoint.into(),
            scope: ReplayScope::new(endpoint),
            handler_timeout: HANDLER_TIMEOUT,
            store_timeout: STORE_TIMEOUT,
            fails_open: false,
            clock: Arc::new(|| Timestamp::from(SystemTime::now())),
            meter: Meter::default(),
            releases: Arc::new(Semaphore::new(RELEASES)),
            lease: LEASE,
            keep_for: None,
            body_timeout: BODY_TIMEOUT,
        };
        Self { store: Arc::new(store), settings, answers: NoAnswers::default() }
    }

    /// Repeats the first answer to duplicates of an event, instead of the provider's bare
    /// [acknowledgement](countersign::Delivery::acknowledgement).
    pub fn with_idempotent_answers(self, limits: IdempotentAnswers) -> ReplayLayer<St, KeptAnswers> {
        ReplayLayer { store: self.store, settings: self.settings, answers: KeptAnswers::new(limits) }
    }
}

impl<St: ReplayStore, A> ReplayLayer<St, A> {
    /// Limits how long the handler may run, from its call on; 30 s unless this says otherwise. After that it is dropped, and its
    /// claim is released. A handler that blocks its thread is dropped only when it yields. A lease that is too short for the
    /// timeout becomes longer.
    pub fn with_handler_timeout(mut self, limit: Duration) -> Self {
        self.settings.handler_timeout = limit;
        self
    }

    /// Limits how long each call to the store may take; 2 s unless this says otherwise. A lease that is too short for the timeout
    /// becomes longer.
    pub fn with_store_timeout(mut self, limit: Duration) -> Self {
        self.settings.store_timeout = limit;
        self
    }

    /// Sets how long a claim lasts; 60 s unless this says otherwise. If this process dies, the event can be claimed again after
    /// this time.
    ///
    /// # Errors
    ///
    /// If it is shorter than the handler's timeout and two calls to the store together.
    pub fn with_lease(mut self, lease: Duration) -> Result<Self, ReplayConfigError> {
        let needed = self.settings.shortest_lease();
        if lease < needed {
            return Err(ReplayConfigError::LeaseTooShort { lease, needed });
        }
        self.settings.lease = lease;
        Ok(self)
    }

    /// Keeps events that were handled for this time. Where a provider signs no time, a replay gets through after that; there
    /// it is 3 days at least.
    ///
    /// `verifiers` are those of the `VerifyLayer` around this layer. Leave them out if they are not known at start-up: an event
    /// is kept for as long as its own scheme and tolerance need in any case.
    ///
    /// # Errors
    ///
    /// If it is shorter than the time for which one of the providers retries or one of the signatures can be fresh, or than
    /// 3 days where one of them signs no time.
    pub fn with_keep_for<'v>(
        self,
        keep_for: Duration,
        verifiers: impl IntoIterator<Item = &'v Verifier>,
    ) -> Result<Self, ReplayConfigError> {
        self.keeping(keep_for, verifiers.into_iter().map(Known::from))
    }

    /// [`with_keep_for`](Self::with_keep_for), for all kinds of keys.
    pub(crate) fn keeping<'k>(
        mut self,
        keep_for: Duration,
        known: impl IntoIterator<Item = Known<'k>>,
    ) -> Result<Self, ReplayConfigError> {
        for Known { scheme, tolerance, .. } in known {
            Needs::of(scheme, tolerance).check(keep_for, scheme.id())?;
        }
        self.settings.keep_for = Some(keep_for);
        Ok(self)
    }

    /// The scope of the endpoint.
    pub(crate) fn scope(&self) -> ReplayScope {
        self.settings.scope.clone()
    }

    /// The same with another store.
    pub(crate) fn on<Other: ReplayStore>(self, store: Other) -> ReplayLayer<Other, A> {
        ReplayLayer { store: Arc::new(store), settings: self.settings, answers: self.answers }
    }

    /// The same with this meter.
    pub(crate) fn metered(mut self, meter: Meter) -> Self {
        self.settings.meter = meter;
        self
    }

    /// The same behind checks that give the body this much time.
    pub(crate) fn after(mut self, body_timeout: Duration) -> Self {
        self.settings.body_timeout = body_timeout;
        self
    }

    /// What the services of a stack share.
    pub(crate) fn into_parts(self) -> (Arc<StoreClient<St>>, A) {
        (Arc::new(StoreClient::new(self.store, self.settings)), self.answers)
    }

    /// Counts claims and failures of the store, and measures how long handlers take, under this name, which log lines then have
    /// too; claims stay under the name of [`new`](Self::new). [`VerifyLayer::with_metrics`](crate::VerifyLayer::with_metrics) counts
    /// verdicts. See [`metrics`](crate::metrics).
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[cfg(feature = "metrics")]
    pub fn with_metrics(mut self, endpoint: &str) -> Self {
        self.settings.endpoint = endpoint.into();
        self.metered(Meter::of(endpoint))
    }

    /// Lets deliveries through when the store fails or is full, replays among them.
    pub fn dangerous_fail_open(mut self) -> Self {
        self.settings.fails_open = true;
        self
    }

    /// Uses this clock instead of the system's, for claims and for the part of the handler's time before it is first pending.
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }
}

impl Settings {
    /// The longest time from the judgement of a delivery's time to its claim: for the body, and until the service is ready. A
    /// delivery that was just fresh and takes longer is refused.
    pub(super) fn longest_arrival(&self) -> Duration {
        self.body_timeout.saturating_add(self.handler_timeout).min(LONGEST_ARRIVAL)
    }

    fn shortest_lease(&self) -> Duration {
        self.handler_timeout.saturating_add(self.store_timeout.saturating_mul(2))
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease.max(self.shortest_lease())
    }

    pub(super) fn keep_for(&self, delivery: &Delivery) -> Duration {
        let tolerance = delivery.tolerance();
        let needs = Needs::of(delivery.scheme(), tolerance);
        // A replay that was just fresh is claimed when its body has arrived: it must still be known then.
        let arrival = tolerance.map_or(Duration::ZERO, |_| self.longest_arrival());
        match self.keep_for {
            Some(keep_for) => keep_for.max(needs.total(Duration::ZERO).saturating_add(arrival)),
            None => needs.total(DEFAULT_KEEP).saturating_add(arrival),
        }
    }
}

/// How long an event must be kept.
struct Needs {
    retries_for: Option<Duration>,
    /// From the earliest moment at which a signature is accepted to the latest; zero if no time is signed.
    fresh_for: Duration,
    /// The least where no time is signed; otherwise zero.
    at_least: Duration,
}

impl Needs {
    fn of(scheme: &Description, tolerance: Option<Tolerance>) -> Self {
        let width = |tolerance: Tolerance| tolerance.past().saturating_add(tolerance.future());
        let (fresh_for, at_least) =
            tolerance.map_or((Duration::ZERO, DEFAULT_KEEP), |tolerance| (width(tolerance), Duration::ZERO));
        Self { retries_for: scheme.answers().retries_for(), fresh_for, at_least }
    }

    /// From the first delivery of an event until no signature of it is fresh: the last retry may have a new one.
    fn total(&self, default: Duration) -> Duration {
        self.retries_for.unwrap_or(default).max(self.at_least).saturating_add(self.fresh_for)
    }

    fn check(&self, keep_for: Duration, scheme: &str) -> Result<(), ReplayConfigError> {
        let (scheme, fresh_for, at_least) = (scheme.to_owned(), self.fresh_for, self.at_least);
        match self.retries_for {
            Some(retries_for) if keep_for < retries_for => {
                Err(ReplayConfigError::ForgetsBeforeRetriesEnd { scheme, keep_for, retries_for })
            }
            _ if keep_for < fresh_for => Err(ReplayConfigError::ForgetsBeforeStale { scheme, keep_for, fresh_for }),
            _ if keep_for < at_least => Err(ReplayConfigError::ForgetsUndated { scheme, keep_for, at_least }),
            _ => Ok(()),
        }
    }
}

impl<S, St: ReplayStore, A: Clone> Layer<S> for ReplayLayer<St, A> {
    type Service = Replay<S, St, A>;

    fn layer(&self, inner: S) -> Replay<S, St, A> {
        Replay::new(inner, Arc::clone(&self.store), self.settings.clone(), self.answers.clone())
    }
}

impl<St, A: Clone> Clone for ReplayLayer<St, A> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), settings: self.settings.clone(), answers: self.answers.clone() }
    }
}

impl<St, A> fmt::Debug for ReplayLayer<St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("lease", &self.lease())
            .field("handler_timeout", &self.handler_timeout)
            .field("store_timeout", &self.store_timeout)
            .field("keep_for", &self.keep_for)
            .field("fails_open", &self.fails_open)
            .finish_non_exhaustive()
    }
}

//! The meter with the feature `metrics`.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    thread,
    time::Instant,
};

use countersign::Rejection;
use metrics::{Counter, Histogram, SharedString, counter, histogram};

use crate::metrics as names;

/// Records for one endpoint; for none if a layer has no `with_metrics`.
#[derive(Clone, Default)]
pub(crate) struct Meter(Option<Arc<Series>>);

/// A request that has not ended. If it is dropped before, it counts as `dropped` or `panicked`.
pub(crate) struct Pending(Option<Arc<Series>>);

/// A point in time, if anything is measured.
pub(crate) type Moment = Option<Instant>;

/// The series of an endpoint, each registered when it is first used.
struct Series {
    verdicts: Family<Counter>,
    body_bytes: Family<Histogram>,
    verify_seconds: Family<Histogram>,
    handler_seconds: Family<Histogram>,
    claims: Family<Counter>,
    store_errors: Family<Counter>,
}

/// The series of one metric, which differ in one label.
struct Family<T> {
    endpoint: SharedString,
    make: fn(SharedString, &'static str) -> T,
    slots: Vec<(&'static str, OnceLock<T>)>,
}

impl Meter {
    /// # Panics
    ///
    /// If the name is empty.
    pub(crate) fn of(endpoint: &str) -> Self {
        assert!(!endpoint.is_empty(), "the endpoint of these metrics has no name: give it one of its own");
        let endpoint = SharedString::from_shared(Arc::from(endpoint));
        Self(Some(Arc::new(Series::new(&endpoint))))
    }

    pub(crate) fn begin(&self) -> Pending {
        Pending(self.0.clone())
    }

    pub(crate) fn now(&self) -> Moment {
        self.0.is_some().then(Instant::now)
    }

    /// Records that a body of this many bytes was verified in the time since then.
    pub(crate) fn verified(&self, since: Moment, bytes: u64) {
        if let (Some(series), Some(since)) = (&self.0, since) {
            #[expect(clippy::cast_precision_loss, reason = "no body has 2⁵³ bytes")]
            series.body_bytes.with("", |histogram| histogram.record(bytes as f64));
            series.verify_seconds.with("", |histogram| histogram.record(since.elapsed()));
        }
    }

    pub(crate) fn handled(&self, since: Moment, outcome: &'static str) {
        if let (Some(series), Some(since)) = (&self.0, since) {
            series.handler_seconds.with(outcome, |histogram| histogram.record(since.elapsed()));
        }
    }

    pub(crate) fn claimed(&self, state: &'static str) {
        if let Some(series) = &self.0 {
            series.claims.with(state, |counter| counter.increment(1));
        }
    }

    pub(crate) fn store_failed(&self, operation: &'static str) {
        if let Some(series) = &self.0 {
            series.store_errors.with(operation, |counter| counter.increment(1));
        }
    }
}

impl Pending {
    /// Whether anything is recorded.
    pub(crate) fn measures(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn end(mut self, verdict: &'static str) {
        if let Some(series) = self.0.take() {
            series.verdicts.with(verdict, |counter| counter.increment(1));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(series) = self.0.take() {
            let verdict = if thread::panicking() { "panicked" } else { "dropped" };
            series.verdicts.with(verdict, |counter| counter.increment(1));
        }
    }
}

impl Series {
    fn new(endpoint: &SharedString) -> Self {
        let verdicts =
            ["accepted", "handshake", "dropped", "panicked"].into_iter().chain(Rejection::CODES.iter().copied());
        Self {
            verdicts: Family::new(
                endpoint,
                verdicts,
                |endpoint, verdict| counter!(names::VERDICTS, "endpoint" => endpoint, "verdict" => verdict),
            ),
            body_bytes: Family::new(
                endpoint,
                [""],
                |endpoint, _| histogram!(names::BODY_BYTES, "endpoint" => endpoint),
            ),
            verify_seconds: Family::new(
                endpoint,
                [""],
                |endpoint, _| histogram!(names::VERIFY_SECONDS, "endpoint" => endpoint),
            ),
            handler_seconds: Family::new(
                endpoint,
                ["success", "failure", "timeout", "panic"],
                |endpoint, outcome| histogram!(names::HANDLER_SECONDS, "endpoint" => endpoint, "outcome" => outcome),
            ),
            claims: Family::new(
                endpoint,
                ["fresh", "in_progress", "done", "lapsed"],
                |endpoint, state| counter!(names::CLAIMS, "endpoint" => endpoint, "state" => state),
            ),
            store_errors: Family::new(
                endpoint,
                ["claim", "commit", "release"],
                |endpoint, operation| counter!(names::STORE_ERRORS, "endpoint" => endpoint, "operation" => operation),
            ),
        }
    }
}

impl<T> Family<T> {
    fn new(
        endpoint: &SharedString,
        values: impl IntoIterator<Item = &'static str>,
        make: fn(SharedString, &'static str) -> T,
    ) -> Self {
        let slots = values.into_iter().map(|value| (value, OnceLock::new())).collect();
        Self { endpoint: endpoint.clone(), make, slots }
    }

    fn with(&self, value: &'static str, work: impl FnOnce(&T)) {
        let make = || (self.make)(self.endpoint.clone(), value);
        match self.slots.iter().find(|(known, _)| *known == value) {
            Some((_, slot)) => work(slot.get_or_init(make)),
            None => work(&make()),
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("measures", &self.0.is_some()).finish()
    }
}

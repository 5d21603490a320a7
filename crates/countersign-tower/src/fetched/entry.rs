//! What is known of one URL: the last good copy, and how the last attempt to get another went.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use countersign::{KeySet, Unkeyed, Verifier};
use tokio::sync::{Semaphore, watch};

use super::settings::Settings;

pub(super) struct CacheEntry {
    state: Mutex<State>,
    /// Wakes those who wait when a fetch is over.
    over: watch::Sender<()>,
    /// Places for requests that wait for it.
    pub(super) waiting: Semaphore,
}

/// How many requests may wait for one URL, so that a silent server keeps none waiting for another.
const WAITING: usize = 64;

struct State {
    copy: Option<CachedKeys>,
    is_in_flight: bool,
    attempted: Option<Instant>,
    /// How the last attempt ended.
    failure: Option<Failure>,
    used: Instant,
}

/// How an attempt ended that brought no copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotThere,
    Unavailable,
}

/// A good copy: a verifier for each key's id, and one for requests that name none.
pub(super) struct CachedKeys {
    by_id: HashMap<String, Verifier>,
    any: Option<Verifier>,
    fetched: Instant,
    keep: Duration,
}

/// What is to be done for a request.
pub(super) enum Step {
    /// Verify with this; the copy is old enough to be renewed meanwhile, if it says so.
    Take { verifier: Verifier, renew: bool },
    /// Ask the provider, and wait for it.
    Fetch(watch::Receiver<()>),
    /// Somebody asks the provider already: wait for it.
    Wait(watch::Receiver<()>),
    /// There is no such key.
    Unknown,
    /// Nobody can tell just now.
    Unavailable,
}

impl CachedKeys {
    pub(super) fn new(unkeyed: &Unkeyed, keys: &KeySet, fetched: Instant, keep: Duration) -> Self {
        // A set whose keys make no verifier was refused when it was read.
        let verifier = |id| unkeyed.verifier(keys, id).ok().flatten();
        let by_id = keys.ids().filter_map(|id| Some((id.to_owned(), verifier(Some(id))?))).collect();
        Self { by_id, any: verifier(None), fetched, keep }
    }

    fn find(&self, id: Option<&str>, selects_by_id: bool) -> Option<&Verifier> {
        match id.filter(|_| selects_by_id) {
            Some(id) => self.by_id.get(id),
            None => self.any.as_ref(),
        }
    }
}

impl CacheEntry {
    pub(super) fn new(now: Instant) -> Self {
        let state = State { copy: None, is_in_flight: false, attempted: None, failure: None, used: now };
        Self { state: Mutex::new(state), over: watch::Sender::new(()), waiting: Semaphore::new(WAITING) }
    }

    /// What is to be done now. A step to fetch is taken at once: whoever gets it must end it with [`settle`](Self::settle).
    pub(super) fn step(&self, id: Option<&str>, has_waited: bool, now: Instant, settings: &Settings) -> Step {
        let mut state = self.lock();
        state.used = now;
        let may_attempt = !has_waited && !state.is_in_flight && state.may_attempt(now, settings);
        let age = state.copy.as_ref().map(|copy| now.saturating_duration_since(copy.fetched));
        let found = state.copy.as_ref().and_then(|copy| copy.find(id, settings.selects_by_id)).cloned();
        let keep = state.copy.as_ref().map_or(Duration::ZERO, |copy| copy.keep);
        let age_limit = keep.saturating_add(settings.keep_last_good);
        // The provider was asked for another copy without success, or may not be asked yet.
        let is_best = state.failure.is_some() || has_waited || !(may_attempt || state.is_in_flight);
        match (age.filter(|age| *age < age_limit), found) {
            (Some(age), Some(verifier)) if age < keep || is_best => {
                let renew = may_attempt && age >= keep.mul_f64(RENEW_AFTER);
                if renew {
                    state.start_fetch(now);
                }
                Step::Take { verifier, renew }
            }
            _ if state.is_in_flight && !has_waited => Step::Wait(self.over.subscribe()),
            _ if may_attempt => {
                state.start_fetch(now);
                Step::Fetch(self.over.subscribe())
            }
            // A copy that was just waited for and lacks the key says that there is none. An older one cannot tell of a new key, and
            // for a 401 some providers send no more.
            (Some(age), None) if age < keep && has_waited && state.failure.is_none() => Step::Unknown,
            _ if state.failure == Some(Failure::NotThere) && settings.is_url_named => Step::Unknown,
            _ => Step::Unavailable,
        }
    }

    /// Ends a fetch. A good copy stays until there is another.
    pub(super) fn settle(&self, outcome: Result<CachedKeys, Failure>) {
        let mut state = self.lock();
        state.is_in_flight = false;
        match outcome {
            Ok(copy) => (state.copy, state.failure) = (Some(copy), None),
            Err(failure) => state.failure = Some(failure),
        }
        drop(state);
        self.over.send_replace(());
    }

    /// By what entries are thrown away when there are too many: those without a copy first, then those longest out of use.
    pub(super) fn worth(&self) -> (bool, Instant) {
        let state = self.lock();
        (state.copy.is_some() || state.is_in_flight, state.used)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is written under the lock cannot panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_attempt(&self, now: Instant, settings: &Settings) -> bool {
        self.attempted.is_none_or(|at| now.saturating_duration_since(at) >= settings.ask_again)
    }

    fn start_fetch(&mut self, now: Instant) {
        self.is_in_flight = true;
        self.attempted = Some(now);
    }
}

/// The part of its time after which a copy is renewed, by the next request, while it goes on to be used.
const RENEW_AFTER: f64 = 0.8;

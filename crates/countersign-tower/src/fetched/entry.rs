//! The cache entry of one URL: its last good copy, and how the last fetch ended.

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
    /// Wakes waiting requests when a fetch has ended.
    fetch_ended: watch::Sender<()>,
    /// Permits for requests that wait for this URL.
    pub(super) waiting: Semaphore,
}

/// How many requests may wait for one URL: a server that does not answer must not take the permits of other URLs.
const WAITING: usize = 64;

struct State {
    copy: Option<CachedKeys>,
    is_in_flight: bool,
    last_fetch: Option<Instant>,
    /// Why the last fetch failed.
    failure: Option<Failure>,
    last_use: Instant,
}

/// Why a fetch gave no copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotThere,
    Unavailable,
}

/// A good copy: a verifier for each key's id, and one for requests that name none.
pub(super) struct CachedKeys {
    by_id: HashMap<String, Verifier>,
    any: Option<Verifier>,
    fetched_at: Instant,
    time_to_live: Duration,
}

/// What to do for a request.
pub(super) enum NextStep {
    /// Verify with this; with `renew`, also start a fetch in the background.
    Verify { verifier: Verifier, renew: bool },
    /// Start a fetch, and wait for it.
    Fetch(watch::Receiver<()>),
    /// Wait for the fetch that is in flight.
    Wait(watch::Receiver<()>),
    /// There is no such key.
    Unknown,
    /// Whether there is such a key cannot be found out now.
    Unavailable,
}

impl CachedKeys {
    pub(super) fn new(unkeyed: &Unkeyed, keys: &KeySet, fetched_at: Instant, time_to_live: Duration) -> Self {
        // A set whose keys make no verifier was refused when it was read.
        let verifier = |id| unkeyed.verifier(keys, id).ok().flatten();
        let by_id = keys.ids().filter_map(|id| Some((id.to_owned(), verifier(Some(id))?))).collect();
        Self { by_id, any: verifier(None), fetched_at, time_to_live }
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
        let state = State { copy: None, is_in_flight: false, last_fetch: None, failure: None, last_use: now };
        Self { state: Mutex::new(state), fetch_ended: watch::Sender::new(()), waiting: Semaphore::new(WAITING) }
    }

    /// What to do now. [`Fetch`](NextStep::Fetch) and `renew` mark the fetch as in flight: the caller must start it, and end it
    /// with [`settle`](Self::settle).
    pub(super) fn next_step(&self, id: Option<&str>, has_waited: bool, now: Instant, settings: &Settings) -> NextStep {
        let mut state = self.lock();
        state.last_use = now;
        let may_fetch = !has_waited && !state.is_in_flight && state.may_fetch(now, settings);
        let age = state.copy.as_ref().map(|copy| now.saturating_duration_since(copy.fetched_at));
        let found = state.copy.as_ref().and_then(|copy| copy.find(id, settings.selects_by_id)).cloned();
        let time_to_live = state.copy.as_ref().map_or(Duration::ZERO, |copy| copy.time_to_live);
        let age_limit = time_to_live.saturating_add(settings.keep_last_good);
        // The last fetch failed, or the next one is not allowed yet.
        let is_best = state.failure.is_some() || has_waited || !(may_fetch || state.is_in_flight);
        match (age.filter(|age| *age < age_limit), found) {
            (Some(age), Some(verifier)) if age < time_to_live || is_best => {
                let renew = may_fetch && age >= time_to_live.mul_f64(RENEW_AFTER);
                if renew {
                    state.start_fetch(now);
                }
                NextStep::Verify { verifier, renew }
            }
            _ if state.is_in_flight && !has_waited => NextStep::Wait(self.fetch_ended.subscribe()),
            _ if may_fetch => {
                state.start_fetch(now);
                NextStep::Fetch(self.fetch_ended.subscribe())
            }
            // A copy that the request has just waited for shows that there is no such key. An older copy does not: the key may be
            // new, and some providers do not retry after a 401.
            (Some(age), None) if age < time_to_live && has_waited && state.failure.is_none() => NextStep::Unknown,
            _ if state.failure == Some(Failure::NotThere) && settings.is_url_named => NextStep::Unknown,
            _ => NextStep::Unavailable,
        }
    }

    /// Ends a fetch. A good copy stays until the next one replaces it.
    pub(super) fn settle(&self, outcome: Result<CachedKeys, Failure>) {
        let mut state = self.lock();
        state.is_in_flight = false;
        match outcome {
            Ok(copy) => (state.copy, state.failure) = (Some(copy), None),
            Err(failure) => state.failure = Some(failure),
        }
        drop(state);
        self.fetch_ended.send_replace(());
    }

    /// The order of eviction: entries without a copy first, then the least recently used.
    pub(super) fn eviction_rank(&self) -> (bool, Instant) {
        let state = self.lock();
        (state.copy.is_some() || state.is_in_flight, state.last_use)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can leave the state half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_fetch(&self, now: Instant, settings: &Settings) -> bool {
        self.last_fetch.is_none_or(|at| now.saturating_duration_since(at) >= settings.fetch_interval)
    }

    fn start_fetch(&mut self, now: Instant) {
        self.is_in_flight = true;
        self.last_fetch = Some(now);
    }
}

/// The part of its time to live after which the next request renews a copy in the background.
const RENEW_AFTER: f64 = 0.8;

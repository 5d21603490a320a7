//! `FetchedKeys`: the published keys of one provider, and the requests that wait for them.

use std::{
    fmt,
    ops::RangeInclusive,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use countersign::{KeyAddress, Rejection, Timestamp, TrustRoots, Unkeyed, Verifier};
use http::request::Parts;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Fetch, FetchError,
    cache::KeyCache,
    entry::{CacheEntry, CachedKeys, Failure, NextStep},
    settings::Settings,
};
use crate::verify::{Found, KeyLookup, Keys, Known, warn_about_other_customers};

/// The published keys of one provider, fetched when they are needed. Cheap to clone; see the [module docs](crate::fetched).
pub struct FetchedKeys<F> {
    inner: Arc<Inner<F>>,
}

struct Inner<F> {
    unkeyed: Unkeyed,
    fetch: Arc<F>,
    cache: KeyCache,
    /// Permits for requests that wait.
    waiting: Semaphore,
    settings: Settings,
    /// Done when the first keys are there, which show whether a setting against other customers is missing.
    warned: Once,
}

/// The target of warnings that say why keys are not there for a request: `countersign serve` shows them.
const KEYS: &str = "countersign::keys";

/// How many requests may wait for keys; each has its body in memory if the body names the key.
const WAITING: usize = 256;

impl<F: Fetch> FetchedKeys<F> {
    /// Fetches with `fetch`, within 5 s.
    ///
    /// A copy's time to live is that which the provider says, but at least a minute and at most a day; an hour if the provider
    /// does not say. A copy that cannot be renewed is used for another day. A URL is fetched at most once in 30 s. At most 8
    /// new URLs are tried at once, and then one each 5 s. 128 URLs are kept. At most 64 requests wait for one URL, and 256 for
    /// all; others are answered 503.
    pub fn new(unkeyed: Unkeyed, fetch: F) -> Self {
        let settings = Settings::of(unkeyed.scheme().key_source());
        Self::build(unkeyed, Arc::new(fetch), settings)
    }

    fn build(unkeyed: Unkeyed, fetch: Arc<F>, settings: Settings) -> Self {
        let cache = KeyCache::new(&settings);
        let (waiting, warned) = (Semaphore::new(WAITING), Once::new());
        Self { inner: Arc::new(Inner { unkeyed, fetch, cache, waiting, settings, warned }) }
    }

    /// The same with one setting changed, and an empty cache.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        change(&mut settings);
        Self::build(self.inner.unkeyed.clone(), Arc::clone(&self.inner.fetch), settings)
    }

    /// Trusts certificates under these authorities; none unless this says otherwise. See [`Unkeyed::read`] for when that
    /// matters.
    #[must_use]
    pub fn with_roots(self, roots: TrustRoots) -> Self {
        self.with(|settings| settings.roots = roots)
    }

    /// Keeps a copy for at least the start of this range and at most its end, whatever the provider says. A key that the
    /// provider has revoked is trusted until the copy's time to live ends.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    #[must_use]
    pub fn with_time_to_live(self, range: RangeInclusive<Duration>) -> Self {
        assert!(!range.is_empty(), "the range of the keys' time to live is empty: {range:?}");
        self.with(|settings| settings.time_to_live = range.into_inner())
    }

    /// Uses a copy for `longer` after its time to live while it cannot be renewed.
    #[must_use]
    pub fn with_last_good(self, longer: Duration) -> Self {
        self.with(|settings| settings.keep_last_good = longer)
    }

    /// Lets at least this time pass between two fetches of one URL. A copy whose time to live ends earlier is used until then.
    ///
    /// It limits how many fetches requests with invented key ids can cause. It is also how long a new key can stay unknown if the
    /// provider signs with it as soon as it has published it.
    #[must_use]
    pub fn with_interval(self, least: Duration) -> Self {
        self.with(|settings| settings.fetch_interval = least)
    }

    /// Keeps the copies of at most this many URLs, and of one at least. This matters where the request names the URL of its key.
    #[must_use]
    pub fn with_capacity(self, urls: usize) -> Self {
        self.with(|settings| settings.capacity = urls.max(1))
    }

    /// Tries at most `at_once` URLs that never gave a key, and one more after each `interval`. With 0, only
    /// [known](Self::with_known_urls) URLs are tried. This matters where the request names the URL of its key.
    #[must_use]
    pub fn with_new_urls(self, at_once: u32, interval: Duration) -> Self {
        self.with(|settings| settings.new_urls = (at_once, interval))
    }

    /// Always tries these URLs, however many new ones were tried before. Where the request names the URL of its key, an
    /// attacker who invents many URLs can delay a new URL of the provider, unless it is named here. [`Unkeyed::url_of`] makes a
    /// URL of the id of a key.
    #[must_use]
    pub fn with_known_urls(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|settings| settings.known_urls = urls.into_iter().map(Into::into).collect())
    }

    /// Gives up a fetch after `timeout`; 5 s unless this says otherwise.
    ///
    /// # Panics
    ///
    /// If `timeout` is zero: every fetch would fail.
    #[must_use]
    pub fn with_fetch_timeout(self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "a fetch timeout of zero fails every fetch: allow some time");
        self.with(|settings| settings.fetch_timeout = timeout)
    }

    /// Measures the age of copies by this clock, which must not go back.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    /// The verifier without keys for which these keys are fetched.
    pub fn unkeyed(&self) -> &Unkeyed {
        &self.inner.unkeyed
    }

    /// The verifier for the key at an address. The validity of certificates is judged at `now`.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownKey`] if there is no such key, [`Rejection::KeysUnavailable`] if that cannot be found out now.
    pub async fn resolve(&self, address: &KeyAddress, now: Timestamp) -> Result<Verifier, Rejection> {
        let Inner { cache, waiting, settings, .. } = &*self.inner;
        let entry = cache.entry(address.url(), (settings.clock)(), settings).ok_or_else(|| {
            tracing::warn!(
                target: KEYS,
                url = address.url(),
                "too many new URLs of keys: this one is not fetched now. If it is the provider's, name it in \
                 `FetchedKeys::with_known_urls` (`known` in `[endpoint.keys]` of `countersign serve`)"
            );
            Rejection::KeysUnavailable
        })?;
        let mut has_waited = false;
        loop {
            let mut fetch_ended = match entry.next_step(address.key_id(), has_waited, (settings.clock)(), settings) {
                NextStep::Verify { verifier, renew } => {
                    if renew {
                        self.start_fetch(Arc::clone(&entry), address.clone(), now);
                    }
                    return Ok(verifier);
                }
                NextStep::Fetch(fetch_ended) => {
                    self.start_fetch(Arc::clone(&entry), address.clone(), now);
                    fetch_ended
                }
                NextStep::Wait(fetch_ended) => fetch_ended,
                NextStep::Unknown => return Err(Rejection::UnknownKey),
                NextStep::Unavailable => {
                    tracing::warn!(
                        target: KEYS,
                        url = address.url(),
                        "there is no copy with this key: the last fetch failed, or the last copy lacks the key and the \
                         next fetch is not due yet"
                    );
                    return Err(Rejection::KeysUnavailable);
                }
            };
            let (Ok(_permit), Ok(_permit_for_url)) = (waiting.try_acquire(), entry.waiting.try_acquire()) else {
                tracing::warn!(
                    target: KEYS,
                    url = address.url(),
                    "too many requests wait for keys: this one is answered 503 at once, and the provider sends it again"
                );
                return Err(Rejection::KeysUnavailable);
            };
            // The sender is in the entry, so this does not fail. Every fetch ends, by its timeout at the latest.
            let _ = fetch_ended.changed().await;
            has_waited = true;
        }
    }

    /// Fetches in a task of its own, so that a request that is dropped does not cancel a fetch that others wait for.
    fn start_fetch(&self, entry: Arc<CacheEntry>, address: KeyAddress, now: Timestamp) {
        let inner = Arc::clone(&self.inner);
        let in_flight = InFlightFetch(Some(entry));
        tokio::spawn(async move {
            let outcome = inner.fetch(&address, now).await;
            in_flight.end(outcome);
        });
    }
}

impl<F: Fetch> Inner<F> {
    async fn fetch(&self, address: &KeyAddress, now: Timestamp) -> Result<CachedKeys, Failure> {
        let url = address.url();
        let fetched_at = (self.settings.clock)();
        let fetched = match timeout(self.settings.fetch_timeout, self.fetch.fetch(address)).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(FetchError::NotThere)) => {
                tracing::warn!(target: KEYS, url, "the provider has no keys at this URL (404 or 410)");
                return Err(Failure::NotThere);
            }
            Ok(Err(error)) => return Err(failed(url, &error)),
            Err(late) => return Err(failed(url, &late)),
        };
        let keys =
            self.unkeyed.read(&fetched.document, &self.settings.roots, now).map_err(|error| failed(url, &error))?;
        self.warned.call_once(|| {
            if let Ok(Some(verifier)) = self.unkeyed.verifier(&keys, None) {
                warn_about_other_customers(&verifier, None);
            }
        });
        let mut time_to_live = self.settings.time_to_live(fetched.max_age);
        if let Some(left) = keys.not_after().and_then(|end| end.since(now)) {
            time_to_live = time_to_live.min(left);
        }
        tracing::debug!(target: "countersign", url, keys = keys.len(), time_to_live = time_to_live.as_secs(), "fetched keys");
        Ok(CachedKeys::new(&self.unkeyed, &keys, fetched_at, time_to_live))
    }
}

fn failed(url: &str, error: &dyn std::error::Error) -> Failure {
    tracing::error!(
        target: "countersign",
        url,
        %error,
        "keys could not be fetched. The last good copy is used; without one, deliveries are answered 503"
    );
    Failure::Unavailable
}

/// A fetch in flight. If its task panics or is dropped, the fetch counts as failed, so that no request waits for it.
struct InFlightFetch(Option<Arc<CacheEntry>>);

impl InFlightFetch {
    fn end(mut self, outcome: Result<CachedKeys, Failure>) {
        if let Some(entry) = self.0.take() {
            entry.settle(outcome);
        }
    }
}

impl Drop for InFlightFetch {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.settle(Err(Failure::Unavailable));
        }
    }
}

impl<F: Fetch> Keys for FetchedKeys<F> {
    async fn find(&self, head: &Parts, now: Timestamp) -> Result<KeyLookup, Rejection> {
        let unkeyed = &self.inner.unkeyed;
        if let Some(verifier) = unkeyed.for_question(head, now) {
            return Ok(KeyLookup::Found(verifier.clone().into()));
        }
        unkeyed.check_head(head, now)?;
        if unkeyed.scheme().key_source().is_some_and(countersign::scheme::KeySource::is_named_in_body) {
            return Ok(KeyLookup::NeedsBody);
        }
        let address = unkeyed.locate(head, None)?;
        let verifier = self.resolve(&address, now).await?;
        Ok(KeyLookup::Found(verifier.into()))
    }

    async fn find_for_body(&self, head: &Parts, body: &[u8], now: Timestamp) -> Result<Found, Rejection> {
        let address = self.inner.unkeyed.locate(head, Some(body))?;
        let verifier = self.resolve(&address, now).await?;
        Ok(verifier.into())
    }

    fn known(&self) -> Option<Known<'_>> {
        let unkeyed = &self.inner.unkeyed;
        Some(Known { scheme: unkeyed.scheme(), tolerance: unkeyed.tolerance(), verifier: None })
    }
}

impl<F: Fetch> crate::verify::sealed::Sealed for FetchedKeys<F> {}

impl<F> Clone for FetchedKeys<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<F> fmt::Debug for FetchedKeys<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKeys")
            .field("scheme", &self.inner.unkeyed.scheme().id())
            .field("urls", &self.inner.cache.len())
            .finish_non_exhaustive()
    }
}

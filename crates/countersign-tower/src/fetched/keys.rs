//! The keys of one provider, and who waits for them.

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
    entry::{CacheEntry, CachedKeys, Failure, Step},
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
    /// Places for requests that wait.
    waiting: Semaphore,
    settings: Settings,
    /// With the first keys, what is wrong with the verifier is said.
    first: Once,
}

/// How many requests may wait for keys, each with its body where that names the key.
const WAITING: usize = 256;

impl<F: Fetch> FetchedKeys<F> {
    /// Fetches with `fetch`, within 5 s.
    ///
    /// A copy is good for as long as the provider says, but at least a minute and at most a day, and for an hour if it does
    /// not say. If it cannot be renewed it goes on to be used for another day. A URL is asked once in 30 s at most, and no more
    /// than 8 new ones at once, and then one each 5 s. 128 URLs are kept. No more than 64 requests wait for one URL, and 256 for
    /// all; others are answered 503.
    pub fn new(unkeyed: Unkeyed, fetch: F) -> Self {
        let settings = Settings::of(unkeyed.scheme().key_source());
        Self::build(unkeyed, Arc::new(fetch), settings)
    }

    fn build(unkeyed: Unkeyed, fetch: Arc<F>, settings: Settings) -> Self {
        let cache = KeyCache::new(&settings);
        let (waiting, first) = (Semaphore::new(WAITING), Once::new());
        Self { inner: Arc::new(Inner { unkeyed, fetch, cache, waiting, settings, first }) }
    }

    /// The same with one setting changed, and nothing fetched.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        change(&mut settings);
        Self::build(self.inner.unkeyed.clone(), Arc::clone(&self.inner.fetch), settings)
    }

    /// Believes certificates under these authorities; under none, to begin with. See [`Unkeyed::read`] for when that matters.
    #[must_use]
    pub fn with_roots(self, roots: TrustRoots) -> Self {
        self.with(|settings| settings.roots = roots)
    }

    /// Keeps a copy for at least the start of this range and at most its end, whatever the provider says. A key that the
    /// provider has revoked is believed for up to the end.
    #[must_use]
    pub fn with_time_to_live(self, range: RangeInclusive<Duration>) -> Self {
        self.with(|settings| settings.keep = range.into_inner())
    }

    /// Goes on using a copy for this time after its end while it cannot be renewed.
    #[must_use]
    pub fn with_last_good(self, longer: Duration) -> Self {
        self.with(|settings| settings.keep_last_good = longer)
    }

    /// Lets this time pass between two attempts at one URL. It bounds what requests with invented key ids can make of us, and
    /// it is how long a new key can go unknown if the provider signs with it as soon as it has published it. A copy whose time
    /// is over before goes on to be used until then.
    #[must_use]
    pub fn with_interval(self, least: Duration) -> Self {
        self.with(|settings| settings.ask_again = least)
    }

    /// Keeps the copies of at most this many URLs, and of one at least. This matters where the request says where its key is.
    #[must_use]
    pub fn with_capacity(self, urls: usize) -> Self {
        self.with(|settings| settings.capacity = urls.max(1))
    }

    /// Tries this many URLs at once that never gave a key, and one more after each `interval`. This matters where the request
    /// says where its key is.
    #[must_use]
    pub fn with_new_urls(self, at_once: u32, interval: Duration) -> Self {
        self.with(|settings| settings.new_urls = (at_once, interval))
    }

    /// Tries these URLs however many new ones were tried before. Where the request says where its key is, whoever invents
    /// many can keep a new URL of the provider waiting, until it is named here. [`Unkeyed::url_of`] makes a URL of the id of a
    /// key.
    #[must_use]
    pub fn with_known_urls(self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|settings| settings.known_urls = urls.into_iter().map(Into::into).collect())
    }

    /// Gives up a fetch after `limit`.
    #[must_use]
    pub fn with_time_limit(self, limit: Duration) -> Self {
        self.with(|settings| settings.time_limit = limit)
    }

    /// Measures the age of copies by this clock, which must not go back.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    /// What it is for.
    pub fn unkeyed(&self) -> &Unkeyed {
        &self.inner.unkeyed
    }

    /// The verifier for the key at an address. `now` is the time against which certificates are held.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownKey`] if there is no such key, [`Rejection::KeysUnavailable`] if that cannot be found out now.
    pub async fn resolve(&self, address: &KeyAddress, now: Timestamp) -> Result<Verifier, Rejection> {
        let Inner { cache, waiting, settings, .. } = &*self.inner;
        let entry = cache.entry(address.url(), (settings.clock)(), settings).ok_or_else(|| {
            tracing::warn!(target: "countersign", url = address.url(), "too many new URLs of keys: this one has to wait");
            Rejection::KeysUnavailable
        })?;
        let mut has_waited = false;
        loop {
            let mut over = match entry.step(address.key_id(), has_waited, (settings.clock)(), settings) {
                Step::Take { verifier, renew } => {
                    if renew {
                        self.start_fetch(Arc::clone(&entry), address.clone(), now);
                    }
                    return Ok(verifier);
                }
                Step::Fetch(over) => {
                    self.start_fetch(Arc::clone(&entry), address.clone(), now);
                    over
                }
                Step::Wait(over) => over,
                Step::Unknown => return Err(Rejection::UnknownKey),
                Step::Unavailable => return Err(Rejection::KeysUnavailable),
            };
            let (Ok(_place), Ok(_place_there)) = (waiting.try_acquire(), entry.waiting.try_acquire()) else {
                tracing::warn!(target: "countersign", url = address.url(), "too many requests wait for keys: this one cannot");
                return Err(Rejection::KeysUnavailable);
            };
            // The sender lives in the entry. A fetch is over in time, whatever becomes of it.
            let _ = over.changed().await;
            has_waited = true;
        }
    }

    /// Fetches in a task of its own: a request that goes away takes nobody else's fetch with it.
    fn start_fetch(&self, entry: Arc<CacheEntry>, address: KeyAddress, now: Timestamp) {
        let inner = Arc::clone(&self.inner);
        let fetch = InFlightFetch(Some(entry));
        tokio::spawn(async move {
            let outcome = inner.get(&address, now).await;
            fetch.end(outcome);
        });
    }
}

impl<F: Fetch> Inner<F> {
    async fn get(&self, address: &KeyAddress, now: Timestamp) -> Result<CachedKeys, Failure> {
        let url = address.url();
        let begun = (self.settings.clock)();
        let fetched = match timeout(self.settings.time_limit, self.fetch.fetch(address)).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(FetchError::NotThere)) => {
                tracing::warn!(target: "countersign", url, "the provider has no keys there");
                return Err(Failure::NotThere);
            }
            Ok(Err(error)) => return Err(failed(url, &error)),
            Err(late) => return Err(failed(url, &late)),
        };
        let keys =
            self.unkeyed.read(&fetched.document, &self.settings.roots, now).map_err(|error| failed(url, &error))?;
        self.first.call_once(|| {
            if let Ok(Some(verifier)) = self.unkeyed.verifier(&keys, None) {
                warn_about_other_customers(&verifier, None);
            }
        });
        let mut keep = self.settings.keep(fetched.max_age);
        if let Some(left) = keys.not_after().and_then(|end| end.since(now)) {
            keep = keep.min(left);
        }
        tracing::debug!(target: "countersign", url, keys = keys.len(), keep = keep.as_secs(), "fetched keys");
        Ok(CachedKeys::new(&self.unkeyed, &keys, begun, keep))
    }
}

fn failed(url: &str, error: &dyn std::error::Error) -> Failure {
    tracing::error!(target: "countersign", url, %error, "keys could not be fetched; the last good copy stays");
    Failure::Unavailable
}

/// A fetch under way. If its task dies it counts as failed, so that nobody waits for it.
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

//! Keys per tenant: looked up by the head of a request, cached, bounded.

use std::{
    error::Error,
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use countersign::{Rejection, Timestamp, Verifier};
use http::request::Parts;
use quick_cache::sync::Cache;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::verify::{Found, KeyLookup, Keys};

/// Finds the verifier of a request's tenant, in a database or a vault.
///
/// It sees the head of the request and never the body. Put it into [`TenantKeys`], which caches what it finds.
pub trait KeyResolver: Send + Sync + 'static {
    /// What names a tenant; the key of the cache. [`ReplayLayer`](crate::ReplayLayer) tells tenants apart by what their
    /// `Hash` writes: processes that share a replay store must agree on it.
    type Tenant: Clone + Eq + Hash + Send + Sync + 'static;

    /// Why a lookup failed. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// The tenant to whom a request is addressed, by its path or host; `None` if it is addressed to none.
    ///
    /// Keep the value short: attackers choose it, and the cache keeps it. Give each tenant exactly one value: the replay
    /// guard takes `acme` and `ACME` for two tenants. If both lead to one verifier, an event that was handled for `acme` is
    /// handled again for `ACME`. If your lookup ignores case, return the value in one case.
    fn tenant(&self, head: &Parts) -> Option<Self::Tenant>;

    /// The verifier of a tenant; `None` if there is no such tenant.
    fn verifier(&self, tenant: &Self::Tenant) -> impl Future<Output = Result<Option<Verifier>, Self::Error>> + Send;
}

/// The verifiers of many tenants, behind a bounded cache. It needs a tokio runtime.
///
/// Unknown tenants are cached as well, for a shorter time. Several requests for one tenant wait for one lookup. A lookup
/// that fails or takes too long is answered 503, so that the provider tries again, and is not cached. Tenants that were found
/// before have a lookup limit of their own, so that a flood of invented tenants does not delay them.
pub struct TenantKeys<R: KeyResolver> {
    inner: Arc<Inner<R>>,
}

struct Inner<R: KeyResolver> {
    resolver: Arc<R>,
    cache: Cache<R::Tenant, Entry>,
    /// The tenants that were found before.
    known: Cache<R::Tenant, ()>,
    /// Permits for lookups of tenants that were found before, and of all others: invented tenants do not delay known ones.
    known_permits: Semaphore,
    other_permits: Semaphore,
    settings: Settings,
}

#[derive(Clone)]
struct Entry {
    verifier: Option<Verifier>,
    /// `None`: never expires, because the clock cannot represent the end.
    expires_at: Option<Instant>,
}

#[derive(Clone)]
struct Settings {
    capacity: usize,
    time_to_live: Duration,
    negative_time_to_live: Duration,
    lookup_timeout: Duration,
    lookup_limit: usize,
    decoy: Option<Verifier>,
}

impl<R: KeyResolver> TenantKeys<R> {
    /// Caches 10,000 tenants for a minute, and unknown ones for 5 s. At most 64 lookups run at a time, of at most 2 s each, and
    /// as many for tenants that were found before.
    pub fn new(resolver: R) -> Self {
        let settings = Settings {
            capacity: 10_000,
            time_to_live: Duration::from_secs(60),
            negative_time_to_live: Duration::from_secs(5),
            lookup_timeout: Duration::from_secs(2),
            lookup_limit: 64,
            decoy: None,
        };
        Self::build(Arc::new(resolver), settings)
    }

    fn build(resolver: Arc<R>, settings: Settings) -> Self {
        let (cache, known) = (Cache::new(settings.capacity), Cache::new(settings.capacity));
        let permits = || Semaphore::new(settings.lookup_limit.min(Semaphore::MAX_PERMITS));
        let (known_permits, other_permits) = (permits(), permits());
        Self { inner: Arc::new(Inner { resolver, cache, known, known_permits, other_permits, settings }) }
    }

    /// The same with one setting changed, and an empty cache.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        change(&mut settings);
        Self::build(Arc::clone(&self.inner.resolver), settings)
    }

    /// Caches up to `tenants` tenants. With 0, nothing is cached, and every delivery causes a lookup.
    #[must_use]
    pub fn with_capacity(self, tenants: usize) -> Self {
        self.with(|settings| settings.capacity = tenants)
    }

    /// Caches a tenant that was found for this time, within which a change of its keys takes effect.
    #[must_use]
    pub fn with_time_to_live(self, time: Duration) -> Self {
        self.with(|settings| settings.time_to_live = time)
    }

    /// Caches that there is no such tenant for this time, after which a new one is found.
    #[must_use]
    pub fn with_negative_time_to_live(self, time: Duration) -> Self {
        self.with(|settings| settings.negative_time_to_live = time)
    }

    /// Allows `count` lookups at a time, and as many for tenants that were found before; 64 unless this says otherwise.
    ///
    /// # Panics
    ///
    /// If `count` is 0: no lookup could ever run, and every delivery would be answered 503.
    #[must_use]
    pub fn with_lookup_limit(self, count: usize) -> Self {
        assert!(count > 0, "a lookup limit of 0 lets no lookup run: allow 1 at least");
        self.with(|settings| settings.lookup_limit = count)
    }

    /// Gives each lookup `timeout`, the wait for its turn included; 2 s unless this says otherwise.
    ///
    /// # Panics
    ///
    /// If `timeout` is zero: every lookup would fail, and every delivery would be answered 503.
    #[must_use]
    pub fn with_lookup_timeout(self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "a lookup timeout of zero fails every lookup: allow some time");
        self.with(|settings| settings.lookup_timeout = timeout)
    }

    /// Verifies requests of unknown tenants too, with a verifier of the same scheme and a random secret, and then refuses
    /// them. A caller then cannot tell by the time which tenants exist.
    #[must_use]
    pub fn with_decoy(self, verifier: Verifier) -> Self {
        self.with(|settings| settings.decoy = Some(verifier))
    }

    async fn lookup(&self, tenant: &R::Tenant) -> Result<Option<Verifier>, Rejection> {
        let (inner, now) = (&*self.inner, Instant::now());
        inner.cache.remove_if(tenant, |entry| entry.expires_at.is_some_and(|end| end <= now));
        if let Some(entry) = inner.cache.get(tenant) {
            return Ok(entry.verifier);
        }
        // In a task of its own, so that a request that is dropped does not cancel a lookup that others wait for.
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        let entry = tokio::spawn(async move {
            let entry = inner.cache.get_or_insert_async(&tenant, inner.resolve(&tenant));
            timeout(inner.settings.lookup_timeout, entry).await.map_err(|late| unavailable(&late))?
        });
        Ok(entry.await.map_err(|panicked| unavailable(&panicked))??.verifier)
    }
}

impl<R: KeyResolver> Inner<R> {
    async fn resolve(&self, tenant: &R::Tenant) -> Result<Entry, Rejection> {
        let is_known = self.known.get(tenant).is_some();
        let permits = if is_known { &self.known_permits } else { &self.other_permits };
        let _permit = permits.acquire().await.map_err(|closed| unavailable(&closed))?;
        let verifier = self.resolver.verifier(tenant).await.map_err(|error| unavailable(&*error.into()))?;
        match &verifier {
            Some(_) => self.known.insert(tenant.clone(), ()),
            None => drop(self.known.remove(tenant)),
        }
        // With a decoy, unknown tenants are cached as long as known ones: otherwise a second lookup would tell them apart.
        let Settings { time_to_live, negative_time_to_live, decoy, .. } = &self.settings;
        let time_to_live = if verifier.is_some() || decoy.is_some() { time_to_live } else { negative_time_to_live };
        Ok(Entry { verifier, expires_at: Instant::now().checked_add(*time_to_live) })
    }
}

fn unavailable(error: &(dyn Error + 'static)) -> Rejection {
    tracing::error!(target: "countersign", error, "a tenant's keys could not be looked up: its delivery is answered 503, and the provider sends it again");
    Rejection::KeysUnavailable
}

impl<R: KeyResolver> Keys for TenantKeys<R> {
    async fn find(&self, head: &Parts, _: Timestamp) -> Result<KeyLookup, Rejection> {
        let tenant = self.inner.resolver.tenant(head);
        let verifier = match &tenant {
            Some(tenant) => self.lookup(tenant).await?,
            None => None,
        };
        let tenant = tenant.as_ref().map(TenantName::of);
        match (verifier, &self.inner.settings.decoy) {
            (Some(verifier), _) => Ok(KeyLookup::Found(Found { verifier, is_decoy: false, tenant })),
            (None, Some(decoy)) => Ok(KeyLookup::Found(Found { verifier: decoy.clone(), is_decoy: true, tenant })),
            (None, None) => Err(Rejection::UnknownKey),
        }
    }
}

impl<R: KeyResolver> crate::verify::sealed::Sealed for TenantKeys<R> {}

impl<R: KeyResolver> Clone for TenantKeys<R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<R: KeyResolver> fmt::Debug for TenantKeys<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys").field("cached", &self.inner.cache.len()).finish_non_exhaustive()
    }
}

/// The bytes that the `Hash` of a tenant writes: equal for equal tenants, different for others. An extension of the request,
/// by which inner layers tell tenants apart.
#[derive(Clone, Debug)]
pub(crate) struct TenantName(Arc<[u8]>);

impl TenantName {
    fn of(tenant: &impl Hash) -> Self {
        let mut hasher = RecordingHasher(Vec::new());
        tenant.hash(&mut hasher);
        Self(hasher.0.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Records the bytes that are hashed; numbers in little-endian order on every machine.
struct RecordingHasher(Vec<u8>);

impl Hasher for RecordingHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    /// Unused: only the recorded bytes count.
    fn finish(&self) -> u64 {
        0
    }
}

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

    /// Why a look-up failed. It goes to `tracing`, never to the caller.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// The tenant to whom a request is addressed, by its path or host; `None` if it is addressed to none.
    ///
    /// Take care that it is short: attackers choose what stands there, and the cache keeps it. And that each tenant has one
    /// value: the replay guard takes `acme` and `ACME` for two tenants, and if both find one verifier, a delivery that was
    /// handled for the one is handled again for the other. Where the look-up pays no heed to case, give the value in one case.
    fn tenant(&self, head: &Parts) -> Option<Self::Tenant>;

    /// The verifier of a tenant; `None` if there is no such tenant.
    fn verifier(&self, tenant: &Self::Tenant) -> impl Future<Output = Result<Option<Verifier>, Self::Error>> + Send;
}

/// The verifiers of many tenants, behind a bounded cache. It needs a tokio runtime.
///
/// Unknown tenants are cached as well, for a shorter time. Several requests for one tenant wait for one look-up. A look-up
/// that fails or takes too long is answered 503, so that the provider tries again, and is not cached. Tenants that were found
/// before are looked up beside the others, so that a flood of invented ones keeps none of them waiting.
pub struct TenantKeys<R: KeyResolver> {
    inner: Arc<Inner<R>>,
}

struct Inner<R: KeyResolver> {
    resolver: Arc<R>,
    cache: Cache<R::Tenant, Entry>,
    /// The tenants that were found before.
    known: Cache<R::Tenant, ()>,
    /// Turns to look up a tenant that was found before, and any other. Whoever invents tenants keeps none waiting that there are.
    turns_of_known: Semaphore,
    turns_of_others: Semaphore,
    settings: Settings,
}

#[derive(Clone)]
struct Entry {
    verifier: Option<Verifier>,
    /// `None`: no end, as the clock cannot hold it.
    good_until: Option<Instant>,
}

#[derive(Clone)]
struct Settings {
    capacity: usize,
    keep: Duration,
    keep_unknown: Duration,
    time_limit: Duration,
    look_ups: usize,
    decoy: Option<Verifier>,
}

impl<R: KeyResolver> TenantKeys<R> {
    /// Caches 10,000 tenants for a minute, unknown ones for 5 s, with at most 64 look-ups at a time of at most 2 s each, and as many
    /// for tenants that were found before.
    pub fn new(resolver: R) -> Self {
        let settings = Settings {
            capacity: 10_000,
            keep: Duration::from_secs(60),
            keep_unknown: Duration::from_secs(5),
            time_limit: Duration::from_secs(2),
            look_ups: 64,
            decoy: None,
        };
        Self::build(Arc::new(resolver), settings)
    }

    fn build(resolver: Arc<R>, settings: Settings) -> Self {
        let (cache, known) = (Cache::new(settings.capacity), Cache::new(settings.capacity));
        let turns = || Semaphore::new(settings.look_ups.min(Semaphore::MAX_PERMITS));
        let (turns_of_known, turns_of_others) = (turns(), turns());
        Self { inner: Arc::new(Inner { resolver, cache, known, turns_of_known, turns_of_others, settings }) }
    }

    /// The same with one setting changed, and an empty cache.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        change(&mut settings);
        Self::build(Arc::clone(&self.inner.resolver), settings)
    }

    /// Caches up to `tenants` tenants; with 0, nothing is cached, and every delivery has its tenant looked up.
    #[must_use]
    pub fn with_capacity(self, tenants: usize) -> Self {
        self.with(|settings| settings.capacity = tenants)
    }

    /// Caches a tenant that was found for this time, within which a change of its keys takes effect.
    #[must_use]
    pub fn with_time_to_live(self, time: Duration) -> Self {
        self.with(|settings| settings.keep = time)
    }

    /// Caches that there is no such tenant for this time, within which a new one is known.
    #[must_use]
    pub fn with_negative_time_to_live(self, time: Duration) -> Self {
        self.with(|settings| settings.keep_unknown = time)
    }

    /// Allows `count` look-ups at a time, and as many for tenants that were found before, of `time_limit` each, waiting for
    /// one's turn included. With 0 none has its turn, and every delivery is answered 503.
    #[must_use]
    pub fn with_look_ups(self, count: usize, time_limit: Duration) -> Self {
        self.with(|settings| (settings.look_ups, settings.time_limit) = (count, time_limit))
    }

    /// Does the work of a verification for unknown tenants too, with a verifier of the same scheme and a random secret,
    /// so that a caller cannot tell by the time which tenants there are.
    #[must_use]
    pub fn with_decoy(self, verifier: Verifier) -> Self {
        self.with(|settings| settings.decoy = Some(verifier))
    }

    async fn look_up(&self, tenant: &R::Tenant) -> Result<Option<Verifier>, Rejection> {
        let (inner, now) = (&*self.inner, Instant::now());
        inner.cache.remove_if(tenant, |entry| entry.good_until.is_some_and(|end| end <= now));
        if let Some(entry) = inner.cache.get(tenant) {
            return Ok(entry.verifier);
        }
        // In a task of its own: a request that goes away takes nobody else's look-up with it.
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        let entry = tokio::spawn(async move {
            let entry = inner.cache.get_or_insert_async(&tenant, inner.ask(&tenant));
            timeout(inner.settings.time_limit, entry).await.map_err(|late| unavailable(&late))?
        });
        Ok(entry.await.map_err(|panicked| unavailable(&panicked))??.verifier)
    }
}

impl<R: KeyResolver> Inner<R> {
    async fn ask(&self, tenant: &R::Tenant) -> Result<Entry, Rejection> {
        let is_known = self.known.get(tenant).is_some();
        let turns = if is_known { &self.turns_of_known } else { &self.turns_of_others };
        let _turn = turns.acquire().await.map_err(|closed| unavailable(&closed))?;
        let verifier = self.resolver.verifier(tenant).await.map_err(|error| unavailable(&*error.into()))?;
        match &verifier {
            Some(_) => self.known.insert(tenant.clone(), ()),
            None => drop(self.known.remove(tenant)),
        }
        // With a decoy unknown tenants are kept as long as known ones, so that a second look-up does not tell them apart.
        let is_as_known = verifier.is_some() || self.settings.decoy.is_some();
        let keep = if is_as_known { self.settings.keep } else { self.settings.keep_unknown };
        Ok(Entry { verifier, good_until: Instant::now().checked_add(keep) })
    }
}

fn unavailable(error: &(dyn Error + 'static)) -> Rejection {
    tracing::error!(target: "countersign", error, "a tenant's keys could not be looked up");
    Rejection::KeysUnavailable
}

impl<R: KeyResolver> Keys for TenantKeys<R> {
    async fn find(&self, head: &Parts, _: Timestamp) -> Result<KeyLookup, Rejection> {
        let tenant = self.inner.resolver.tenant(head);
        let verifier = match &tenant {
            Some(tenant) => self.look_up(tenant).await?,
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

/// What the `Hash` of a tenant writes: the same for equal tenants, another for others. In the request's extensions it tells
/// the layers behind whose request it is.
#[derive(Clone, Debug)]
pub(crate) struct TenantName(Arc<[u8]>);

impl TenantName {
    fn of(tenant: &impl Hash) -> Self {
        let mut written = Written(Vec::new());
        tenant.hash(&mut written);
        Self(written.0.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Keeps what is hashed; numbers in one way on every machine.
struct Written(Vec<u8>);

impl Hasher for Written {
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

    /// Nobody asks for it.
    fn finish(&self) -> u64 {
        0
    }
}

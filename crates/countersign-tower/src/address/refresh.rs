//! `AddressFeed`: keeps shared addresses up to date with a published list.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use countersign::{
    Timestamp,
    address::{AddressList, AddressSet, TakeError, Taken},
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::SharedAddresses;

/// Keeps addresses up to date with a published list. If a fetch fails, the last good copy stays in use.
///
/// ```
/// use std::time::Duration;
///
/// use countersign_tower::{
///     AddressFeed, AddressLayer,
///     countersign::{Timestamp, address::{AddressList, AddressSet, ListFormat}},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("countersign-feed-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("allowed.txt");
/// # std::fs::write(&path, "203.0.113.0/24\n")?;
/// let now = Timestamp::from(std::time::SystemTime::now());
/// let list = AddressList::read(ListFormat::Lines, &std::fs::read(&path)?, now)?; // wrong at the start is an error
/// let feed = AddressFeed::new(list, AddressSet::parse(["10.0.0.0/8"])?);
///
/// let layer = AddressLayer::new(feed.addresses());
/// let fetch = move || std::future::ready(std::fs::read(&path)); // or your HTTP client
/// tokio::spawn(feed.clone().refresh(Duration::from_secs(60), fetch));
///
/// assert!(feed.age() < Duration::from_secs(60)); // for your metrics
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AddressFeed {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Locked to get or replace the list, never while one is parsed, which takes tens of milliseconds.
    list: Mutex<Arc<AddressList>>,
    /// Locked for the whole update, because each copy is compared with the one before.
    update: Mutex<()>,
    always: AddressSet,
    shared: SharedAddresses,
}

type Failure = Box<dyn Error + Send + Sync>;

/// How long a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

impl AddressFeed {
    /// The addresses of a list, and those that are `always` let in.
    pub fn new(list: AddressList, always: AddressSet) -> Self {
        let shared = SharedAddresses::new(always.union(list.set()));
        let (list, update) = (Mutex::new(Arc::new(list)), Mutex::default());
        Self { inner: Arc::new(Inner { list, update, always, shared }) }
    }

    /// The addresses for a layer.
    pub fn addresses(&self) -> SharedAddresses {
        self.inner.shared.clone()
    }

    /// The last good copy of the list, with which another feed can start.
    pub fn list(&self) -> AddressList {
        AddressList::clone(&self.last())
    }

    /// How long ago the last good copy was fetched. If it grows, fetches have stopped or fail, or the copies are refused; the log
    /// says which.
    pub fn age(&self) -> Duration {
        self.last().age(now())
    }

    /// Takes a new copy of the list. Parsing a long list takes tens of milliseconds:
    /// asynchronous code should call this on a blocking thread, as [`refresh`](Self::refresh) does.
    ///
    /// # Errors
    ///
    /// If it cannot be parsed, or [lacks most](AddressList::take) of the list. The last good copy then stays.
    pub fn offer(&self, content: &[u8]) -> Result<Taken, TakeError> {
        let inner = &*self.inner;
        let _update = lock(&inner.update);
        let mut list = self.list();
        let taken = list.take(content, now())?;
        if taken != Taken::Same {
            inner.shared.replace(inner.always.union(list.set()));
        }
        *lock(&inner.list) = Arc::new(list);
        Ok(taken)
    }

    /// Fetches the list once per `every`, for as long as the future is polled. A failure is logged, and the last good copy stays.
    /// A fetch has 60 s.
    ///
    /// # Panics
    ///
    /// If `every` is zero: it would fetch without a pause.
    pub async fn refresh<F, C, E>(self, every: Duration, mut fetch: impl FnMut() -> F + Send) -> Infallible
    where
        F: Future<Output = Result<C, E>> + Send,
        C: AsRef<[u8]> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send,
    {
        assert!(!every.is_zero(), "a list of addresses cannot be fetched every 0 s: allow some time");
        loop {
            sleep(every).await;
            let fetched = timeout(FETCH_TIMEOUT, fetch()).await;
            let taken = match fetched {
                Ok(Ok(content)) => self.offer_blocking(content).await,
                Ok(Err(error)) => Err(error.into()),
                Err(late) => Err(late.into()),
            };
            self.report(&taken);
        }
    }

    /// Takes a new copy on a blocking thread, so that no request waits for the parsing.
    async fn offer_blocking(&self, content: impl AsRef<[u8]> + Send + 'static) -> Result<Taken, Failure> {
        let feed = self.clone();
        Ok(spawn_blocking(move || feed.offer(content.as_ref())).await??)
    }

    fn report(&self, taken: &Result<Taken, Failure>) {
        let ranges = self.last().set().len();
        match taken {
            Ok(Taken::Same) => tracing::debug!(target: "countersign", ranges, "the list of addresses is the same"),
            Ok(Taken::Restored) => tracing::warn!(
                target: "countersign",
                ranges,
                "took a list of addresses that lacks most of the last copy, but not of the one before the last day or two"
            ),
            Ok(_) => tracing::info!(target: "countersign", ranges, "took a new list of addresses"),
            Err(error) => tracing::error!(
                target: "countersign",
                %error,
                ranges,
                age = self.age().as_secs(),
                "the list of addresses could not be refreshed; the last good copy stays"
            ),
        }
    }

    fn last(&self) -> Arc<AddressList> {
        Arc::clone(&lock(&self.inner.list))
    }
}

/// Ignores poisoning: a list is replaced as a whole, so a panic leaves a good one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

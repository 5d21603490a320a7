//! Keeps shared addresses up to date with a list that somebody publishes.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use countersign::{
    Timestamp,
    address::{AddressList, AddressSet, TakeError},
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::SharedAddresses;

/// Keeps addresses up to date with a list that somebody publishes: the last good copy is what counts.
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
    /// Held to look at it or to put another in its place, never while one is read: that takes a while.
    list: Mutex<Arc<AddressList>>,
    /// Held by who has a new copy, as each is judged by the one before.
    turn: Mutex<()>,
    always: AddressSet,
    shared: SharedAddresses,
}

type Failure = Box<dyn Error + Send + Sync>;

/// A fetch that takes longer has failed.
const FETCH_TIME: Duration = Duration::from_secs(60);

impl AddressFeed {
    /// The addresses of a list, and those that are let in whatever it says.
    pub fn new(list: AddressList, always: AddressSet) -> Self {
        let shared = SharedAddresses::new(always.union(list.set()));
        let (list, turn) = (Mutex::new(Arc::new(list)), Mutex::default());
        Self { inner: Arc::new(Inner { list, turn, always, shared }) }
    }

    /// What a layer looks into.
    pub fn addresses(&self) -> SharedAddresses {
        self.inner.shared.clone()
    }

    /// The last good copy of the list, for another feed to go on with.
    pub fn list(&self) -> AddressList {
        AddressList::clone(&self.last())
    }

    /// How long ago the last good copy was fetched. A list that grows old is a list that nobody fetches any more, or that is
    /// refused each time; the log says which.
    pub fn age(&self) -> Duration {
        self.last().age(now())
    }

    /// Takes a new copy of the list; tells whether anything changed. To read a long one takes tens of milliseconds, which asynchronous
    /// code should spend in a thread of their own, as [`refresh`](Self::refresh) does.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or lacks most of the last good copy, which then stays.
    pub fn offer(&self, content: &[u8]) -> Result<bool, TakeError> {
        let inner = &*self.inner;
        let _turn = lock(&inner.turn);
        let mut list = self.list();
        let is_new = list.take(content, now())?;
        if is_new {
            inner.shared.replace(inner.always.union(list.set()));
        }
        *lock(&inner.list) = Arc::new(list);
        Ok(is_new)
    }

    /// Fetches the list once in every `every`, for as long as it is polled. What goes wrong is told to `tracing`, and the
    /// last good copy stays. A fetch has 60 s.
    pub async fn refresh<F, C, E>(self, every: Duration, mut fetch: impl FnMut() -> F + Send) -> Infallible
    where
        F: Future<Output = Result<C, E>> + Send,
        C: AsRef<[u8]> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send,
    {
        loop {
            sleep(every).await;
            let fetched = timeout(FETCH_TIME, fetch()).await;
            let taken = match fetched {
                Ok(Ok(content)) => self.offer_aside(content).await,
                Ok(Err(error)) => Err(error.into()),
                Err(late) => Err(late.into()),
            };
            self.report(&taken);
        }
    }

    /// Takes a new copy in a thread that nobody else's requests wait for.
    async fn offer_aside(&self, content: impl AsRef<[u8]> + Send + 'static) -> Result<bool, Failure> {
        let feed = self.clone();
        Ok(spawn_blocking(move || feed.offer(content.as_ref())).await??)
    }

    fn report(&self, taken: &Result<bool, Failure>) {
        let ranges = self.last().set().len();
        match taken {
            Ok(true) => tracing::info!(target: "countersign", ranges, "took a new list of addresses"),
            Ok(false) => tracing::debug!(target: "countersign", ranges, "the list of addresses is the same"),
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

/// A list is replaced whole or not at all, so that a panic elsewhere leaves a good one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

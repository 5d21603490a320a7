//! The shared connection to a server, which is replaced when it breaks.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{ErrorKind, InfoDict, RedisError, Value, aio::MultiplexedConnection};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{
    RedisStoreError,
    deadline::Deadline,
    error::ends_connection,
    options::MayEvict,
    request::Request,
    server::{Connection, Server},
    slots::Slots,
};

/// A connection that all calls share, with reconnection.
///
/// The `ConnectionManager` of `redis` keeps a connection whose server does not answer, until the system closes it after
/// a quarter of an hour. It does not check the eviction policy of the server that it finds after a failover.
pub(super) struct Link {
    server: Server,
    may_evict: MayEvict,
    current: Mutex<Option<Numbered>>,
    /// The number of the last connection. Held by the call that connects, while other calls wait.
    connecting: AsyncMutex<u64>,
}

/// A connection and its number, which tells it from its successors.
#[derive(Clone)]
struct Numbered {
    connection: Connection,
    number: u64,
}

/// Why a request failed.
pub(super) enum RequestError {
    /// In a cluster: another node has the key. Nothing was done.
    Redirected(Redirection),
    Failed(RedisStoreError),
}

/// The address of the node that has a key.
pub(super) struct Redirection {
    /// `host:port`. The host is empty if it is that of the node that redirects.
    pub(super) to: String,
    /// Whether the slot is moving to that node, and this key has moved already.
    pub(super) is_moving: bool,
}

impl Link {
    pub(super) fn new(server: Server, may_evict: MayEvict) -> Self {
        Self { server, may_evict, current: Mutex::new(None), connecting: AsyncMutex::new(0) }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Connects, unless there is a connection.
    pub(super) async fn open(&self, time: Deadline) -> Result<(), RedisStoreError> {
        time.limit(self.connection()).await?.map(drop)
    }

    /// Sends a request. `is_moving` says that the server has the key already, but not yet its slot.
    pub(super) async fn ask(
        &self,
        request: &Request<'_>,
        is_moving: bool,
        time: Deadline,
    ) -> Result<Value, RequestError> {
        self.use_connection(time, async |connection| {
            if is_moving { request.send_asking(connection).await } else { request.send(connection).await }
        })
        .await
    }

    /// The slots of the cluster. `None` if the server is no node of a cluster, or does not allow `CLUSTER SLOTS`.
    pub(super) async fn slots(&self, time: Deadline) -> Result<Option<Slots>, RedisStoreError> {
        self.open(time).await?;
        let answer = self
            .use_connection(time, async |connection| {
                redis::cmd("CLUSTER").arg("SLOTS").query_async::<Value>(connection).await
            })
            .await;
        match answer {
            Ok(answer) => Ok(Slots::of(&answer, self.server.host())),
            Err(RequestError::Failed(RedisStoreError::Refused { .. }) | RequestError::Redirected(_)) => Ok(None),
            Err(RequestError::Failed(error)) => Err(error),
        }
    }

    async fn use_connection(
        &self,
        time: Deadline,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<Value, RedisError>,
    ) -> Result<Value, RequestError> {
        // Most calls find a connection, and need no timer for this.
        let current = match self.current() {
            Some(current) => current,
            None => time.limit(self.connection()).await??,
        };
        let Numbered { mut connection, number } = current;
        let mut awaited = Awaited { link: self, number, since: Instant::now(), is_over: false };
        let answer = time.limit(ask(&mut connection.redis)).await;
        awaited.is_over = true;
        if answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(ends_connection)) {
            self.discard(number);
        }
        Ok(answer??)
    }

    async fn connection(&self) -> Result<Numbered, RedisStoreError> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let mut last = self.connecting.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        // Boxed, since it is large, and the future of every call would have to reserve space for it.
        let connection = Box::pin(self.connect()).await?;
        *last += 1;
        let numbered = Numbered { connection, number: *last };
        *self.lock() = Some(numbered.clone());
        Ok(numbered)
    }

    async fn connect(&self) -> Result<Connection, RedisStoreError> {
        let mut connection = self.server.connect().await?;
        if self.may_evict != MayEvict::Accepted {
            match eviction_policy(&mut connection.redis).await? {
                None if self.may_evict == MayEvict::Refused => return Err(RedisStoreError::EvictionUnknown),
                Some(policy) if policy != "noeviction" => return Err(RedisStoreError::Evicts { policy }),
                _ => {}
            }
        }
        Ok(connection)
    }

    fn current(&self) -> Option<Numbered> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Numbered>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the connection with this number, unless another has replaced it.
    fn discard(&self, number: u64) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|current| current.number == number) {
            *current = None;
        }
    }
}

/// An answer that is awaited. If its future is dropped because the caller's timeout is shorter than the store's, nothing else
/// would ever discard the silent connection.
struct Awaited<'a> {
    link: &'a Link,
    number: u64,
    since: Instant,
    is_over: bool,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.since.elapsed() >= SILENCE {
            self.link.discard(self.number);
        }
    }
}

/// After how long a dropped call discards the connection: longer than a healthy server takes, so that callers who cancel
/// calls for other reasons keep it.
const SILENCE: Duration = Duration::from_millis(100);

impl From<RedisStoreError> for RequestError {
    fn from(error: RedisStoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<RedisError> for RequestError {
    fn from(error: RedisError) -> Self {
        match error.redirect_node() {
            Some((to, _)) => {
                let is_moving = error.kind() == ErrorKind::Server(redis::ServerErrorKind::Ask);
                Self::Redirected(Redirection { to: to.to_owned(), is_moving })
            }
            None => Self::Failed(error.into()),
        }
    }
}

/// The `maxmemory-policy` of the server. `None` if the server does not tell.
async fn eviction_policy(connection: &mut MultiplexedConnection) -> Result<Option<String>, RedisStoreError> {
    // Hosted servers often allow `INFO` alone.
    let info: Option<InfoDict> = unless_denied(redis::cmd("INFO").arg("memory").query_async(connection).await)?;
    if let Some(policy) = info.and_then(|info| info.get("maxmemory_policy")) {
        return Ok(Some(policy));
    }
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("maxmemory-policy");
    // The answer is a list in RESP2 and a map in RESP3.
    let pairs: Option<HashMap<String, String>> = unless_denied(get.query_async(connection).await)?;
    Ok(pairs.and_then(|pairs| pairs.into_values().next()))
}

fn unless_denied<T>(answer: Result<T, RedisError>) -> Result<Option<T>, RedisStoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if denies(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the user may not run the command, or the command does not exist. An answer of another type tells nothing
/// either.
fn denies(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "ERR")) || error.kind() == ErrorKind::UnexpectedReturnType
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

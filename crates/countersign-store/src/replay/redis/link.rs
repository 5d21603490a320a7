//! The one connection to a server, and what is done when it breaks.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redis::{ErrorKind, InfoDict, RedisError, Value, aio::MultiplexedConnection};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    RedisStoreError,
    deadline::Deadline,
    error::ends_connection,
    options::MayEvict,
    request::Request,
    server::{Connection, Server},
    slots::Slots,
};

/// A connection that all calls share, and that is made anew when it is of no more use.
///
/// `redis`'s own `ConnectionManager` keeps a connection that has fallen silent, until the system gives it up after a quarter
/// of an hour, and would not look at the eviction policy of the server that it finds after a failover.
pub(super) struct Link {
    server: Server,
    may_evict: MayEvict,
    current: Mutex<Option<Numbered>>,
    /// The number of the last connection. Whoever holds it makes the next one, while the others wait.
    connecting: AsyncMutex<u64>,
}

/// A connection, and which of them it is.
#[derive(Clone)]
struct Numbered {
    connection: Connection,
    number: u64,
}

/// Why a server does not do what it was asked.
pub(super) enum Trouble {
    /// In a cluster: another node has the key. Nothing was done.
    Elsewhere(Elsewhere),
    Failed(RedisStoreError),
}

/// Which other node has a key.
pub(super) struct Elsewhere {
    /// Its host, unless it is the same, and its port.
    pub(super) to: String,
    /// Whether it has this key already, and the others of its slot not yet.
    pub(super) is_moving: bool,
}

impl Link {
    pub(super) fn new(server: Server, may_evict: MayEvict) -> Self {
        Self { server, may_evict, current: Mutex::new(None), connecting: AsyncMutex::new(0) }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Connects, if it is not yet.
    pub(super) async fn open(&self, time: Deadline) -> Result<(), RedisStoreError> {
        time.keep(self.connection()).await?.map(drop)
    }

    /// Has something done; `is_moving` if the server has the key already, but not its slot.
    pub(super) async fn ask(&self, request: &Request<'_>, is_moving: bool, time: Deadline) -> Result<Value, Trouble> {
        self.use_connection(time, async |connection| {
            if is_moving { request.send_asking(connection).await } else { request.send(connection).await }
        })
        .await
    }

    /// The nodes of the cluster, if this is one that says so.
    pub(super) async fn slots(&self, time: Deadline) -> Result<Option<Slots>, RedisStoreError> {
        self.open(time).await?;
        let answer = self
            .use_connection(time, async |connection| {
                redis::cmd("CLUSTER").arg("SLOTS").query_async::<Value>(connection).await
            })
            .await;
        match answer {
            Ok(answer) => Ok(Slots::of(&answer, self.server.host())),
            // It is none, or this user may not know.
            Err(Trouble::Failed(RedisStoreError::Refused { .. }) | Trouble::Elsewhere(_)) => Ok(None),
            Err(Trouble::Failed(error)) => Err(error),
        }
    }

    async fn use_connection(
        &self,
        time: Deadline,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<Value, RedisError>,
    ) -> Result<Value, Trouble> {
        // Nothing has to be waited for here by most calls, and so no time limit is set up for it.
        let current = match self.current() {
            Some(current) => current,
            None => time.keep(self.connection()).await??,
        };
        let Numbered { mut connection, number } = current;
        let answer = time.keep(ask(&mut connection.redis)).await;
        if answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(ends_connection)) {
            self.give_up(number);
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
        // In a box, for there is much to it, and no call has to carry room for it along.
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

    /// Gives this connection up, unless there is another already.
    fn give_up(&self, number: u64) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|current| current.number == number) {
            *current = None;
        }
    }
}

impl From<RedisStoreError> for Trouble {
    fn from(error: RedisStoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        match error.redirect_node() {
            Some((to, _)) => {
                let is_moving = error.kind() == ErrorKind::Server(redis::ServerErrorKind::Ask);
                Self::Elsewhere(Elsewhere { to: to.to_owned(), is_moving })
            }
            None => Self::Failed(error.into()),
        }
    }
}

/// What the server does when it is out of memory; `None` if it does not say.
async fn eviction_policy(connection: &mut MultiplexedConnection) -> Result<Option<String>, RedisStoreError> {
    // Hosted servers often allow `INFO` alone.
    let info: Option<InfoDict> = unless_denied(redis::cmd("INFO").arg("memory").query_async(connection).await)?;
    if let Some(policy) = info.and_then(|info| info.get("maxmemory_policy")) {
        return Ok(Some(policy));
    }
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("maxmemory-policy");
    // A list in RESP2, a map in RESP3.
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

/// Whether this user may not ask, or nobody may: the command is unknown or switched off. An answer of another type says as little.
fn denies(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "ERR")) || error.kind() == ErrorKind::UnexpectedReturnType
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

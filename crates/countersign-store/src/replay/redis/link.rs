//! The one connection, and what is done when it breaks.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use redis::{Cmd, ErrorKind, InfoDict, RedisError, ScriptInvocation, Value, aio::MultiplexedConnection};
use tokio::{sync::Mutex as AsyncMutex, time::timeout};

use super::{
    RedisOptions, RedisStoreError, error::ends_connection, options::MayEvict, scripts::Attempt, server::Connection,
};

/// A connection that all calls share, and that is made anew when it is of no more use.
///
/// `redis`'s own `ConnectionManager` keeps a connection that has fallen silent, until the system gives it up after a quarter
/// of an hour, and would not look at the eviction policy of the server that it finds after a failover.
pub(super) struct Link {
    options: RedisOptions,
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

/// The number of no connection.
const NONE: u64 = 0;

/// An answer, and the error of an earlier attempt that may have been carried out.
type Answer = (Value, Option<RedisStoreError>);

/// What the server is asked to do in one step.
pub(super) enum Request<'s> {
    Command(Cmd),
    Script(ScriptInvocation<'s>),
}

impl Link {
    pub(super) fn new(options: RedisOptions) -> Self {
        Self { options, current: Mutex::new(None), connecting: AsyncMutex::new(NONE) }
    }

    /// Connects, if it is not yet.
    pub(super) async fn open(&self) -> Result<(), RedisStoreError> {
        self.in_time(async { self.connection().await.map(drop) }).await
    }

    /// Has something done, once more if the connection breaks.
    pub(super) async fn ask<'s>(&self, request: impl Fn(Attempt) -> Request<'s>) -> Result<Answer, RedisStoreError> {
        let asked = AtomicU64::new(NONE);
        let answer = self.in_time(async {
            match self.attempt(&request(Attempt::First), &asked).await {
                Err(lost @ RedisStoreError::Unreachable { .. }) => {
                    Ok((self.attempt(&request(Attempt::Second), &asked).await?, Some(lost)))
                }
                answer => Ok((answer?, None)),
            }
        });
        let answer = answer.await;
        if matches!(answer, Err(RedisStoreError::Timeout { .. })) {
            self.give_up(asked.into_inner());
        }
        answer
    }

    async fn attempt(&self, request: &Request<'_>, asked: &AtomicU64) -> Result<Value, RedisStoreError> {
        let Numbered { mut connection, number } = self.connection().await?;
        asked.store(number, Ordering::Relaxed);
        let answer: Result<Value, RedisError> = match request {
            Request::Command(command) => command.query_async(&mut connection.redis).await,
            Request::Script(script) => script.invoke_async(&mut connection.redis).await,
        };
        if answer.as_ref().is_err_and(ends_connection) {
            self.give_up(number);
        }
        Ok(answer?)
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, RedisStoreError>>) -> Result<T, RedisStoreError> {
        let limit = self.options.timeout;
        timeout(limit, call).await.unwrap_or(Err(RedisStoreError::Timeout { limit }))
    }

    async fn connection(&self) -> Result<Numbered, RedisStoreError> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let mut last = self.connecting.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let connection = self.connect().await?;
        *last += 1;
        let numbered = Numbered { connection, number: *last };
        *self.lock() = Some(numbered.clone());
        Ok(numbered)
    }

    async fn connect(&self) -> Result<Connection, RedisStoreError> {
        let mut connection = self.options.server.connect().await?;
        if self.options.may_evict != MayEvict::Accepted {
            match eviction_policy(&mut connection.redis).await? {
                None if self.options.may_evict == MayEvict::Refused => return Err(RedisStoreError::EvictionUnknown),
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

/// What the server does when it is out of memory; `None` if it does not say.
async fn eviction_policy(connection: &mut MultiplexedConnection) -> Result<Option<String>, RedisStoreError> {
    // Hosted servers often allow `INFO` alone.
    let info: Option<InfoDict> = unless_denied(redis::cmd("INFO").arg("memory").query_async(connection).await)?;
    if let Some(policy) = info.and_then(|info| info.get("maxmemory_policy")) {
        return Ok(Some(policy));
    }
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("maxmemory-policy");
    let pair: Option<Vec<String>> = unless_denied(get.query_async(connection).await)?;
    Ok(pair.and_then(|pair| pair.into_iter().nth(1)))
}

fn unless_denied<T>(answer: Result<T, RedisError>) -> Result<Option<T>, RedisStoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::AuthenticationFailed) => Err(error.into()),
        Err(error) if error.code() == Some("NOAUTH") || ends_connection(&error) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("options", &self.options).finish_non_exhaustive()
    }
}

//! The connections, and what is done when one breaks.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_postgres::NoTls;

#[cfg(feature = "tls")]
use super::secure::Secure;
use super::{
    super::{attempt::Attempt, moment::Moment},
    PostgresOptions, PostgresStoreError,
    hosts::Hosts,
    statements::{self, IS_THERE, MISSING, Statement, schema},
};

pub(super) struct Connections {
    pool: Pool,
    timeout: Duration,
    /// Those that have a connection, and those that wait for one.
    places: Semaphore,
    /// Room for sessions in which something was asked that is not answered yet, whoever still waits for it.
    unanswered: Arc<Semaphore>,
    most_unanswered: usize,
    purging: AtomicBool,
}

/// How many calls may wait for a connection.
const WAITING: usize = 1024;

/// How many sessions there may be of which an answer is due, for each connection. A server that hangs when it commits, because
/// a standby is away, does not mind its own time limit, nor that its client is gone: unless they are counted, each call would
/// leave a session behind, until there are as many as the server takes from all its clients.
const UNANSWERED: usize = 3;

/// A session is counted for no longer than this: something in between may have dropped it silently.
const LOST: Duration = Duration::from_secs(600);

/// How often a claim is asked when others claim and settle the event at the same moment.
const LOOKS: usize = 8;

/// An answer, and the error of an earlier attempt that may have been carried out.
type Answer<T> = (T, Option<PostgresStoreError>);

impl Connections {
    pub(super) fn new(options: PostgresOptions) -> Result<Self, PostgresStoreError> {
        let PostgresOptions { connections, timeout, .. } = options;
        let set_up = set_up(timeout);
        let pool = Pool::builder(manager(options))
            .max_size(connections)
            // That which has just answered is the surest to do so again.
            .queue_mode(QueueMode::Lifo)
            .post_create(Hook::async_fn(move |client: &mut ClientWrapper, _| {
                let set_up = set_up.clone();
                Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| PostgresStoreError::Refused { source: Box::new(error) })?;
        let places = Semaphore::new(connections.saturating_add(WAITING).min(Semaphore::MAX_PERMITS));
        let most_unanswered = connections.saturating_mul(UNANSWERED).min(Semaphore::MAX_PERMITS);
        let unanswered = Arc::new(Semaphore::new(most_unanswered));
        Ok(Self { pool, timeout, places, unanswered, most_unanswered, purging: AtomicBool::new(false) })
    }

    /// Makes the table, if it is not there, and looks whether this role may do all with it that the store does: one that may not
    /// delete would serve, and let the table grow for ever.
    pub(super) async fn prepare(&self) -> Result<(), PostgresStoreError> {
        self.in_time(async {
            let client = self.client().await?;
            let failed = |error| PostgresStoreError::of(error, self.timeout);
            let row = client.query_one(IS_THERE, &[]).await.map_err(failed)?;
            if !row.try_get::<_, bool>(0).map_err(failed)? {
                client.batch_execute(&schema()).await.map_err(failed)?;
            }
            let row = client.query_one(MISSING, &[]).await.map_err(failed)?;
            let missing = row.try_get::<_, Option<String>>(0).map_err(failed)?;
            client.answered();
            missing.map_or(Ok(()), |missing| Err(PostgresStoreError::Privileges { missing }))
        })
        .await
    }

    /// Runs a statement, once more if the connection breaks.
    pub(super) async fn ask<S: Statement>(&self, statement: &S) -> Result<Answer<S::Answer>, PostgresStoreError> {
        let waiting = || PostgresStoreError::Busy { waiting: WAITING };
        let _place = self.places.try_acquire().map_err(|_| waiting())?;
        self.in_time(async {
            match self.attempt(statement, Attempt::First).await {
                Err(lost @ PostgresStoreError::Unreachable { .. }) => {
                    Ok((self.attempt(statement, Attempt::Second).await?, Some(lost)))
                }
                answer => Ok((answer?, None)),
            }
        })
        .await
    }

    async fn attempt<S: Statement>(&self, statement: &S, attempt: Attempt) -> Result<S::Answer, PostgresStoreError> {
        let client = self.client().await?;
        for _ in 0..LOOKS {
            let answer = statement.run(&client, attempt).await;
            match answer.map_err(|error| PostgresStoreError::of(error, self.timeout)) {
                Ok(Some(answer)) => {
                    client.answered();
                    return Ok(answer);
                }
                Ok(None) => {}
                // Not because of the connection, which is good for others.
                Err(error @ (PostgresStoreError::Refused { .. } | PostgresStoreError::Full)) => {
                    client.answered();
                    return Err(error);
                }
                Err(error) => {
                    if matches!(error, PostgresStoreError::Unreachable { .. }) {
                        // Whatever broke this one has broken the others that were idle: the second attempt is not for them.
                        self.pool.retain(|_, _| false);
                    }
                    return Err(error);
                }
            }
        }
        client.answered();
        Err(PostgresStoreError::Contended)
    }

    /// Removes what has been over for an hour, unless that is being done. What fails is done another time.
    pub(super) async fn purge(&self, now: Moment) {
        if self.purging.swap(true, Ordering::Acquire) {
            return;
        }
        let _: Result<(), PostgresStoreError> = self
            .in_time(async {
                let client = self.client().await?;
                statements::purge(&client, now).await.map_err(|error| PostgresStoreError::of(error, self.timeout))?;
                client.answered();
                Ok(())
            })
            .await;
        self.purging.store(false, Ordering::Release);
    }

    async fn client(&self) -> Result<Lent, PostgresStoreError> {
        let hung = || PostgresStoreError::Hung { sessions: self.most_unanswered };
        if self.unanswered.available_permits() == 0 {
            return Err(hung());
        }
        let client = self.pool.get().await.map_err(|error| PostgresStoreError::of_pool(error, self.timeout))?;
        let place = Arc::clone(&self.unanswered).try_acquire_owned().map_err(|_| hung())?;
        Ok(Lent { client: Some(client), place: Some(place) })
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, PostgresStoreError>>,
    ) -> Result<T, PostgresStoreError> {
        timeout(self.timeout, call).await.unwrap_or(Err(PostgresStoreError::Timeout { limit: self.timeout }))
    }
}

fn manager(options: PostgresOptions) -> Manager {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    #[cfg(feature = "tls")]
    if let Some(tls) = options.tls {
        return Manager::from_connect(options.config, Hosts::new(Secure(tls), options.timeout), recycling);
    }
    Manager::from_connect(options.config, Hosts::new(NoTls, options.timeout), recycling)
}

/// What each new connection is told. The statements count on `read committed`: in another isolation they would fail.
fn set_up(limit: Duration) -> String {
    let millis = limit.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET statement_timeout = {millis};
         SET lock_timeout = {millis};
         SET default_transaction_isolation = 'read committed';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
    )
}

/// A connection that is lent to a call. Unless it has answered when it is dropped, it is given up.
struct Lent {
    client: Option<Object>,
    place: Option<OwnedSemaphorePermit>,
}

impl Lent {
    /// Gives it back to the others.
    fn answered(mut self) {
        self.client = None;
    }
}

impl std::ops::Deref for Lent {
    type Target = ClientWrapper;

    #[expect(clippy::expect_used, reason = "only `answered`, which takes the value, leaves it empty")]
    fn deref(&self) -> &ClientWrapper {
        self.client.as_ref().expect("it is there until it has answered")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take().map(Object::take) else { return };
        if let (Ok(runtime), Some(place)) = (Handle::try_current(), self.place.take()) {
            runtime.spawn(until_it_ends(client, place));
        }
    }
}

/// Keeps the place of a connection until it has answered, or is broken, and closes it. It is not told to cancel what it does: a
/// commit that is kept from waiting for its standby counts as made, and the standby does not have it.
async fn until_it_ends(client: ClientWrapper, place: OwnedSemaphorePermit) {
    // It is answered after everything that was asked before.
    let _ = timeout(LOST, client.simple_query("")).await;
    drop(client);
    drop(place);
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

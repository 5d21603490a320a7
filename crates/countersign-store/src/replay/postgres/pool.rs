//! The pool of connections, and the second attempt when one breaks.

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
    /// A permit for each call that has a connection or waits for one.
    calls: Semaphore,
    /// A permit for each session with a statement in flight, whether or not its call still waits.
    unanswered: Arc<Semaphore>,
    most_unanswered: usize,
    purging: AtomicBool,
}

/// The number of calls that may wait for a connection.
const WAITING: usize = 1024;

/// The number of sessions with a statement in flight, for each connection. A commit that waits for a standby heeds
/// neither `statement_timeout` nor the end of its connection. Without this limit, each call would leave a session
/// behind, until the server accepts no more clients.
const UNANSWERED: usize = 3;

/// A session is counted for at most this long, since the network may have dropped its connection silently.
const COUNTED: Duration = Duration::from_secs(600);

/// How many times a claim runs while other calls claim and settle the event at the same moment.
const MAX_RUNS: usize = 8;

/// An answer, and the error of the first attempt if that may have succeeded.
type Answer<T> = (T, Option<PostgresStoreError>);

impl Connections {
    pub(super) fn new(options: PostgresOptions) -> Result<Self, PostgresStoreError> {
        let PostgresOptions { connections, timeout, .. } = options;
        let set_up = set_up(timeout);
        let pool = Pool::builder(manager(options))
            .max_size(connections)
            // The connection that answered last is the most likely to work.
            .queue_mode(QueueMode::Lifo)
            .post_create(Hook::async_fn(move |client: &mut ClientWrapper, _| {
                let set_up = set_up.clone();
                Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| PostgresStoreError::Refused { source: Box::new(error) })?;
        let calls = Semaphore::new(connections.saturating_add(WAITING).min(Semaphore::MAX_PERMITS));
        let most_unanswered = connections.saturating_mul(UNANSWERED).min(Semaphore::MAX_PERMITS);
        let unanswered = Arc::new(Semaphore::new(most_unanswered));
        Ok(Self { pool, timeout, calls, unanswered, most_unanswered, purging: AtomicBool::new(false) })
    }

    /// Creates the table if it does not exist, and checks the privileges of this role. A role that may not delete would
    /// work at first, and let the table grow for ever.
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

    /// Runs a statement. Repeats it once if the connection breaks.
    pub(super) async fn ask<S: Statement>(&self, statement: &S) -> Result<Answer<S::Answer>, PostgresStoreError> {
        let busy = |_| PostgresStoreError::Busy { waiting: WAITING };
        let _permit = self.calls.try_acquire().map_err(busy)?;
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
        for _ in 0..MAX_RUNS {
            let answer = statement.run(&client, attempt).await;
            match answer.map_err(|error| PostgresStoreError::of(error, self.timeout)) {
                Ok(Some(answer)) => {
                    client.answered();
                    return Ok(answer);
                }
                Ok(None) => {}
                // The connection still works.
                Err(error @ (PostgresStoreError::Refused { .. } | PostgresStoreError::Full)) => {
                    client.answered();
                    return Err(error);
                }
                Err(error) => {
                    if matches!(error, PostgresStoreError::Unreachable { .. }) {
                        // What broke this connection has probably broken the idle ones. The second attempt needs a new
                        // one.
                        self.pool.retain(|_, _| false);
                    }
                    return Err(error);
                }
            }
        }
        client.answered();
        Err(PostgresStoreError::Contended)
    }

    /// Removes events that expired over an hour ago, unless a purge is running. If it fails, a later purge removes
    /// them.
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
        let permit = Arc::clone(&self.unanswered).try_acquire_owned().map_err(|_| hung())?;
        Ok(Lent { client: Some(client), permit: Some(permit) })
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

/// The settings of each new connection. The statements rely on `read committed`: at another isolation level they would
/// fail.
fn set_up(limit: Duration) -> String {
    let millis = limit.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET statement_timeout = {millis};
         SET lock_timeout = {millis};
         SET default_transaction_isolation = 'read committed';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
    )
}

/// A connection on loan to a call. If it is dropped before it has answered, it is closed.
struct Lent {
    client: Option<Object>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lent {
    /// Returns the connection to the pool.
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
        if let (Ok(runtime), Some(permit)) = (Handle::try_current(), self.permit.take()) {
            runtime.spawn(close_when_answered(client, permit));
        }
    }
}

/// Holds the permit of a connection until it has answered or is broken, and then closes it. The statement is not
/// cancelled: if a commit stops waiting for its standby, it counts as committed, and the standby may not have it.
async fn close_when_answered(client: ClientWrapper, permit: OwnedSemaphorePermit) {
    // The server answers this after all earlier statements.
    let _ = timeout(COUNTED, client.simple_query("")).await;
    drop(client);
    drop(permit);
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

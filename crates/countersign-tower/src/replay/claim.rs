//! Calls to the replay store, and the claims that it grants.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::layer::Settings;

/// The store, and the settings for calls to it.
pub(crate) struct StoreClient<St> {
    pub(super) store: Arc<St>,
    pub(super) settings: Settings,
}

/// The store's answer to a claim.
pub(super) enum ClaimAnswer<St: ReplayStore> {
    Fresh(HeldClaim<St>),
    InProgress,
    Done,
}

/// A claim, which is released when it is dropped.
pub(super) struct HeldClaim<St: ReplayStore> {
    client: Arc<StoreClient<St>>,
    key: ReplayKey,
    lease: Option<Lease>,
}

/// A call to the store; boxed, so that it can move to a task.
pub(super) type Call<F> = Pin<Box<F>>;

/// The result of a call to the store, or why there is none.
pub(super) type Called<T, E> = Result<Result<T, E>, NoResult>;

/// Why a call to the store has no result.
pub(super) enum NoResult {
    TimedOut,
    Panicked,
    /// The runtime shut down.
    Cancelled,
}

/// A call to the store failed, and was logged.
pub(super) struct StoreFailed;

impl<St: ReplayStore> StoreClient<St> {
    pub(super) fn new(store: Arc<St>, settings: Settings) -> Self {
        Self { store, settings }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    pub(crate) fn handler_timeout(&self) -> Duration {
        self.settings.handler_timeout
    }

    /// Claims an event without waiting; `None` if this store must be waited for.
    pub(super) fn claim_at_once(
        self: &Arc<Self>,
        key: ReplayKey,
        now: Timestamp,
    ) -> Option<Called<ClaimAnswer<St>, St::Error>> {
        match caught(|| self.store.claim_at_once(key, self.settings.lease(), now)) {
            Ok(claim) => Some(Ok(claim?.map(|claim| self.answer(key, claim)))),
            Err(panicked) => Some(Err(panicked)),
        }
    }

    /// Claims an event. If the result is dropped, the claim is released.
    pub(super) fn claim(
        self: Arc<Self>,
        key: ReplayKey,
    ) -> Call<impl Future<Output = Result<ClaimAnswer<St>, St::Error>>> {
        Box::pin(async move {
            let claim = self.store.claim(key, self.settings.lease(), self.now()).await?;
            Ok(self.answer(key, claim))
        })
    }

    fn answer(self: &Arc<Self>, key: ReplayKey, claim: Claim) -> ClaimAnswer<St> {
        match claim {
            Claim::Fresh(lease) => ClaimAnswer::Fresh(HeldClaim { client: Arc::clone(self), key, lease: Some(lease) }),
            Claim::InProgress => ClaimAnswer::InProgress,
            Claim::Done => ClaimAnswer::Done,
        }
    }

    /// Counts the answer to a claim; logs why there is none.
    pub(super) fn record_claim(
        &self,
        claim: Called<ClaimAnswer<St>, St::Error>,
    ) -> Result<ClaimAnswer<St>, StoreFailed> {
        let answer = self.logged("claim", claim)?;
        self.settings.meter.claimed(answer.state());
        Ok(answer)
    }

    /// Polls a call once now; if it is pending, a task ends it, under the store's timeout, even if the result is dropped.
    pub(super) fn run_detached<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        mut call: Call<F>,
    ) -> impl Future<Output = Result<T, NoResult>> + use<T, F, St> {
        let begun = match poll_once(&mut call) {
            Ok(Poll::Ready(done)) => Ok(Ok(done)),
            // The task polls again, with a waker of its own.
            Ok(Poll::Pending) => Err(tokio::spawn(timeout(self.settings.store_timeout, call))),
            Err(panicked) => Ok(Err(panicked)),
        };
        async move {
            match begun {
                Ok(ended) => ended,
                Err(task) => match task.await {
                    Ok(in_time) => in_time.map_err(|_| NoResult::TimedOut),
                    Err(error) if error.is_panic() => Err(NoResult::Panicked),
                    Err(_) => Err(NoResult::Cancelled),
                },
            }
        }
    }

    /// Takes a lease for timed out if it came later than the store's timeout after the claim, because the process was suspended:
    /// the lease may end before the handler's time does. Not if the layer fails open: then the handler would run without a lease.
    pub(super) fn refuse_late(
        &self,
        made: Instant,
        claim: Called<ClaimAnswer<St>, St::Error>,
    ) -> Called<ClaimAnswer<St>, St::Error> {
        let is_late = || !self.settings.fails_open && made.elapsed() > self.settings.store_timeout;
        if matches!(claim, Ok(Ok(ClaimAnswer::Fresh(_)))) && is_late() { Err(NoResult::TimedOut) } else { claim }
    }

    /// The result of a call to the store; logs and counts a failure.
    fn logged<T>(&self, operation: &'static str, called: Called<T, St::Error>) -> Result<T, StoreFailed> {
        let endpoint = &*self.settings.endpoint;
        match called {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                tracing::error!(target: "countersign", endpoint, operation, %error, "the replay store failed");
            }
            Err(NoResult::TimedOut) => tracing::error!(
                target: "countersign",
                endpoint,
                operation,
                timeout = ?self.settings.store_timeout,
                "the replay store did not answer in time"
            ),
            Err(NoResult::Panicked) => {
                tracing::error!(target: "countersign", endpoint, operation, "the replay store panicked");
            }
            Err(NoResult::Cancelled) => tracing::error!(
                target: "countersign",
                endpoint,
                operation,
                "the runtime shut down before the replay store answered"
            ),
        }
        self.settings.meter.store_failed(operation);
        Err(StoreFailed)
    }

    async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        call: Call<impl Future<Output = Result<T, St::Error>> + Send + 'static>,
    ) -> Result<T, StoreFailed> {
        self.logged(operation, self.run_detached(call).await)
    }
}

impl<St: ReplayStore> ClaimAnswer<St> {
    fn state(&self) -> &'static str {
        match self {
            Self::Fresh(_) => "fresh",
            Self::InProgress => "in_progress",
            Self::Done => "done",
        }
    }
}

impl<St: ReplayStore> HeldClaim<St> {
    pub(super) fn key(&self) -> ReplayKey {
        self.key
    }

    /// Marks the event as done without waiting; gives the claim back if this store must be waited for.
    pub(super) fn commit_at_once(mut self, keep_for: Duration) -> Result<Result<(), StoreFailed>, Self> {
        let Some(lease) = self.lease.take() else { return Ok(Err(StoreFailed)) };
        let settled = match caught(|| self.client.store.commit_at_once(lease, keep_for, self.client.now())) {
            Ok(Ok(settled)) => Ok(settled),
            Ok(Err(lease)) => {
                self.lease = Some(lease);
                return Err(self);
            }
            Err(panicked) => Err(panicked),
        };
        Ok(self.committed(self.client.logged("commit", settled)))
    }

    /// Marks the event as done, even if the request is dropped meanwhile.
    pub(super) async fn commit(mut self, keep_for: Duration) -> Result<(), StoreFailed> {
        let Some(lease) = self.lease.take() else { return Err(StoreFailed) };
        let client = Arc::clone(&self.client);
        let commit = Box::pin(async move { client.store.commit(lease, keep_for, client.now()).await });
        self.committed(self.client.call("commit", commit).await)
    }

    fn committed(&self, settled: Result<Settlement, StoreFailed>) -> Result<(), StoreFailed> {
        match settled? {
            Settlement::Settled => Ok(()),
            Settlement::Lapsed => {
                let Settings { endpoint, meter, .. } = &self.client.settings;
                tracing::error!(
                    target: "countersign",
                    endpoint = &**endpoint,
                    "the lease ended before the event could be marked as done: a retry of it may be handled again"
                );
                meter.claimed("lapsed");
                Err(StoreFailed)
            }
        }
    }

    /// Lets the event be claimed again. If this fails, the end of the lease does it.
    pub(super) async fn release(mut self) {
        let Some(lease) = self.lease.take() else { return };
        let client = Arc::clone(&self.client);
        let release = Box::pin(async move { client.store.release(lease, client.now()).await });
        let _: Result<Settlement, StoreFailed> = self.client.call("release", release).await;
    }
}

impl<St: ReplayStore> Drop for HeldClaim<St> {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let (client, called) = (Arc::clone(&self.client), Arc::clone(&self.client));
        let mut release = Box::pin(async move { called.store.release(lease, called.now()).await });
        let ended = match poll_once(&mut release) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(result)) => Some(Ok(result)),
            Err(panicked) => Some(Err(panicked)),
        };
        if let Some(called) = ended {
            let _: Result<Settlement, StoreFailed> = client.logged("release", called);
            return;
        }
        let permit = Arc::clone(&client.settings.releases).try_acquire_owned();
        let (Ok(runtime), Ok(permit)) = (Handle::try_current(), permit) else {
            tracing::error!(
                target: "countersign",
                endpoint = &*client.settings.endpoint,
                lease = ?client.settings.lease(),
                "the claim of a dropped request could not be released: until its lease ends, retries are answered as in progress"
            );
            return client.settings.meter.store_failed("release");
        };
        runtime.spawn(async move {
            let _permit = permit;
            let called = timeout(client.settings.store_timeout, release).await.map_err(|_| NoResult::TimedOut);
            let _: Result<Settlement, StoreFailed> = client.logged("release", called);
        });
    }
}

/// Polls without a waker: if the future is pending, the caller has it polled again. One that has panicked must not be.
fn poll_once<F: Future>(future: &mut Call<F>) -> Result<Poll<F::Output>, NoResult> {
    caught(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())))
}

/// Calls the store. Its panic is a failure of the store, and not of the request, whose handler may have succeeded.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, NoResult> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| NoResult::Panicked)
}

//! A claim in the layer's hands.

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
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::layer::Settings;

/// The store, and what a call to it takes.
pub(crate) struct StoreClient<St> {
    pub(super) store: Arc<St>,
    pub(super) settings: Settings,
    releases: Arc<Semaphore>,
}

/// How many releases of dropped requests may be under way at a time.
const RELEASES: usize = 1024;

/// What became of a claim.
pub(super) enum ClaimAnswer<St: ReplayStore> {
    Fresh(HeldClaim<St>),
    InProgress,
    Done,
}

/// A lease that is released if it is dropped.
pub(super) struct HeldClaim<St: ReplayStore> {
    shared: Arc<StoreClient<St>>,
    key: ReplayKey,
    lease: Option<Lease>,
}

/// A call to the store; in a box, to be handed to a task that ends it.
pub(super) type Call<F> = Pin<Box<F>>;

/// Why a call to the store came to nothing; told to the log already.
pub(super) struct StoreFailed;

impl<St: ReplayStore> StoreClient<St> {
    pub(super) fn new(store: Arc<St>, settings: Settings) -> Self {
        Self { store, settings, releases: Arc::new(Semaphore::new(RELEASES)) }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    pub(crate) fn handler_timeout(&self) -> Duration {
        self.settings.handler_timeout
    }

    /// A claim that is answered without waiting; `None` if the store has to be asked.
    pub(super) fn claim_at_once(
        self: &Arc<Self>,
        key: ReplayKey,
        now: Timestamp,
    ) -> Option<Result<ClaimAnswer<St>, St::Error>> {
        let claim = self.store.claim_at_once(key, self.settings.lease(), now)?;
        Some(claim.map(|claim| self.answer(key, claim)))
    }

    /// A claim, which is released if whoever waits for it is gone.
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
            Claim::Fresh(lease) => ClaimAnswer::Fresh(HeldClaim { shared: Arc::clone(self), key, lease: Some(lease) }),
            Claim::InProgress => ClaimAnswer::InProgress,
            Claim::Done => ClaimAnswer::Done,
        }
    }

    /// What came of a claim, counted and told to the log.
    pub(super) fn claimed(
        &self,
        claim: Option<Result<ClaimAnswer<St>, St::Error>>,
    ) -> Result<ClaimAnswer<St>, StoreFailed> {
        let answer = self.told("claim", claim)?;
        self.settings.meter.claimed(answer.state());
        Ok(answer)
    }

    /// What comes of a call to the store in the time that it has. It begins at once, and goes on if nobody waits for it.
    pub(super) fn run_detached<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        mut call: Call<F>,
    ) -> impl Future<Output = Option<T>> + use<T, F, St> {
        let begun = match poll_once(&mut call) {
            Poll::Ready(done) => Ok(done),
            // The task polls again, with a waker of its own.
            Poll::Pending => Err(tokio::spawn(timeout(self.settings.store_timeout, call))),
        };
        async move {
            match begun {
                Ok(done) => Some(done),
                Err(task) => task.await.ok()?.ok(),
            }
        }
    }

    /// The answer to a claim that was made then; `None` for a lease that came so late, because the process stood still, that it
    /// may end before the handler's time does. Not where the layer fails open: there the handler would run without a lease at all.
    pub(super) fn refuse_late(
        &self,
        made: Instant,
        claim: Option<Result<ClaimAnswer<St>, St::Error>>,
    ) -> Option<Result<ClaimAnswer<St>, St::Error>> {
        let is_late = || !self.settings.fails_open && made.elapsed() > self.settings.store_timeout;
        claim.filter(|claim| !(matches!(claim, Ok(ClaimAnswer::Fresh(_))) && is_late()))
    }

    /// What came of a call to the store, `None` if there was no time for it; told to the log if it is nothing.
    fn told<T>(&self, what: &'static str, outcome: Option<Result<T, St::Error>>) -> Result<T, StoreFailed> {
        match outcome {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => tracing::error!(target: "countersign", %error, "the replay store could not {what}"),
            None => tracing::error!(target: "countersign", "the replay store took too long to {what}, or panicked"),
        }
        self.settings.meter.store_failed(what);
        Err(StoreFailed)
    }

    async fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        call: Call<impl Future<Output = Result<T, St::Error>> + Send + 'static>,
    ) -> Result<T, StoreFailed> {
        self.told(what, self.run_detached(call).await)
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

    /// Marks the event as done, if the store does it without waiting.
    pub(super) fn commit_at_once(mut self, keep_for: Duration) -> Result<Result<(), StoreFailed>, Self> {
        let Some(lease) = self.lease.take() else { return Ok(Err(StoreFailed)) };
        match self.shared.store.commit_at_once(lease, keep_for, self.shared.now()) {
            Ok(settled) => Ok(self.committed(self.shared.told("commit", Some(settled)))),
            Err(lease) => {
                self.lease = Some(lease);
                Err(self)
            }
        }
    }

    /// Marks the event as done. If the request is dropped meanwhile, it is marked all the same.
    pub(super) async fn commit(mut self, keep_for: Duration) -> Result<(), StoreFailed> {
        let Some(lease) = self.lease.take() else { return Err(StoreFailed) };
        let shared = Arc::clone(&self.shared);
        let commit = Box::pin(async move { shared.store.commit(lease, keep_for, shared.now()).await });
        self.committed(self.shared.ask("commit", commit).await)
    }

    fn committed(&self, settled: Result<Settlement, StoreFailed>) -> Result<(), StoreFailed> {
        match settled? {
            Settlement::Settled => Ok(()),
            Settlement::Lapsed => {
                tracing::error!(target: "countersign", "the lease was over before the event could be marked as done");
                self.shared.settings.meter.claimed("lapsed");
                Err(StoreFailed)
            }
        }
    }

    /// Lets the event come again. What cannot be released ends with its lease.
    pub(super) async fn release(mut self) {
        let Some(lease) = self.lease.take() else { return };
        let shared = Arc::clone(&self.shared);
        let release = Box::pin(async move { shared.store.release(lease, shared.now()).await });
        let _: Result<Settlement, StoreFailed> = self.shared.ask("release", release).await;
    }
}

impl<St: ReplayStore> Drop for HeldClaim<St> {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let (shared, asked) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let mut release = Box::pin(async move { asked.store.release(lease, asked.now()).await });
        // A panic must not leave a destructor, and what has panicked must not be polled again.
        let ended = match catch_unwind(AssertUnwindSafe(|| poll_once(&mut release))) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(outcome)) => Some(Some(outcome)),
            Err(_) => Some(None),
        };
        if let Some(outcome) = ended {
            let _: Result<Settlement, StoreFailed> = shared.told("release", outcome);
            return;
        }
        let turn = Arc::clone(&shared.releases).try_acquire_owned();
        let (Ok(runtime), Ok(turn)) = (Handle::try_current(), turn) else {
            tracing::error!(target: "countersign", "a dropped claim is left to the end of its lease");
            return shared.settings.meter.store_failed("release");
        };
        runtime.spawn(async move {
            let _turn = turn;
            let outcome = timeout(shared.settings.store_timeout, release).await.ok();
            let _: Result<Settlement, StoreFailed> = shared.told("release", outcome);
        });
    }
}

/// Polls without anybody to wake; whoever goes on with a pending future polls it again.
fn poll_once<F: Future>(future: &mut Call<F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

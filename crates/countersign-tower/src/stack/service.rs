//! `StackService`, the service of a `Stack`.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use bytes::Bytes;
use countersign::{Rejection, ReplayStore, Timestamp, replay::MemoryStore};
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use crate::{
    AddressLayer, Keys, ResponseFuture, VerifiedBody,
    future::Step,
    meter::{Moment, Pending, end},
    pipeline::{self, Pipeline},
    refusal::internal_error,
    replay::{Answers, Guarded, NoAnswers, StoreClient, outcome},
    verify::Settings,
};

/// Calls the service `S` with requests that pass all checks; made by [`Stack`](super::Stack).
pub struct StackService<S, K, St = MemoryStore, A = NoAnswers> {
    inner: S,
    checks: Arc<Checks<K, St, A>>,
}

/// The checks, in their order.
pub(super) struct Checks<K, St, A> {
    pub(super) addresses: Option<AddressLayer>,
    pub(super) keys: K,
    pub(super) verify: Settings,
    pub(super) replay: Option<(Arc<StoreClient<St>>, A)>,
}

impl<S, K, St, A> StackService<S, K, St, A> {
    pub(super) fn new(inner: S, checks: Arc<Checks<K, St, A>>) -> Self {
        Self { inner, checks }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, K, St, A, B, R> Service<Request<B>> for StackService<S, K, St, A>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    St: ReplayStore,
    A: Answers<R>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        pipeline::run(&mut self.inner, request, &self.checks).into()
    }
}

impl<S, K, St, A, R> Pipeline<S> for Checks<K, St, A>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    St: ReplayStore,
    A: Answers<R>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Keys = K;

    fn keys(&self) -> &K {
        &self.keys
    }

    fn settings(&self) -> &Settings {
        &self.verify
    }

    fn admit(&self, head: &Parts) -> Result<(), Rejection> {
        self.addresses.as_ref().map_or(Ok(()), |addresses| addresses.check(head))
    }

    fn ready_timeout(&self) -> Duration {
        self.replay.as_ref().map_or(self.verify.body_timeout, |(client, _)| client.handler_timeout())
    }

    /// Calls the inner service through the replay guard, if there is one.
    fn call_inner(
        self: &Arc<Self>,
        inner: &mut S,
        request: Request<VerifiedBody>,
        now: Timestamp,
        pending: Pending,
    ) -> Step<S::Future> {
        let Some((client, answers)) = &self.replay else {
            let running = Running { checks: Arc::clone(self), begun: self.verify.meter.now() };
            let answer = inner.call(request);
            return Step::waits(async move {
                let answer = answer.await;
                running.checks.verify.meter.handled(running.begun, outcome(&answer));
                end(pending, "accepted", answer)
            });
        };
        let step = match Guarded::new(Arc::clone(client), answers.clone(), &request, now) {
            Some(guarded) => guarded.run(inner, request),
            None => Step::answered(Ok(internal_error())),
        };
        step.counted(pending)
    }
}

/// An inner service that runs without a replay guard. Its panic drops this.
struct Running<K, St, A> {
    checks: Arc<Checks<K, St, A>>,
    begun: Moment,
}

impl<K, St, A> Drop for Running<K, St, A> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.checks.verify.meter.handled(self.begun, "panic");
        }
    }
}

impl<S: Clone, K, St, A> Clone for StackService<S, K, St, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), checks: Arc::clone(&self.checks) }
    }
}

impl<S: fmt::Debug, K, St, A> fmt::Debug for StackService<S, K, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackService").field("inner", &self.inner).field("checks", &self.checks).finish()
    }
}

impl<K, St, A> fmt::Debug for Checks<K, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("addresses", &self.addresses)
            .field("verify", &self.verify)
            .field("guards_against_replays", &self.replay.is_some())
            .finish_non_exhaustive()
    }
}

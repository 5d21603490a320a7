//! `Replay`, the service of `ReplayLayer`.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign::ReplayStore;
use http::{Request, Response};
use tower_service::Service;

use super::{Answers, NoAnswers, claim::StoreClient, guard::Guarded, layer::Settings};
use crate::{ResponseFuture, VerifiedBody, future::Step, refusal::internal_error};

/// Lets every event through to the service `S` once; made by [`ReplayLayer`](super::ReplayLayer).
pub struct Replay<S, St, A = NoAnswers> {
    inner: S,
    client: Arc<StoreClient<St>>,
    answers: A,
}

impl<S, St: ReplayStore, A> Replay<S, St, A> {
    pub(super) fn new(inner: S, store: Arc<St>, settings: Settings, answers: A) -> Self {
        Self { inner, client: Arc::new(StoreClient::new(store, settings)), answers }
    }
}

impl<S, St, A> Replay<S, St, A> {
    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, St, A, R> Service<Request<VerifiedBody>> for Replay<S, St, A>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    St: ReplayStore,
    A: Answers<R>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        let step = match Guarded::new(Arc::clone(&self.client), self.answers.clone(), &request, self.client.now()) {
            Some(guarded) => guarded.run(&mut self.inner, request),
            None => Step::answered(Ok(internal_error())),
        };
        step.into()
    }
}

impl<S: Clone, St, A: Clone> Clone for Replay<S, St, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), client: Arc::clone(&self.client), answers: self.answers.clone() }
    }
}

impl<S: fmt::Debug, St, A> fmt::Debug for Replay<S, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("inner", &self.inner).finish_non_exhaustive()
    }
}

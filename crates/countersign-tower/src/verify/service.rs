//! `Verify`, the service of `VerifyLayer`.

use std::{
    error::Error,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign::Timestamp;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Keys, VerifiedBody, VerifyLayer, layer::Settings};
use crate::{
    ResponseFuture,
    future::Step,
    meter::Pending,
    pipeline::{self, Pipeline},
};

/// Calls the service `S` with verified requests; made by [`VerifyLayer`](super::VerifyLayer).
#[derive(Debug)]
pub struct Verify<S, K> {
    inner: S,
    layer: Arc<VerifyLayer<K>>,
}

impl<S, K> Verify<S, K> {
    pub(super) fn new(inner: S, layer: Arc<VerifyLayer<K>>) -> Self {
        Self { inner, layer }
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

impl<S, K, B, R> Service<Request<B>> for Verify<S, K>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
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
        pipeline::run(&mut self.inner, request, &self.layer).into()
    }
}

impl<S, K, R> Pipeline<S> for VerifyLayer<K>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    R: Send + 'static,
{
    type Keys = K;

    fn keys(&self) -> &K {
        &self.keys
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn call_inner(
        self: &Arc<Self>,
        inner: &mut S,
        request: Request<VerifiedBody>,
        _: Timestamp,
        pending: Pending,
    ) -> Step<S::Future> {
        Step::Called { answer: inner.call(request) }.counted(pending)
    }
}

impl<S: Clone, K> Clone for Verify<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: Arc::clone(&self.layer) }
    }
}

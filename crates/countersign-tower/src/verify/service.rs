use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Arriving, Keys, Verdict, VerifiedBody, VerifyLayer,
    receive::{Received, receive, receive_at_once},
};
use crate::{
    ResponseFuture,
    exchange::Waiting,
    future::{Begin, Step},
    meter::end,
    refusal::refuse,
};

/// Verifies requests before the service `S` gets them; made by [`VerifyLayer`](super::VerifyLayer).
#[derive(Debug)]
pub struct Verify<S, K> {
    inner: S,
    layer: Arc<VerifyLayer<K>>,
}

impl<S, K> Verify<S, K> {
    pub(super) fn new(inner: S, layer: Arc<VerifyLayer<K>>) -> Self {
        Self { inner, layer }
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind, by value.
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
    type Future = ResponseFuture<Arrived<S, K, B>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone may not be ready: call the service that was polled.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let (head, body) = request.into_parts();
        ResponseFuture::new(Arrived {
            waiting: Waiting::new(inner, head),
            body: Arriving::new(body),
            layer: Arc::clone(&self.layer),
        })
    }
}

/// A request that is to be verified.
#[expect(missing_debug_implementations, reason = "nobody outside this crate gets hold of one")]
pub struct Arrived<S, K, B> {
    waiting: Box<Waiting<S>>,
    body: Arriving<B>,
    layer: Arc<VerifyLayer<K>>,
}

impl<S: Clone, K> Clone for Verify<S, K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: Arc::clone(&self.layer) }
    }
}

impl<S, K, B, R> Begin for Arrived<S, K, B>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Called = S::Future;

    fn begin(self, context: &mut Context<'_>) -> Step<S::Future> {
        let Self { waiting, mut body, layer } = self;
        let VerifyLayer { keys, settings } = &*layer;
        let (pending, begun) = (settings.meter.begin(), settings.meter.now());
        match receive_at_once(&waiting.head, &mut body, keys, settings, context) {
            Poll::Ready(Ok(Verdict::Delivery(delivery))) => {
                settings.meter.verified(begun, delivery.body().len() as u64);
                let answer = waiting.accepted(delivery, None).call();
                if settings.meter.measures() {
                    return Step::Waits(Box::pin(async move { end(pending, "accepted", answer.await) }));
                }
                Step::Called(answer)
            }
            Poll::Ready(Ok(Verdict::Handshake(handshake))) => Step::Waits(Box::pin(async move {
                let answer = layer.settings.handshakes.answer(*handshake, layer.keys.provider(), &waiting.head).await;
                end(pending, "handshake", Ok(answer.map_or_else(refuse, |answer| answer.map(R::from))))
            })),
            Poll::Ready(Err(rejection)) => Step::Answered(end(pending, "accepted", Ok(refuse(rejection)))),
            Poll::Pending => Step::Waits(Box::pin(async move {
                let VerifyLayer { keys, settings } = &*layer;
                match receive(&waiting.head, body, keys, settings).await {
                    Ok(Received::Delivery(delivery, tenant)) => {
                        settings.meter.verified(begun, delivery.body().len() as u64);
                        end(pending, "accepted", waiting.accepted(delivery, tenant).call().await)
                    }
                    Ok(Received::Answer(answer)) => end(pending, "handshake", Ok(answer.map(R::from))),
                    Err(rejection) => end(pending, "accepted", Ok(refuse(rejection))),
                }
            })),
        }
    }
}

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
    Keys, ResponseFuture, VerifiedBody,
    layer::Settings,
    receive::{Received, receive},
};
use crate::{exchange::Waiting, refusal::refuse};

/// Verifies requests before the service `S` gets them; made by [`VerifyLayer`](super::VerifyLayer).
#[derive(Clone, Debug)]
pub struct Verify<S, K> {
    inner: S,
    keys: K,
    settings: Arc<Settings>,
}

impl<S, K> Verify<S, K> {
    pub(super) fn new(inner: S, keys: K, settings: Arc<Settings>) -> Self {
        Self { inner, keys, settings }
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
    type Future = ResponseFuture<Response<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone may not be ready: call the service that was polled.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let (keys, settings) = (self.keys.clone(), Arc::clone(&self.settings));
        let (head, body) = request.into_parts();
        let waiting = Waiting::new(inner, head);
        ResponseFuture::new(async move {
            match receive(&waiting.head, body, &keys, &settings).await {
                Ok(Received::Delivery(delivery, tenant)) => waiting.accepted(delivery, tenant).call().await,
                Ok(Received::Answer(answer)) => Ok(answer.map(R::from)),
                Err(rejection) => Ok(refuse(rejection)),
            }
        })
    }
}

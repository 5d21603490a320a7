use std::{
    error::Error,
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign::{Rejection, ReplayStore, replay::MemoryStore};
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use crate::{
    AddressLayer, Keys, ResponseFuture, VerifiedBody,
    exchange::Waiting,
    meter::Meter,
    refusal::{internal_error, refuse},
    replay::{Answers, Guarded, NoAnswers, Shared, outcome},
    verify::{Received, Settings, receive},
};

/// Lets what passes all checks through to the service `S`; made by [`Stack`](super::Stack).
pub struct Stacked<S, K, St = MemoryStore, A = NoAnswers> {
    inner: S,
    checks: Arc<Checks<K, St, A>>,
}

/// What a request meets, in this order.
pub(super) struct Checks<K, St, A> {
    pub(super) addresses: Option<AddressLayer>,
    pub(super) keys: K,
    pub(super) verify: Settings,
    pub(super) replay: Option<(Arc<Shared<St>>, A)>,
    pub(super) meter: Meter,
}

impl<S, K, St, A> Stacked<S, K, St, A> {
    pub(super) fn new(inner: S, checks: Arc<Checks<K, St, A>>) -> Self {
        Self { inner, checks }
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

impl<K: Keys, St: ReplayStore, A> Checks<K, St, A> {
    async fn respond<S, B, R>(&self, waiting: Box<Waiting<S>>, body: B) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<VerifiedBody>, Response = Response<R>>,
        A: Answers<R>,
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
        R: Default + From<Bytes>,
    {
        let pending = self.meter.begin();
        let mut verdict = "accepted";
        let response = match self.judge(&waiting.head, body).await {
            Ok(Received::Delivery(delivery, tenant)) => {
                let exchange = waiting.accepted(delivery, tenant);
                if let Some((shared, answers)) = &self.replay {
                    match Guarded::new(Arc::clone(shared), answers.clone(), exchange.head()) {
                        Some(guarded) => guarded.run(exchange).await,
                        None => Ok(internal_error()),
                    }
                } else {
                    let begun = self.meter.now();
                    let answer = exchange.call().await;
                    self.meter.handled(begun, outcome(&answer));
                    answer
                }
            }
            Ok(Received::Answer(answer)) => {
                verdict = "handshake";
                Ok(answer.map(R::from))
            }
            Err(rejection) => Ok(refuse(rejection)),
        };
        // One reason, wherever it was found: by a check, by the guard, or by whoever reads the payload.
        let rejection = response.as_ref().ok().and_then(|response| response.extensions().get::<Rejection>());
        pending.end(rejection.map_or(verdict, Rejection::code));
        response
    }

    async fn judge<B>(&self, head: &Parts, body: B) -> Result<Received, Rejection>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let begun = self.meter.now();
        if let Some(addresses) = &self.addresses {
            addresses.check(head)?;
        }
        let received = receive(head, body, &self.keys, &self.verify).await;
        if let Ok(Received::Delivery(delivery, _)) = &received {
            self.meter.verified(begun, delivery.body().len() as u64);
        }
        received
    }
}

impl<S, K, St, A, B, R> Service<Request<B>> for Stacked<S, K, St, A>
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
    type Future = ResponseFuture<Response<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone may not be ready: call the service that was polled.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let checks = Arc::clone(&self.checks);
        let (head, body) = request.into_parts();
        let waiting = Waiting::new(inner, head);
        ResponseFuture::new(async move { checks.respond(waiting, body).await })
    }
}

impl<S: Clone, K, St, A> Clone for Stacked<S, K, St, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), checks: Arc::clone(&self.checks) }
    }
}

impl<S: fmt::Debug, K, St, A> fmt::Debug for Stacked<S, K, St, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stacked").field("inner", &self.inner).field("checks", &self.checks).finish()
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

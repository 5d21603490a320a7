use std::{
    error::Error,
    fmt,
    future::{Future, ready},
    mem,
    pin::Pin,
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
    exchange::{Exchange, Waiting},
    future::{Begin, Step},
    meter::{Pending, end},
    refusal::{internal_error, refuse},
    replay::{Answers, Guarded, NoAnswers, Shared, outcome},
    verify::{Arriving, Received, Settings, Verdict, receive, receive_at_once},
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
    /// As far as a request comes without waiting.
    fn judge_at_once<B>(
        &self,
        head: &Parts,
        body: &mut Arriving<B>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Verdict, Rejection>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if let Some(addresses) = &self.addresses {
            addresses.check(head)?;
        }
        receive_at_once(head, body, &self.keys, &self.verify, context)
    }
}

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

/// Hands a verified request to the service behind, through the guard. In a box of its own, which is small enough to cost little.
fn handle<S, K, St, A, R>(checks: Arc<Checks<K, St, A>>, exchange: Exchange<S>, pending: Pending) -> Boxed<R, S::Error>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    St: ReplayStore,
    A: Answers<R>,
    R: Default + Send + 'static,
{
    let Some((shared, answers)) = &checks.replay else {
        return Box::pin(async move {
            let begun = checks.verify.meter.now();
            let answer = exchange.call().await;
            checks.verify.meter.handled(begun, outcome(&answer));
            end(pending, "accepted", answer)
        });
    };
    match Guarded::new(Arc::clone(shared), answers.clone(), exchange.head()) {
        Some(guarded) => Box::pin(async move { end(pending, "accepted", guarded.run(exchange).await) }),
        None => Box::pin(ready(end(pending, "accepted", Ok(internal_error())))),
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
    type Future = ResponseFuture<Arrived<S, K, St, A, B>>;

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
            checks: Arc::clone(&self.checks),
        })
    }
}

/// A request that is to be checked.
#[expect(missing_debug_implementations, reason = "nobody outside this crate gets hold of one")]
pub struct Arrived<S, K, St, A, B> {
    waiting: Box<Waiting<S>>,
    body: Arriving<B>,
    checks: Arc<Checks<K, St, A>>,
}

impl<S, K, St, A, B, R> Begin for Arrived<S, K, St, A, B>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    K: Keys,
    St: ReplayStore,
    A: Answers<R>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Called = S::Future;

    fn begin(self, context: &mut Context<'_>) -> Step<S::Future> {
        let Self { waiting, mut body, checks } = self;
        let (pending, begun) = (checks.verify.meter.begin(), checks.verify.meter.now());
        match checks.judge_at_once(&waiting.head, &mut body, context) {
            Poll::Ready(Ok(Verdict::Delivery(delivery))) => {
                checks.verify.meter.verified(begun, delivery.body().len() as u64);
                Step::Waits(handle(checks, waiting.accepted(delivery, None), pending))
            }
            Poll::Ready(Ok(Verdict::Handshake(handshake))) => Step::Waits(Box::pin(async move {
                let (handshakes, provider) = (&checks.verify.handshakes, checks.keys.provider());
                let answer = handshakes.answer(*handshake, provider, &waiting.head).await;
                end(pending, "handshake", Ok(answer.map_or_else(refuse, |answer| answer.map(R::from))))
            })),
            Poll::Ready(Err(rejection)) => Step::Answered(end(pending, "accepted", Ok(refuse(rejection)))),
            Poll::Pending => Step::Waits(Box::pin(async move {
                match receive(&waiting.head, body, &checks.keys, &checks.verify).await {
                    Ok(Received::Delivery(delivery, tenant)) => {
                        checks.verify.meter.verified(begun, delivery.body().len() as u64);
                        handle(checks, waiting.accepted(delivery, tenant), pending).await
                    }
                    Ok(Received::Answer(answer)) => end(pending, "handshake", Ok(answer.map(R::from))),
                    Err(rejection) => end(pending, "accepted", Ok(refuse(rejection))),
                }
            })),
        }
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

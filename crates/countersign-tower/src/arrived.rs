//! A request on its way through the checks, up to the service behind.

use std::{
    error::Error,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use countersign::Rejection;
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use crate::{
    Keys, VerifiedBody,
    exchange::{Exchange, Waiting},
    future::{Begin, Step},
    meter::{Pending, end},
    refusal::refuse,
    verify::{Arriving, Received, Settings, Verdict, receive, receive_at_once},
};

/// What stands in front of a service `S`.
pub(crate) trait Reception<S: Service<Request<VerifiedBody>>>: Send + Sync + 'static {
    type Keys: Keys;

    fn keys(&self) -> &Self::Keys;

    fn settings(&self) -> &Settings;

    /// Whether a request may come in at all.
    fn admit(&self, _: &Parts) -> Result<(), Rejection> {
        Ok(())
    }

    /// Hands a verified request to the service, and counts what comes of it.
    fn hand_on(self: Arc<Self>, exchange: Exchange<S>, pending: Pending) -> Step<S::Future>;
}

/// A request that is to be checked.
#[expect(missing_debug_implementations, reason = "nobody outside this crate gets hold of one")]
pub struct Arrived<S, B, C> {
    waiting: Box<Waiting<S>>,
    body: Arriving<B>,
    reception: Arc<C>,
}

impl<S, B, C> Arrived<S, B, C> {
    pub(crate) fn new(inner: S, request: Request<B>, reception: &Arc<C>) -> Self {
        let (head, body) = request.into_parts();
        Self { waiting: Waiting::new(inner, head), body: Arriving::new(body), reception: Arc::clone(reception) }
    }
}

impl<S, B, C, R> Begin for Arrived<S, B, C>
where
    S: Service<Request<VerifiedBody>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    C: Reception<S>,
    R: Default + From<Bytes> + Send + 'static,
{
    type Called = S::Future;

    fn begin(self, context: &mut Context<'_>) -> Step<S::Future> {
        let Self { waiting, mut body, reception } = self;
        let settings = reception.settings();
        let (pending, begun) = (settings.meter.begin(), settings.meter.now());
        match judge_at_once(&*reception, &waiting.head, &mut body, context) {
            Poll::Ready(Ok(Verdict::Delivery(delivery))) => {
                settings.meter.verified(begun, delivery.body().len() as u64);
                reception.hand_on(waiting.accepted(delivery, None), pending)
            }
            Poll::Ready(Ok(Verdict::Handshake(handshake))) => Step::Waits(Box::pin(async move {
                let (handshakes, provider) = (&reception.settings().handshakes, reception.keys().provider());
                let answer = handshakes.answer(*handshake, provider, &waiting.head).await;
                end(pending, "handshake", Ok(answer.map_or_else(refuse, |answer| answer.map(R::from))))
            })),
            Poll::Ready(Err(rejection)) => Step::Answered(end(pending, "accepted", Ok(refuse(rejection)))),
            Poll::Pending => Step::Waits(Box::pin(async move {
                let settings = reception.settings();
                match receive(&waiting.head, body, reception.keys(), settings).await {
                    Ok(Received::Delivery(delivery, tenant)) => {
                        settings.meter.verified(begun, delivery.body().len() as u64);
                        reception.hand_on(waiting.accepted(delivery, tenant), pending).end().await
                    }
                    Ok(Received::Answer(answer)) => end(pending, "handshake", Ok(answer.map(R::from))),
                    Err(rejection) => end(pending, "accepted", Ok(refuse(rejection))),
                }
            })),
        }
    }
}

/// As far as a request comes without waiting.
fn judge_at_once<S, B>(
    reception: &impl Reception<S>,
    head: &Parts,
    body: &mut Arriving<B>,
    context: &mut Context<'_>,
) -> Poll<Result<Verdict, Rejection>>
where
    S: Service<Request<VerifiedBody>>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    reception.admit(head)?;
    receive_at_once(head, body, reception.keys(), reception.settings(), context)
}

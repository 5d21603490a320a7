//! A request on its way through the checks, up to the service behind.

use std::{
    error::Error,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use countersign::{Rejection, Timestamp};
use http::{Request, request::Parts};
use http_body::Body;
use tower_service::Service;

use crate::{
    Keys, VerifiedBody,
    deadline::within,
    exchange::{Behind, accepted, give_up_ready},
    future::Step,
    meter::{Pending, end},
    refusal::refuse,
    verify::{Arriving, Received, Settings, Verdict, receive, receive_at_once, report},
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

    /// How long a verified request, which nobody saw to a place for, may wait until the service is ready.
    fn patience(&self) -> Duration {
        self.settings().body_timeout
    }

    /// Hands a request that was verified just now to the service, which is ready, and counts what comes of it.
    fn hand_on(
        self: &Arc<Self>,
        inner: &mut S,
        request: Request<VerifiedBody>,
        now: Timestamp,
        pending: Pending,
    ) -> Step<S::Future>;
}

/// Takes a request through the checks and to the service, which is ready, as far as it comes without waiting.
///
/// Most requests are there as a whole. They are judged where they stand, and the service is called where it stands: to wait,
/// a request would need a service of its own, and a box for all that it has.
pub(crate) fn arrive<S, B, C, R>(inner: &mut S, request: Request<B>, reception: &Arc<C>) -> Step<S::Future>
where
    S: Behind<R>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    C: Reception<S>,
    R: Default + From<Bytes> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let mut body = Arriving::new(body);
    let settings = reception.settings();
    let (pending, begun, now) = (settings.meter.begin(), settings.meter.now(), settings.now());
    match judge_at_once(&**reception, &head, &mut body, now) {
        Poll::Ready(Ok(Verdict::Delivery(delivery))) => {
            settings.meter.verified(begun, delivery.body().len() as u64);
            reception.hand_on(inner, accepted(head, delivery, None), now, pending)
        }
        Poll::Ready(Ok(Verdict::Handshake(handshake))) => {
            let reception = Arc::clone(reception);
            Step::waits(async move {
                let (handshakes, scheme) = (&reception.settings().handshakes, reception.keys().scheme());
                let answer = handshakes.answer(*handshake, scheme.map(|scheme| scheme.id()), scheme, &head).await;
                let refused = |rejection| refuse(rejection, scheme);
                end(pending, "handshake", Ok(answer.map_or_else(refused, |answer| answer.map(R::from))))
            })
        }
        Poll::Ready(Err(rejection)) => {
            Step::answered(end(pending, "accepted", Ok(refuse(rejection, reception.keys().scheme()))))
        }
        Poll::Pending => {
            let (reception, mut inner) = (Arc::clone(reception), give_up_ready(inner));
            // In a box of its own: the future would make room for it twice, and copy it.
            let head = Box::new(head);
            Step::waits(async move {
                let settings = reception.settings();
                match receive(&head, body, reception.keys(), settings, now).await {
                    Ok(Received::Delivery(delivery, tenant)) => {
                        settings.meter.verified(begun, delivery.body().len() as u64);
                        let limit = reception.patience();
                        match within(limit, pin!(poll_fn(|context| inner.poll_ready(context)))).await {
                            Some(Ok(())) => {}
                            Some(Err(error)) => return end(pending, "accepted", Err(error)),
                            None => {
                                let (rejection, scheme) = (Rejection::HandlerTimeout { limit }, delivery.scheme());
                                report(&rejection, Some(scheme.id()), Some(scheme), &head);
                                return end(pending, "accepted", Ok(refuse(rejection, Some(scheme))));
                            }
                        }
                        reception.hand_on(&mut inner, accepted(*head, delivery, tenant), settings.now(), pending).await
                    }
                    Ok(Received::Answer(answer)) => end(pending, "handshake", Ok(answer.map(R::from))),
                    Err(rejection) => end(pending, "accepted", Ok(refuse(rejection, reception.keys().scheme()))),
                }
            })
        }
    }
}

/// As far as a request comes without waiting.
fn judge_at_once<S, B>(
    reception: &impl Reception<S>,
    head: &Parts,
    body: &mut Arriving<B>,
    now: Timestamp,
) -> Poll<Result<Verdict, Rejection>>
where
    S: Service<Request<VerifiedBody>>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    reception.admit(head)?;
    // Nobody waits yet: whoever does will ask the body again.
    let mut nobody = Context::from_waker(Waker::noop());
    receive_at_once(head, body, reception.keys(), reception.settings(), now, &mut nobody)
}

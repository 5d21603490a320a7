//! A request on its way through the checks, up to the inner service.

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
    future::Step,
    inner::{InnerService, release_readiness, verified_request},
    meter::{Pending, end},
    refusal::refuse,
    verify::{ProbedBody, Received, Settings, Verdict, receive, receive_at_once, report},
};

/// What stands in front of a service `S`.
pub(crate) trait Pipeline<S: Service<Request<VerifiedBody>>>: Send + Sync + 'static {
    type Keys: Keys;

    fn keys(&self) -> &Self::Keys;

    fn settings(&self) -> &Settings;

    /// Whether a request may come in at all.
    fn admit(&self, _: &Parts) -> Result<(), Rejection> {
        Ok(())
    }

    /// How long a verified request, which nobody saw to a place for, may wait until the service is ready.
    fn ready_timeout(&self) -> Duration {
        self.settings().body_timeout
    }

    /// Hands a request that was verified just now to the service, which is ready, and counts what comes of it.
    fn call_inner(
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
pub(crate) fn run<S, B, P, R>(inner: &mut S, request: Request<B>, pipeline: &Arc<P>) -> Step<S::Future>
where
    S: InnerService<R>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    P: Pipeline<S>,
    R: Default + From<Bytes> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let mut body = ProbedBody::new(body);
    let settings = pipeline.settings();
    let (pending, begun, now) = (settings.meter.begin(), settings.meter.now(), settings.now());
    match judge_at_once(&**pipeline, &head, &mut body, now) {
        Poll::Ready(Ok(Verdict::Delivery(delivery))) => {
            settings.meter.verified(begun, delivery.body().len() as u64);
            pipeline.call_inner(inner, verified_request(head, delivery, None), now, pending)
        }
        Poll::Ready(Ok(Verdict::Handshake(handshake))) => {
            let pipeline = Arc::clone(pipeline);
            Step::waits(async move {
                let (handshakes, scheme) = (&pipeline.settings().handshakes, pipeline.keys().scheme());
                let answer = handshakes.answer(*handshake, scheme.map(|scheme| scheme.id()), scheme, &head).await;
                let refused = |rejection| refuse(rejection, scheme);
                end(pending, "handshake", Ok(answer.map_or_else(refused, |answer| answer.map(R::from))))
            })
        }
        Poll::Ready(Err(rejection)) => {
            Step::answered(end(pending, "accepted", Ok(refuse(rejection, pipeline.keys().scheme()))))
        }
        Poll::Pending => {
            let (pipeline, mut inner) = (Arc::clone(pipeline), release_readiness(inner));
            // In a box of its own: the future would make room for it twice, and copy it.
            let head = Box::new(head);
            Step::waits(async move {
                let settings = pipeline.settings();
                match receive(&head, body, pipeline.keys(), settings, now).await {
                    Ok(Received::Delivery(delivery, tenant)) => {
                        settings.meter.verified(begun, delivery.body().len() as u64);
                        let limit = pipeline.ready_timeout();
                        match within(limit, pin!(poll_fn(|context| inner.poll_ready(context)))).await {
                            Some(Ok(())) => {}
                            Some(Err(error)) => return end(pending, "accepted", Err(error)),
                            None => {
                                let (rejection, scheme) = (Rejection::HandlerTimeout { limit }, delivery.scheme());
                                report(&rejection, Some(scheme.id()), Some(scheme), &head);
                                return end(pending, "accepted", Ok(refuse(rejection, Some(scheme))));
                            }
                        }
                        pipeline
                            .call_inner(&mut inner, verified_request(*head, delivery, tenant), settings.now(), pending)
                            .await
                    }
                    Ok(Received::Answer(answer)) => end(pending, "handshake", Ok(answer.map(R::from))),
                    Err(rejection) => end(pending, "accepted", Ok(refuse(rejection, pipeline.keys().scheme()))),
                }
            })
        }
    }
}

/// As far as a request comes without waiting.
fn judge_at_once<S, B>(
    pipeline: &impl Pipeline<S>,
    head: &Parts,
    body: &mut ProbedBody<B>,
    now: Timestamp,
) -> Poll<Result<Verdict, Rejection>>
where
    S: Service<Request<VerifiedBody>>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pipeline.admit(head)?;
    // Nobody waits yet: whoever does will ask the body again.
    let mut nobody = Context::from_waker(Waker::noop());
    receive_at_once(head, body, pipeline.keys(), pipeline.settings(), now, &mut nobody)
}

//! The checks of a request in their order, and then the call of the inner service.

use std::{
    error::Error,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use countersign::{Delivery, Handshake, Rejection, Timestamp};
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use crate::{
    Keys, VerifiedBody,
    deadline::within,
    future::Step,
    inner::{InnerService, release_readiness, verified_request},
    meter::{Moment, Pending, end},
    refusal::refuse,
    verify::{ProbedBody, Received, Settings, Verdict, receive, receive_at_once},
};

/// The checks in front of an inner service `S`.
pub(crate) trait Pipeline<S: Service<Request<VerifiedBody>>>: Send + Sync + 'static {
    type Keys: Keys;

    fn keys(&self) -> &Self::Keys;

    fn settings(&self) -> &Settings;

    /// Whether a request may come in at all.
    fn admit(&self, _: &Parts) -> Result<(), Rejection> {
        Ok(())
    }

    /// How long a verified request may wait until the inner service is ready, if that was not polled for this request.
    fn ready_timeout(&self) -> Duration {
        self.settings().body_timeout
    }

    /// Calls the inner service, which is ready, with a verified request, and counts the outcome.
    fn call_inner(
        self: &Arc<Self>,
        inner: &mut S,
        request: Request<VerifiedBody>,
        now: Timestamp,
        pending: Pending,
    ) -> Step<S::Future>;
}

/// Runs the checks, and calls the inner service, which is ready.
///
/// Most requests arrive whole, and need not wait. They are judged here, and `inner` itself is called: a request that waits needs
/// a clone of the service, and a box for its future.
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
            pipeline.call_inner(
                inner,
                verified_request(head, delivery, None, settings.endpoint.as_deref()),
                now,
                pending,
            )
        }
        Poll::Ready(Ok(Verdict::Handshake(handshake))) => {
            Step::waits(answer_handshake::<S, _, _, _>(Arc::clone(pipeline), *handshake, head, pending))
        }
        Poll::Ready(Err(rejection)) => {
            Step::answered(end(pending, "accepted", Ok(refuse(rejection, pipeline.keys().scheme()))))
        }
        Poll::Pending => Step::waits(wait_and_call(inner, head, body, pipeline, (pending, begun, now))),
    }
}

/// The verdict on a request that need not wait; pending if it must.
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
    // No task waits for the body yet. If it is pending, it is polled again with the waker of one.
    let mut context = Context::from_waker(Waker::noop());
    receive_at_once(head, body, pipeline.keys(), pipeline.settings(), now, &mut context)
}

/// Answers a handshake whose question is verified, or need not be.
async fn answer_handshake<S, P, R, E>(
    pipeline: Arc<P>,
    handshake: Handshake,
    head: Parts,
    pending: Pending,
) -> Result<Response<R>, E>
where
    S: Service<Request<VerifiedBody>>,
    P: Pipeline<S>,
    R: Default + From<Bytes>,
{
    let (settings, scheme) = (pipeline.settings(), pipeline.keys().scheme());
    let answer = settings.handshakes.answer(handshake, settings.log_context(scheme, &head)).await;
    let refused = |rejection| refuse(rejection, scheme);
    end(pending, "handshake", Ok(answer.map_or_else(refused, |answer| answer.map(R::from))))
}

/// Verifies a request whose keys or body must be waited for, and calls the inner service when that is ready.
fn wait_and_call<S, B, P, R>(
    inner: &mut S,
    head: Parts,
    body: ProbedBody<B>,
    pipeline: &Arc<P>,
    (pending, begun, now): (Pending, Moment, Timestamp),
) -> impl Future<Output = Result<Response<R>, S::Error>> + Send + use<S, B, P, R>
where
    S: InnerService<R>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    P: Pipeline<S>,
    R: Default + From<Bytes> + Send + 'static,
{
    let (pipeline, mut inner) = (Arc::clone(pipeline), release_readiness(inner));
    // In a box: the future would otherwise reserve room for it twice, and copy it.
    let head = Box::new(head);
    async move {
        let settings = pipeline.settings();
        let (delivery, tenant) = match receive(&head, body, pipeline.keys(), settings, now).await {
            Ok(Received::Delivery(delivery, tenant)) => (delivery, tenant),
            Ok(Received::Answer(answer)) => return end(pending, "handshake", Ok(answer.map(R::from))),
            Err(rejection) => return end(pending, "accepted", Ok(refuse(rejection, pipeline.keys().scheme()))),
        };
        settings.meter.verified(begun, delivery.body().len() as u64);
        let limit = pipeline.ready_timeout();
        match within(limit, pin!(poll_fn(|context| inner.poll_ready(context)))).await {
            Some(Ok(())) => {
                let request = verified_request(*head, delivery, tenant, settings.endpoint.as_deref());
                pipeline.call_inner(&mut inner, request, settings.now(), pending).await
            }
            Some(Err(error)) => end(pending, "accepted", Err(error)),
            None => end(pending, "accepted", Ok(refuse_not_ready(limit, &delivery, &head, settings))),
        }
    }
}

/// The answer to a verified request for which the inner service was not ready in time.
fn refuse_not_ready<R: Default>(
    limit: Duration,
    delivery: &Delivery,
    head: &Parts,
    settings: &Settings,
) -> Response<R> {
    let (rejection, scheme) = (Rejection::ServiceNotReady { limit }, Some(delivery.scheme()));
    settings.log_context(scheme, head).refused(&rejection);
    refuse(rejection, scheme)
}

//! An inner service that counts its calls, and bodies that arrive as a script says.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use countersign_tower::{
    Keys, VerifiedBody, VerifyLayer,
    countersign::{Delivery, Rejection, Signer, Timestamp, Verifier, providers},
};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};

pub(crate) const SECRET: &str = "a-long-random-secret";

/// The time of every test.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// Calls of the inner service.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn github() -> Verifier {
    Verifier::new(providers::GITHUB, SECRET).unwrap()
}

pub(crate) fn layer<K: Keys>(keys: K) -> VerifyLayer<K> {
    VerifyLayer::new(keys).with_clock(|| NOW)
}

/// Sends one request through the layer; the inner service gives back the verified body.
pub(crate) async fn send<K: Keys, B>(layer: VerifyLayer<K>, calls: &Calls, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let calls = calls.clone();
    let service = service_fn(move |request: Request<VerifiedBody>| {
        calls.0.fetch_add(1, Ordering::SeqCst);
        let delivery = request.extensions().get::<Delivery>().cloned();
        let body = request.into_body().into_bytes();
        assert_eq!(delivery.map(|delivery| delivery.body().clone()), Some(body.clone()));
        async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
    });
    // It panics if it is called without having been asked whether it is ready.
    layer.layer(ConcurrencyLimit::new(service, 1)).oneshot(request).await.unwrap()
}

/// Asserts that a request is refused with this status and reason, blandly, and that nothing ran behind the layer.
pub(crate) async fn assert_refused<K: Keys, B>(layer: VerifyLayer<K>, request: Request<B>, status: u16, code: &str)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let calls = Calls::default();
    let response = send(layer, &calls, request).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!((response.status(), rejection.code()), (StatusCode::from_u16(status).unwrap(), code));
    assert!(response.into_body().is_end_stream(), "the answer to a refused request has a body");
    assert_eq!(calls.count(), 0, "the inner service ran");
}

/// A request that GitHub would have signed.
pub(crate) fn signed(body: &'static str) -> Request<Bytes> {
    Signer::new(providers::GITHUB, SECRET).unwrap().sign(Request::post("/hooks").body(body).unwrap(), NOW).unwrap()
}

/// What a scripted body does next.
pub(crate) enum Step {
    Chunk(&'static [u8]),
    /// A chunk, and the end with it.
    Last(&'static [u8]),
    Trailers,
    Wait(Duration),
    Break,
}

/// A body that follows a script, and counts how often it was asked.
pub(crate) struct Script {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    polls: Calls,
    has_ended: bool,
    tells_length: bool,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> (Self, Calls) {
        let polls = Calls::default();
        let steps = steps.into_iter().collect();
        (Self { steps, sleep: None, polls: polls.clone(), has_ended: false, tells_length: false }, polls)
    }

    /// Tells how much of it is still to come.
    pub(crate) fn telling_length(self) -> Self {
        Self { tells_length: true, ..self }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.polls.0.fetch_add(1, Ordering::SeqCst);
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                Some(Step::Chunk(bytes)) => Some(Ok(Frame::data(Bytes::from_static(bytes)))),
                Some(Step::Last(bytes)) => {
                    self.has_ended = true;
                    Some(Ok(Frame::data(Bytes::from_static(bytes))))
                }
                Some(Step::Trailers) => Some(Ok(Frame::trailers(http::HeaderMap::new()))),
                Some(Step::Break) => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
                Some(Step::Wait(time)) => {
                    self.sleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
                None => None,
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        if !self.tells_length {
            return SizeHint::default();
        }
        let lengths = self.steps.iter().map(|step| match step {
            Step::Chunk(bytes) | Step::Last(bytes) => bytes.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(lengths.sum())
    }
}

//! An axum app behind the verifying layer, and bodies that arrive in steps.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Extension, Router, body::Body};
use bytes::Bytes;
use countersign::{Delivery, Rejection, Timestamp, Verifier};
use countersign_tower::{Keys, VerifyLayer};
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::{
    endpoint::NOW,
    verdict::{Accepted, whole},
};

/// An app with one handler, which counts its calls and keeps their bodies.
#[derive(Clone, Debug)]
pub struct App {
    router: Router,
    calls: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

/// The app's answer, and the reason of a refusal, which is not sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The reason for a refusal.
    pub rejection: Option<Rejection>,
}

impl Answer {
    /// The code of the reason for a refusal. Empty for an accepted request.
    pub fn code(&self) -> &'static str {
        self.rejection.as_ref().map_or("", Rejection::code)
    }

    /// All that the client sees, as one text.
    pub fn seen_by_caller(&self) -> String {
        format!("{} {:?} {:?}", self.status, self.headers, self.body)
    }
}

/// The verdict on a complete request. Also checks that the app behind the layer agrees: its handler has run once, with
/// the signed bytes, or not at all, and the answer has the same reason.
///
/// # Errors
///
/// The rejection.
///
/// # Panics
///
/// If the app's verdict differs.
pub fn everywhere(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> Result<Accepted, Rejection> {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts");
    }
    let verdict = whole(verifier, request, now);
    let app = App::behind(VerifyLayer::new(verifier.clone()).with_clock(move || now));
    let answer = RUNTIME.with(|runtime| runtime.block_on(app.send(request.clone())));
    let id = verifier.scheme().id();
    assert_eq!(answer.rejection.as_ref(), verdict.as_ref().err(), "{id}: {answer:?}");
    if verdict.is_ok() {
        assert!(answer.status.is_success(), "{id}: {answer:?}");
        assert_eq!(app.bodies(), [request.body().clone()], "{id}");
    } else {
        assert!(answer.status.is_client_error() && answer.body.is_empty(), "{id}: {answer:?}");
        assert_eq!(app.calls(), 0, "{id}");
    }
    verdict
}

impl App {
    /// An app for one endpoint, at [`NOW`].
    pub fn new(verifier: Verifier) -> Self {
        Self::behind(VerifyLayer::new(verifier).with_clock(|| NOW))
    }

    /// An app behind this layer.
    pub fn behind<K: Keys>(layer: VerifyLayer<K>) -> Self {
        let (calls, bodies) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (calling, keeping) = (Arc::clone(&calls), Arc::clone(&bodies));
        let handler = move |Extension(delivery): Extension<Delivery>, body: Bytes| async move {
            calling.fetch_add(1, Ordering::SeqCst);
            assert_eq!(delivery.body(), &body, "the handler's bytes are not the verified ones");
            keeping.lock().expect("no test holds it while it panics").push(body);
        };
        Self { router: Router::new().fallback(handler).layer(layer), calls, bodies }
    }

    /// How many times the handler ran.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The bodies that the handler received.
    ///
    /// # Panics
    ///
    /// If the handler did.
    pub fn bodies(&self) -> Vec<Bytes> {
        self.bodies.lock().expect("no test holds it while it panics").clone()
    }

    /// Sends a request with its body in one piece.
    pub async fn send(&self, request: Request<Bytes>) -> Answer {
        self.send_body(request.map(Body::from)).await
    }

    /// Sends a request.
    ///
    /// # Panics
    ///
    /// If the answer's body does not arrive, which it always does.
    pub async fn send_body(&self, request: Request<Body>) -> Answer {
        let Ok(response) = self.router.clone().oneshot(request).await;
        let rejection = response.extensions().get().cloned();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("the answer's body");
        Answer { status: parts.status, headers: parts.headers, body, rejection }
    }
}

/// One step of a [`Wire`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// These bytes arrive.
    Bytes(Bytes),
    /// Nothing arrives for a while.
    Wait(Duration),
    /// The connection breaks.
    Break,
}

/// A body that arrives step by step, and counts the bytes that were read from it.
#[derive(Debug)]
pub struct Wire {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<tokio::time::Sleep>>>,
    taken: Arc<AtomicUsize>,
}

impl Wire {
    /// The body, and a counter of the bytes that were read from it.
    pub fn with_count(steps: impl IntoIterator<Item = Step>) -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let wire = Self { steps: steps.into_iter().collect(), waiting: None, taken: Arc::clone(&taken) };
        (Body::new(wire), taken)
    }
}

impl http_body::Body for Wire {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                std::task::ready!(waiting.as_mut().poll(context));
                self.waiting = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                Some(Step::Bytes(bytes)) => {
                    self.taken.fetch_add(bytes.len(), Ordering::SeqCst);
                    Some(Ok(Frame::data(bytes)))
                }
                Some(Step::Wait(time)) => {
                    self.waiting = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
                Some(Step::Break) => Some(Err(io::ErrorKind::ConnectionReset.into())),
                None => None,
            });
        }
    }
}

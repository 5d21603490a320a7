//! Each setting of a stack reaches the layer that it is for.

use std::{
    convert::Infallible,
    future::{pending, ready},
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use countersign_tower::{
    Confirm, HandshakeDone, HandshakeSecrets, Keys, Stack, StackBuilder, Stored, VerifiedBody,
    countersign::{
        Rejection, ReplayKey, ReplayStore, Scheme, Signer, Timestamp, Verifier, providers,
        replay::{Claim, Lease, Settlement},
    },
    replay::OperatorReplay,
};
use http::{Request, Response, request::Parts};
use http_body::{Body, Frame};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};

use crate::world::{NOW, SECRET, from_github, github};

const SECOND: Duration = Duration::from_secs(1);

async fn send<B>(stack: StackBuilder<impl Keys, impl ReplayStore>, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let handler = service_fn(|_: Request<VerifiedBody>| ready(Ok::<_, Infallible>(Response::new(Full::default()))));
    let stack = stack.with_clock(|| NOW).build().unwrap();
    let Ok(response) = stack.layer(handler).oneshot(request).await;
    response
}

fn code(response: &Response<Full<Bytes>>) -> &'static str {
    response.extensions().get().map_or("", Rejection::code)
}

/// Never comes.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Comes when it is asked a second time.
struct Slow {
    bytes: Option<Bytes>,
    was_asked: bool,
}

impl Slow {
    fn new(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes), was_asked: false }
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !mem::replace(&mut self.was_asked, true) {
            return Poll::Pending;
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl ReplayStore for Silent {
    type Error = Infallible;

    async fn claim(&self, _: ReplayKey, _: Duration, _: Timestamp) -> Result<Claim, Infallible> {
        pending().await
    }

    async fn commit(&self, _: Lease, _: Duration, _: Timestamp) -> Result<Settlement, Infallible> {
        pending().await
    }

    async fn release(&self, _: Lease, _: Timestamp) -> Result<Settlement, Infallible> {
        pending().await
    }
}

#[tokio::test]
async fn the_body_limit_of_a_stack_is_kept() {
    let stack = || Stack::builder("github", github());
    let request = || from_github("{}").map(Full::new);
    assert_eq!(code(&send(stack().with_body_limit(1), request()).await), "body_too_large");
    assert_eq!(code(&send(stack().with_body_limit(2), request()).await), "");
}

#[tokio::test(start_paused = true)]
async fn the_body_and_store_timeouts_of_a_stack_are_kept() {
    let stack = || Stack::builder("github", github());
    let start = Instant::now();
    let late = send(stack().with_body_timeout(SECOND * 3), from_github("{}").map(|_| Silent)).await;
    assert_eq!((code(&late), start.elapsed()), ("body_timeout", SECOND * 3));

    let start = Instant::now();
    let stack = stack().with_store(Silent).with_store_timeout(SECOND * 4);
    let late = send(stack, from_github("{}").map(Full::new)).await;
    assert_eq!((code(&late), start.elapsed()), ("store_unavailable", SECOND * 4));
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_waited_for_up_to_the_timeout_of_the_stack() {
    let stack = || {
        let stack = Stack::builder("github", github()).with_clock(|| NOW);
        stack.with_body_timeout(SECOND * 3).with_handler_timeout(SECOND * 4)
    };
    for (stack, seconds) in [(stack(), 4), (stack().dangerous_accept_replays_for_ever(), 3)] {
        let handler = service_fn(|_: Request<VerifiedBody>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
        let mut service = stack.build().unwrap().layer(ConcurrencyLimit::new(handler, 1));
        let slow =
            ServiceExt::<Request<Slow>>::ready(&mut service).await.unwrap().call(from_github("{}").map(Slow::new));
        let answer = tokio::spawn(async move { (slow.await, Instant::now()) });
        let first = ServiceExt::<Request<Full<Bytes>>>::ready(&mut service).await.unwrap();
        // Called, and not answered.
        let _busy = first.call(from_github("[]").map(Full::new));
        let start = Instant::now();
        let (Ok(late), end) = answer.await.unwrap();
        assert_eq!((code(&late), (end - start).as_secs()), ("service_not_ready", seconds));
    }
}

#[tokio::test]
async fn a_stack_without_handshakes_answers_none() {
    let stack = || Stack::builder("dropbox", Verifier::new(providers::DROPBOX, SECRET).unwrap());
    let question = || Request::get("/hooks?challenge=abc").body(Full::default()).unwrap();
    assert_eq!(code(&send(stack(), question()).await), "");
    assert_eq!(code(&send(stack().without_handshakes(), question()).await), "method");
}

/// Keeps every secret, and confirms every subscription.
struct Willing;

impl HandshakeSecrets for Willing {
    type Error = Infallible;

    async fn store(&self, _: &Parts, _: &str) -> Result<Stored, Infallible> {
        Ok(Stored::New)
    }
}

impl Confirm for Willing {
    type Error = Infallible;

    async fn confirm(&self, _: &str) -> Result<(), Infallible> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stack_stores_the_secret_of_a_handshake() {
    let stack = || Stack::builder("asana", Verifier::builder(providers::ASANA).awaiting_secret().build().unwrap());
    let offer = || Request::post("/hooks").header("x-hook-secret", SECRET).body(Full::default()).unwrap();
    assert_eq!(code(&send(stack(), offer()).await), "handshake_not_configured");
    let kept = send(stack().with_secret_store(Willing), offer()).await;
    assert_eq!(kept.extensions().get(), Some(&HandshakeDone::Stored));
}

#[tokio::test]
async fn a_stack_confirms_subscriptions_with_its_client() {
    let scheme = Scheme::from_toml(
        "acme",
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
         [[handshake]]\nwhen = { json = \"/type\", equals = \"confirm\" }\n\
         confirm = { json = \"/url\", hosts = [\"acme.example\"], path = \"/\" }\n",
    );
    let scheme = scheme.unwrap();
    let question = || {
        let body = r#"{"type": "confirm", "url": "https://acme.example/"}"#;
        let signer = Signer::new(&scheme, SECRET).unwrap();
        signer.sign(Request::post("/hooks").body(Bytes::from(body)).unwrap(), NOW).unwrap().map(Full::new)
    };
    let stack = || Stack::builder("acme", Verifier::new(&scheme, SECRET).unwrap());
    assert_eq!(send(stack(), question()).await.extensions().get::<HandshakeDone>(), None);
    let confirmed = send(stack().with_confirmation(Willing), question()).await;
    assert_eq!(confirmed.extensions().get(), Some(&HandshakeDone::Confirmed));
}

/// A body that arrives so many seconds after it was asked for.
struct Late {
    body: Option<Bytes>,
    clock: Arc<AtomicI64>,
    seconds: i64,
    is_asked: bool,
}

impl Body for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !mem::replace(&mut self.is_asked, true) {
            self.clock.fetch_add(self.seconds, Ordering::SeqCst);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.body.take().map(|body| Ok(Frame::data(body))))
    }
}

#[tokio::test]
async fn a_replay_that_goes_stale_while_its_body_arrives_is_still_known() {
    // Its retries end long before its signature is stale.
    let scheme = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                  signs = \"{timestamp}.{body}\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5s\"\n\
                  [event]\nid = \"{json:/id}\"\n[answers]\nretries_for = \"1s\"\n";
    let scheme = Scheme::from_toml("t", scheme).unwrap();
    let clock = Arc::new(AtomicI64::new(NOW.unix_seconds()));
    let now = Arc::clone(&clock);
    let verifier = Verifier::new(scheme.clone(), SECRET).unwrap();
    let stack = Stack::builder("t", verifier)
        .with_clock(move || Timestamp::from_unix_seconds(now.load(Ordering::SeqCst)))
        .build()
        .unwrap();
    let service = stack.layer(service_fn(|_: Request<VerifiedBody>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let request = Request::post("/").body(Bytes::from_static(b"{\"id\":\"1\"}")).unwrap();
    let signed = Signer::new(scheme, SECRET).unwrap().sign(request, NOW).unwrap();
    let mut codes = Vec::new();
    // For the body and until the service is ready: 10 s and 30 s. In a test, no time passes for the timeout itself.
    for (is_asked, seconds) in [(true, 0), (false, 9), (false, 40), (false, 41), (false, 3600)] {
        let arriving = |body| Late { body: Some(body), clock: Arc::clone(&clock), seconds, is_asked };
        let answer = service.clone().oneshot(signed.clone().map(arriving)).await.unwrap();
        codes.push(answer.extensions().get().map_or("", Rejection::code));
        // Just fresh when its head arrives again.
        clock.store(NOW.unix_seconds() + 5, Ordering::SeqCst);
    }
    assert_eq!(codes, ["", "replayed", "replayed", "timestamp_too_old", "timestamp_too_old"]);

    // An operator wants it to be handled, whether or not it was handled before.
    let mut operators = signed.map(|body| Late { body: Some(body), clock, seconds: 3600, is_asked: false });
    operators.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
    assert!(service.oneshot(operators).await.unwrap().extensions().get::<Rejection>().is_none());
}

//! An endpoint with both layers, a clock that is set by hand, a handler that follows a script, and stores that fail.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use countersign_tower::{
    Keys, ReplayLayer, VerifiedBody, VerifyLayer,
    countersign::{
        Provider, Rejection, ReplayKey, ReplayStore, Signer, Timestamp, Verifier, providers,
        replay::{Claim, Lease, MemoryStore, Settlement},
    },
    replay::Answers,
};
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, util::BoxCloneSyncService};

pub(crate) const SECRET: &str = "a-long-random-secret";

/// The time at which every clock starts.
pub(crate) const START: i64 = 1_767_225_600;

/// What the handler does next; when the script has ended, it answers 202.
pub(crate) enum Do {
    Answer(u16),
    AnswerWith(&'static str),
    Fail,
    Panic,
    PanicBeforeItsFuture,
    Wait(Duration),
    Hang,
    /// Works for so many seconds of the clock without giving its thread back, and then hangs.
    WorkAndHang(i64),
    /// Never waits for long, and never ends.
    Spin,
}

#[derive(Debug)]
pub(crate) struct HandlerError;

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler failed")
    }
}

impl std::error::Error for HandlerError {}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }
}

/// The handler and its script.
#[derive(Clone, Default)]
struct Handler {
    script: Arc<Mutex<VecDeque<Do>>>,
    calls: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    clock: Clock,
}

type Answer = Response<Full<Bytes>>;

impl Handler {
    fn call(&self) -> Pin<Box<dyn Future<Output = Result<Answer, HandlerError>> + Send>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let next = self.script.lock().unwrap().pop_front().unwrap_or(Do::Answer(202));
        assert!(!matches!(next, Do::PanicBeforeItsFuture), "the handler panics before its future");
        let (ended, clock) = (Ended(Arc::clone(&self.ended)), self.clock.clone());
        Box::pin(async move {
            let _ended = ended;
            let (status, body) = match next {
                Do::Answer(status) => (status, ""),
                Do::AnswerWith(body) => (201, body),
                Do::Fail => return Err(HandlerError),
                Do::Panic | Do::PanicBeforeItsFuture => panic!("the handler panics"),
                Do::Wait(time) => {
                    tokio::time::sleep(time).await;
                    (202, "")
                }
                Do::Hang => std::future::pending().await,
                Do::WorkAndHang(seconds) => {
                    clock.advance(seconds);
                    std::future::pending().await
                }
                Do::Spin => loop {
                    tokio::task::coop::consume_budget().await;
                },
            };
            let answer = Response::builder().status(status).header("x-answer", "first");
            Ok(answer.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap())
        })
    }
}

/// Counts handlers whose futures are gone.
struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) clock: Clock,
    handler: Handler,
    service: BoxCloneSyncService<Request<Full<Bytes>>, Answer, HandlerError>,
}

/// What the caller and the log get.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) retry_after: bool,
    pub(crate) body: Bytes,
    pub(crate) has_headers: bool,
}

impl Endpoint {
    /// GitHub's deliveries in front of this layer.
    pub(crate) fn new<St: ReplayStore, A: Answers<Full<Bytes>>>(layer: ReplayLayer<St, A>) -> Self {
        Self::of(Verifier::new(providers::GITHUB, SECRET).unwrap(), layer)
    }

    pub(crate) fn of<St: ReplayStore, A: Answers<Full<Bytes>>>(keys: impl Keys, layer: ReplayLayer<St, A>) -> Self {
        let handler = Handler::default();
        let clock = handler.clock.clone();
        let (of_layer, of_verifier, calling) = (clock.clone(), clock.clone(), handler.clone());
        let service = tower::service_fn(move |request: Request<VerifiedBody>| {
            drop(request);
            calling.call()
        });
        // It panics if it is called without having been asked whether it is ready.
        let service = ConcurrencyLimit::new(service, 100);
        let service = layer.with_clock(move || of_layer.now()).layer(service);
        let service = VerifyLayer::new(keys).with_clock(move || of_verifier.now()).layer(service);
        Self { clock, handler, service: BoxCloneSyncService::new(service) }
    }

    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Do>) {
        self.handler.script.lock().unwrap().extend(steps);
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> usize {
        self.handler.calls.load(Ordering::SeqCst)
    }

    /// How many of its futures are gone.
    pub(crate) fn ended(&self) -> usize {
        self.handler.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn signed(&self, body: &'static str) -> Request<Full<Bytes>> {
        self.signed_by(providers::GITHUB, SECRET, "/hooks", body)
    }

    pub(crate) fn signed_by(
        &self,
        provider: Provider,
        secret: &str,
        path: &str,
        body: &'static str,
    ) -> Request<Full<Bytes>> {
        let request = Request::post(path).body(Bytes::from_static(body.as_bytes())).unwrap();
        Signer::new(provider, secret).unwrap().sign(request, self.clock.now()).unwrap().map(Full::new)
    }

    /// Sends a request and tells what came of it.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Got, HandlerError> {
        let response = self.service.clone().ready().await?.call(request).await?;
        Ok(Got {
            status: response.status().as_u16(),
            code: response.extensions().get().map_or("", Rejection::code),
            retry_after: response.headers().contains_key(RETRY_AFTER),
            has_headers: response.headers().contains_key("x-answer"),
            body: response.into_body().collect().await.unwrap().to_bytes(),
        })
    }

    /// Calls the service with an event, and lets go of its answer before anybody has waited for it.
    pub(crate) async fn leave(&self, body: &'static str) {
        drop(self.service.clone().ready().await.unwrap().call(self.signed(body)));
    }

    /// Sends one event, signed now.
    pub(crate) async fn deliver(&self, body: &'static str) -> Got {
        self.send(self.signed(body)).await.unwrap()
    }

    /// Asserts that the event runs now, and gives what it was answered.
    pub(crate) async fn runs(&self, body: &'static str) -> Got {
        let before = self.calls();
        let got = self.deliver(body).await;
        assert_eq!(self.calls(), before + 1, "the handler did not run: {got:?}");
        got
    }

    /// Asserts that the event does not run, and is refused like this.
    pub(crate) async fn refuses(&self, body: &'static str, status: u16, code: &str) {
        let before = self.calls();
        let got = self.deliver(body).await;
        let retry_after = status != StatusCode::OK.as_u16();
        assert_eq!((got.status, got.code, got.retry_after), (status, code, retry_after));
        assert!(got.body.is_empty(), "{:?}", got.body);
        assert_eq!(self.calls(), before, "the handler ran");
    }
}

pub(crate) fn layer() -> ReplayLayer<MemoryStore> {
    ReplayLayer::new(MemoryStore::new(), "github")
}

/// What goes wrong in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Claims fail.
    Claim,
    /// Commits fail, after they were made or not.
    Commit,
    /// Releases fail.
    Release,
    /// Claims, commits or releases panic.
    ClaimPanics,
    CommitPanics,
    ReleasePanics,
    /// Claims never come back.
    ClaimHangs,
    /// Commits never come back.
    CommitHangs,
    /// The process stands still between a claim and its answer.
    Standstill,
}

/// The store in memory at the end of a line: each call takes a while, and can fail.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) fault: Arc<Mutex<Fault>>,
    pub(crate) delay: Duration,
    /// How long the answer to a claim that is made takes on its way back.
    pub(crate) back: Duration,
}

impl Remote {
    pub(crate) fn new(delay: Duration) -> Self {
        Self { store: Arc::new(MemoryStore::new()), fault: Arc::default(), delay, back: Duration::ZERO }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    async fn way(&self, fails: Fault, hangs: Fault) -> Result<(), LineDown> {
        travel(self.delay).await;
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::None => Ok(()),
            Fault::ClaimPanics if fails == Fault::Claim => panic!("the store panics"),
            Fault::CommitPanics if fails == Fault::Commit => panic!("the store panics"),
            Fault::ReleasePanics if fails == Fault::Release => panic!("the store panics"),
            fault if fault == hangs => std::future::pending().await,
            fault if fault == fails => Err(LineDown),
            _ => Ok(()),
        }
    }
}

async fn travel(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[derive(Debug)]
pub(crate) struct LineDown;

impl fmt::Display for LineDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is down")
    }
}

impl std::error::Error for LineDown {}

impl ReplayStore for Remote {
    type Error = LineDown;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, LineDown> {
        self.way(Fault::Claim, Fault::ClaimHangs).await?;
        let claim = self.store.claim_at(key, lease_for, now).map_err(|_| LineDown);
        travel(self.back).await;
        if *self.fault.lock().unwrap() == Fault::Standstill {
            std::thread::sleep(Duration::from_millis(300));
        }
        claim
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, LineDown> {
        self.way(Fault::Commit, Fault::CommitHangs).await?;
        Ok(self.store.commit_at(lease, keep_for, now))
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, LineDown> {
        self.way(Fault::Release, Fault::None).await?;
        Ok(self.store.release_at(lease, now))
    }
}

/// The same at hand: it answers at once, and can fail all the same.
pub(crate) struct AtHand(pub(crate) Remote);

impl AtHand {
    fn fails(&self, at: Fault) -> Result<(), LineDown> {
        let fault = *self.0.fault.lock().unwrap();
        match fault {
            fault if fault == at => Err(LineDown),
            Fault::ClaimPanics if at == Fault::Claim => panic!("the store panics"),
            Fault::CommitPanics if at == Fault::Commit => panic!("the store panics"),
            _ => Ok(()),
        }
    }
}

impl ReplayStore for AtHand {
    type Error = LineDown;

    async fn claim(&self, _: ReplayKey, _: Duration, _: Timestamp) -> Result<Claim, LineDown> {
        panic!("it was asked at once")
    }

    fn claim_at_once(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Option<Result<Claim, LineDown>> {
        Some(self.fails(Fault::Claim).and_then(|()| self.0.store.claim_at(key, lease_for, now).map_err(|_| LineDown)))
    }

    async fn commit(&self, _: Lease, _: Duration, _: Timestamp) -> Result<Settlement, LineDown> {
        panic!("it was asked at once")
    }

    fn commit_at_once(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> Result<Result<Settlement, LineDown>, Lease> {
        Ok(self.fails(Fault::Commit).map(|()| self.0.store.commit_at(lease, keep_for, now)))
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, LineDown> {
        self.0.release(lease, now).await
    }
}

//! Every refusal has one reason: the same in the response's extensions, in the log and in the metrics.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::any};
use bytes::Bytes;
use countersign::{
    Rejection, ReplayStore, Scheme, SignError, Signer, Timestamp, Verifier, providers,
    replay::{Claim, Lease, MemoryStore, ReplayScope},
};
use countersign_axum::Webhook;
use countersign_tests::{
    app::{Step, Wire},
    endpoint::{Endpoint, NOW, PUBLIC_URL},
};
use countersign_tower::{
    AddressLayer, HandshakeSecrets, KeyResolver, PeerAddr, ReplayLayer, Stack, StackBuilder, Stored, TenantKeys,
    VerifyLayer, countersign::address::AddressSet, metrics::VERDICTS,
};
use http::{Request, header::CONTENT_LENGTH, request::Parts};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde::Deserialize;
use tower::{Service, ServiceExt, layer::layer_fn};

const SECRET: &str = "a-long-random-secret";

#[derive(Deserialize)]
struct Payment {
    #[expect(dead_code, reason = "it is there to be of another type than in the payload")]
    amount: u64,
}

/// A request, and the app that it is sent to.
struct Case {
    app: Router,
    request: Request<Body>,
}

/// An app that answers at once.
fn app(stack: StackBuilder<impl countersign_tower::Keys, impl ReplayStore>) -> Router {
    let stack = stack.with_clock(|| NOW).build().unwrap();
    Router::new().fallback(any(async || "handled")).layer(stack)
}

fn github() -> StackBuilder<Verifier> {
    Stack::builder("hooks", Verifier::new(providers::GITHUB, SECRET).unwrap())
}

fn own(id: &str) -> StackBuilder<Verifier> {
    Stack::builder("hooks", Endpoint::find(id).verifier())
}

fn unsigned(body: &'static str) -> Request<Bytes> {
    Request::post("/hooks").body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn signed(body: &'static str) -> Request<Bytes> {
    Signer::new(providers::GITHUB, SECRET).unwrap().sign(unsigned(body), NOW).unwrap()
}

fn case(app: Router, request: Request<Bytes>) -> Case {
    Case { app, request: request.map(Body::from) }
}

/// A request to a test scheme, changed after it was signed.
fn changed(id: &str, change: impl FnOnce(&mut Request<Bytes>)) -> Case {
    let mut request = Endpoint::find(id).sample();
    change(&mut request);
    case(app(own(id)), request)
}

fn with_header(id: &str, name: &'static str, value: &str) -> Case {
    changed(id, |request| drop(request.headers_mut().insert(name, value.parse().unwrap())))
}

fn stripe(signed_at: i64) -> Case {
    let signer = Signer::new(providers::STRIPE, SECRET).unwrap();
    let at = Timestamp::from_unix_seconds(NOW.unix_seconds() + signed_at);
    let stack = Stack::builder("hooks", Verifier::new(providers::STRIPE, SECRET).unwrap());
    case(app(stack), signer.sign(unsigned("{}"), at).unwrap())
}

/// An app whose store already has the event of [`signed`].
fn claimed(settle: impl FnOnce(&MemoryStore, Lease)) -> Case {
    let store = Arc::new(MemoryStore::new());
    let (head, body) = signed("{}").into_parts();
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    let key = verifier.verify(&head, body, NOW).unwrap().replay_key(&ReplayScope::new("hooks")).unwrap();
    let Ok(Claim::Fresh(lease)) = store.claim_at(key, Duration::from_secs(60), NOW) else { panic!("it is fresh") };
    settle(&store, lease);
    case(app(github().with_store(store)), signed("{}"))
}

fn typed(content_type: &'static str) -> Case {
    let stack = github().with_clock(|| NOW).build().unwrap();
    let app = Router::new().fallback(any(async |_: Webhook<Payment>| "handled")).layer(stack);
    let mut request = signed(r#"{"amount": "much"}"#);
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    case(app, request)
}

fn slow_handler() -> Case {
    let stack = github().with_clock(|| NOW).with_handler_timeout(Duration::from_secs(1)).build().unwrap();
    let app = Router::new().fallback(any(async || std::future::pending::<&str>().await)).layer(stack);
    case(app, signed("{}"))
}

fn slow_body() -> Case {
    let (body, _) = Wire::with_count([Step::Wait(Duration::from_secs(11)), Step::Bytes(Bytes::from_static(b"{}"))]);
    Case { app: app(github()), request: signed("{}").map(|_| body) }
}

/// A service that is ready once.
#[derive(Clone)]
struct ReadyOnce<S> {
    inner: S,
    was_ready: Arc<AtomicBool>,
}

impl<R, S: Service<R>> Service<R> for ReadyOnce<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.was_ready.swap(true, Ordering::SeqCst) { Poll::Pending } else { self.inner.poll_ready(context) }
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

/// A delivery whose body is waited for, so that its service must be ready a second time.
fn busy_service() -> Case {
    let stack = github().with_clock(|| NOW).build().unwrap();
    let ready_once = layer_fn(|inner| ReadyOnce { inner, was_ready: Arc::default() });
    let app = Router::new().fallback(any(async || "handled")).layer((stack, ready_once));
    let (body, _) = Wire::with_count([Step::Wait(Duration::from_secs(1)), Step::Bytes(Bytes::from_static(b"{}"))]);
    Case { app, request: signed("{}").map(|_| body) }
}

/// An endpoint that awaits a secret, and a request that offers one.
fn offered(stack: impl FnOnce(StackBuilder<Verifier>) -> StackBuilder<Verifier>) -> Case {
    let verifier = Verifier::builder(providers::ASANA).awaiting_secret().build().unwrap();
    let mut request = unsigned("");
    request.headers_mut().insert("x-hook-secret", "b537207f20cbfa02357cf448134da559".parse().unwrap());
    case(app(stack(Stack::builder("hooks", verifier))), request)
}

struct Secrets(Result<Stored, &'static str>);

impl HandshakeSecrets for Secrets {
    type Error = &'static str;

    async fn store(&self, _: &Parts, _: &str) -> Result<Stored, &'static str> {
        self.0
    }
}

/// A lookup that finds no tenant, or fails.
struct Tenants(Result<(), &'static str>);

impl KeyResolver for Tenants {
    type Tenant = String;
    type Error = &'static str;

    fn tenant(&self, head: &Parts) -> Option<String> {
        Some(head.uri.path().to_owned())
    }

    async fn verifier(&self, _: &String) -> Result<Option<Verifier>, &'static str> {
        self.0.map(|()| None)
    }
}

fn packed() -> Case {
    let scheme = Scheme::from_toml(
        "packed",
        "name = \"Packed\"\n[body]\ndecoded = \"gzip\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\n\
         value = \"{hex}\"\nsigns = \"{body}\"\n",
    );
    let scheme = scheme.unwrap();
    let mut request = Signer::new(&scheme, SECRET).unwrap().sign(unsigned("{}"), NOW).unwrap();
    request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    case(app(Stack::builder("hooks", Verifier::new(&scheme, SECRET).unwrap())), request)
}

fn other_token() -> Case {
    let verifier = Verifier::builder(providers::FACEBOOK_META).secret(SECRET).setting("verify_token", "meaty");
    let verifier = verifier.public_url(PUBLIC_URL).build().unwrap();
    let question = Request::get("/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=other").body(Bytes::new());
    case(app(Stack::builder("hooks", verifier)), question.unwrap())
}

fn from_outside() -> Case {
    let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24"]).unwrap());
    let mut request = signed("{}");
    request.extensions_mut().insert(PeerAddr(SocketAddr::from(([198, 51, 100, 1], 4711))));
    case(app(github().with_addresses(addresses)), request)
}

/// For each code, a request that is refused with it.
fn cases() -> Vec<(&'static str, Case)> {
    let time = "t=Thu, 01 Jan 2026 00:00:00 GMT";
    let tag = "s=";
    let list = |id: &str| with_header("own-list-with-id", "x-sig", &format!("{time}; i={id}; {tag}{}", "A".repeat(86)));
    let changed_length = |length: &'static str| {
        let mut request = signed("{}");
        request.headers_mut().insert(CONTENT_LENGTH, length.parse().unwrap());
        case(app(github()), request)
    };
    vec![
        ("address", from_outside()),
        ("ambiguous_content", list("a.b")),
        ("body_hash", changed("own-digest-header", |request| *request.body_mut() = Bytes::from_static(b"other"))),
        ("body_incomplete", changed_length("3")),
        ("body_timeout", slow_body()),
        ("body_too_large", case(app(github().with_body_limit(1)), signed("{}"))),
        ("content_coding", packed()),
        ("content_length", changed_length("+2")),
        ("handler_timeout", slow_handler()),
        ("handshake_failed", offered(|stack| stack.with_secret_store(Secrets(Err("down"))))),
        ("handshake_not_configured", offered(|stack| stack)),
        ("in_progress", claimed(|_, lease| drop(lease))),
        ("keys_unavailable", case(app(Stack::builder("hooks", TenantKeys::new(Tenants(Err("down"))))), signed("{}"))),
        ("malformed_id", list("a b")),
        ("malformed_signature", with_header("github", "x-hub-signature-256", "sha256=0")),
        ("malformed_timestamp", with_header("slack", "x-slack-request-timestamp", "now")),
        (
            "malformed_value",
            changed("own-digest-header", |request| drop(request.headers_mut().remove("x-content-sha1"))),
        ),
        ("method", changed("own-basic", |request| *request.method_mut() = http::Method::DELETE)),
        ("missing_signature", case(app(github()), unsigned("{}"))),
        ("payload", typed("application/json")),
        (
            "replayed",
            claimed(|store, lease| {
                let _ = store.commit_at(lease, Duration::from_secs(60), NOW);
            }),
        ),
        ("secret_already_stored", offered(|stack| stack.with_secret_store(Secrets(Ok(Stored::AlreadyThere))))),
        ("service_not_ready", busy_service()),
        ("signature", changed("github", |request| *request.body_mut() = Bytes::from_static(b"other"))),
        ("store_unavailable", case(app(github().with_store(MemoryStore::with_capacity(0))), signed("{}"))),
        ("timestamp_in_future", stripe(301)),
        ("timestamp_too_old", stripe(-301)),
        ("transfer_coding", with_header("github", "transfer-encoding", "gzip, chunked")),
        ("unexpected_value", other_token()),
        ("unknown_key", case(app(Stack::builder("hooks", TenantKeys::new(Tenants(Ok(()))))), signed("{}"))),
        ("unsupported_media_type", typed("text/csv")),
    ]
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reasons of one request: in its answer, in the log, in the counters.
#[derive(Debug, PartialEq, Eq)]
struct Reasons {
    answer: Option<&'static str>,
    log: Vec<String>,
    counted: Vec<(String, u64)>,
}

fn reasons(case: Case) -> Reasons {
    let (log, recorder) = (Log::default(), DebuggingRecorder::new());
    let (writer, snapshotter) = (log.clone(), recorder.snapshotter());
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // Paused, so that waiting for a timeout takes no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let Ok(response) = tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || runtime.block_on(case.app.oneshot(case.request)))
    });
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let code = |line: &str| Some(line.split_once(" code=\"")?.1.split_once('"')?.0.to_owned());
    let counters = snapshotter.snapshot().into_vec();
    let verdicts = counters.into_iter().filter(|(key, ..)| key.key().name() == VERDICTS).map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        let [("endpoint", "hooks"), ("verdict", verdict)] = labels[..] else { panic!("{labels:?}") };
        let DebugValue::Counter(count) = value else { panic!("{value:?}") };
        (verdict.to_owned(), count)
    });
    Reasons {
        answer: response.extensions().get().map(Rejection::code),
        log: lines.lines().filter_map(code).collect(),
        counted: verdicts.collect(),
    }
}

#[test]
fn each_reason_appears_once_in_the_answer_the_log_and_the_metrics() {
    let cases = cases();
    assert!(cases.iter().map(|(code, _)| *code).eq(Rejection::CODES.iter().copied()), "a code is missing");
    for (code, case) in cases {
        let expected = Reasons { answer: Some(code), log: vec![code.to_owned()], counted: vec![(code.to_owned(), 1)] };
        assert_eq!(reasons(case), expected);
    }
}

#[test]
fn a_payload_error_names_the_path_of_the_wrong_field() {
    let told = |path: &str| Rejection::Payload { path: path.to_owned(), message: "expected a number".to_owned() };
    assert_eq!(told("data.amount").to_string(), "the payload does not fit at `data.amount`: expected a number");
    assert_eq!(told("").to_string(), "the payload does not fit: expected a number");
}

#[test]
fn a_signing_error_says_why_a_request_cannot_be_signed() {
    let place = || "header `x-sig`".to_owned();
    for (error, words) in [
        (
            SignError::Body { place: place() },
            "the scheme writes header `x-sig`, and the body has no place for it".to_owned(),
        ),
        (SignError::Unprintable { place: place() }, "the value of header `x-sig` cannot be written there".to_owned()),
        (Rejection::Method.into(), format!("the request cannot be signed: {}", Rejection::Method)),
    ] {
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn an_accepted_delivery_is_counted_once_without_a_reason() {
    let accepted = reasons(case(app(github()), signed("{}")));
    assert_eq!(accepted, Reasons { answer: None, log: Vec::new(), counted: vec![("accepted".to_owned(), 1)] });
}

#[test]
fn an_address_layer_counts_on_its_own_but_not_within_a_stack() {
    let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24"]).unwrap()).with_metrics("hooks");
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    let stack = Stack::builder("hooks", verifier).with_addresses(addresses).dangerous_accept_replays_for_ever();
    let app = Router::new().fallback(any(async || "handled")).layer(stack.build().unwrap());
    let mut request = signed("{}").map(Body::from);
    request.extensions_mut().insert(PeerAddr(SocketAddr::from(([198, 51, 100, 1], 4711))));
    assert_eq!(reasons(Case { app, request }).counted, [("address".to_owned(), 1)]);
}

/// The layers of a stack, assembled by hand.
fn by_hand(store: Arc<MemoryStore>) -> Router {
    let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24"]).unwrap()).with_metrics("hooks");
    let verify = VerifyLayer::new(Verifier::new(providers::GITHUB, SECRET).unwrap()).with_metrics("hooks");
    let replay = ReplayLayer::new(store, "hooks").with_clock(|| NOW).with_metrics("hooks");
    Router::new().fallback(any(async || "handled")).layer((addresses, verify.with_clock(|| NOW), replay))
}

#[test]
fn layers_that_stand_alone_count_each_request_once_too() {
    let from = |ip: [u8; 4], mut request: Request<Bytes>| {
        request.extensions_mut().insert(PeerAddr(SocketAddr::from((ip, 4711))));
        request
    };
    let store = Arc::new(MemoryStore::new());
    for (code, request) in [
        ("address", from([198, 51, 100, 1], signed("{}")).map(Body::from)),
        ("missing_signature", from([192, 0, 2, 1], unsigned("{}")).map(Body::from)),
        ("accepted", from([192, 0, 2, 1], signed("{}")).map(Body::from)),
        ("replayed", from([192, 0, 2, 1], signed("{}")).map(Body::from)),
        ("replayed", from([192, 0, 2, 1], signed("{}")).map(|body| Wire::with_count([Step::Bytes(body)]).0)),
    ] {
        let reasons = reasons(Case { app: by_hand(Arc::clone(&store)), request });
        assert_eq!(reasons.counted, [(code.to_owned(), 1)]);
        assert_eq!(reasons.answer, Some(code).filter(|code| *code != "accepted"));
    }
}

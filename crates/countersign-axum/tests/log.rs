//! What the log says, and what it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{Router, body::Body, routing::post};
use countersign_axum::{
    AddressLayer, Stack, VerifyLayer, Webhook,
    countersign::{
        Signer, Verifier,
        address::{AddressList, AddressSet, ListFormat},
        providers,
        replay::MemoryStore,
    },
    countersign_tower::{AddressFeed, StackBuilder, replay::OperatorReplay},
};
use http::Request;
use serde::{Deserialize, de::IgnoredAny};
use tokio::time::timeout;
use tower::ServiceExt;

const SECRET: &str = "a-long-random-secret";

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

#[derive(Deserialize)]
struct Payment {
    #[expect(dead_code, reason = "it is there to be of another type than in the payload")]
    amount: u64,
}

async fn handle(_: Webhook<Payment>) {}

/// The lines that a signed delivery writes.
async fn log_of(app: Router, content_type: &str, body: &'static str) -> String {
    log_of_request(app, signed(content_type, body)).await
}

fn signed(content_type: &str, body: &'static str) -> Request<Body> {
    let request = Request::post("/").header("Content-Type", content_type).header("X-GitHub-Event", "paid");
    let signer = Signer::new(providers::GITHUB, SECRET).unwrap();
    signer.sign(request.body(body).unwrap(), SystemTime::now()).unwrap().map(Body::from)
}

async fn log_of_request(app: Router, request: Request<Body>) -> String {
    log_while(async move { drop(app.oneshot(request).await.unwrap()) }).await
}

async fn log_while(work: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    work.await;
    drop(guard);
    let lines = log.0.lock().unwrap().clone();
    String::from_utf8(lines).unwrap()
}

fn covered() -> Router {
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    Router::new().route("/", post(handle)).layer(VerifyLayer::new(verifier))
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_logged_with_its_path_and_without_its_value() {
    let log = log_of(covered(), "application/json", r#"{"amount": "4111 1111"}"#).await;
    for part in [
        "WARN countersign::payload:",
        "provider=\"github\"",
        "event_type=\"paid\"",
        "code=\"payload\"",
        "path=\"amount\"",
    ] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    assert!(!log.contains("4111"), "{log}");
}

#[tokio::test]
async fn another_media_type_is_logged() {
    let log = log_of(covered(), "text/csv", "amount\n12").await;
    for part in ["WARN countersign::payload:", "code=\"unsupported_media_type\"", "media_type=\"text/csv\""] {
        assert!(log.contains(part), "no {part} in {log}");
    }
}

#[tokio::test]
async fn a_missing_layer_is_logged_by_its_name() {
    let log = log_of(Router::new().route("/", post(|_: Webhook<IgnoredAny>| async {})), "application/json", "{}").await;
    assert!(log.contains("ERROR countersign:") && log.contains("`.layer(Stack::new(\"name\", verifier)?)`"), "{log}");
}

#[tokio::test]
async fn a_missing_peer_is_logged_with_what_to_do() {
    let layer = AddressLayer::new(AddressSet::parse(["0.0.0.0/0"]).unwrap());
    let log = log_of(covered().layer(layer), "application/json", "{}").await;
    let parts = [
        "ERROR countersign:",
        "path=\"/\"",
        "code=\"address\" status=500",
        "`PeerAddr`",
        "`AddressLayer::with_peer`",
        "connect_info",
    ];
    for part in parts {
        assert!(log.contains(part), "{part} is not in {log}");
    }
}

#[tokio::test]
async fn an_endpoint_within_nest_is_logged_under_one_path() {
    let stack = |name| Stack::new(name, Verifier::new(providers::GITHUB, SECRET).unwrap()).unwrap();
    let routes = || Router::new().route("/acme", post(async |_: Webhook<IgnoredAny>| {}));
    let nobody = || AddressLayer::new(AddressSet::default()).with_peer(|_| Some(([192, 0, 2, 1], 4711).into()));
    let dropbox = Stack::new("dropbox", Verifier::new(providers::DROPBOX, SECRET).unwrap()).unwrap();
    let to = |mut request: Request<Body>, uri: &str| {
        *request.uri_mut() = uri.parse().unwrap();
        request
    };
    let delivery = || to(signed("application/json", "{}"), "/hooks/acme?q");
    let by_operator = || {
        let mut request = delivery();
        request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
        request
    };
    let guarded = routes().layer(stack("guarded"));
    drop(Router::new().nest("/hooks", guarded.clone()).oneshot(delivery()).await.unwrap());
    let question = Request::get("/hooks/acme?challenge=abc").body(Body::empty()).unwrap();
    let cases = [
        (guarded.clone(), to(Request::post("/").body(Body::empty()).unwrap(), "/hooks/acme"), "missing_signature"),
        (guarded.clone(), delivery(), "replayed"),
        (guarded, by_operator(), "let through again"),
        (routes().layer(stack("inner")).layer(stack("outer")), delivery(), "verified twice"),
        (routes().layer(dropbox), question, "answered a handshake"),
        (routes().layer(nobody()), delivery(), "\"address\""),
        (routes().layer(AddressLayer::new(AddressSet::default())), delivery(), "no peer is known"),
        (routes(), delivery(), "no `Stack` or `VerifyLayer`"),
    ];
    for (routes, request, told) in cases {
        let log = log_of_request(Router::new().nest("/hooks", routes), request).await;
        let line = log.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("no {told} in {log}"));
        assert!(line.contains("path=\"/hooks/acme\""), "{line}");
    }
}

#[tokio::test]
async fn a_refusal_of_a_stack_is_logged_with_the_name_of_its_endpoint() {
    let stack = || Stack::builder("hooks", Verifier::new(providers::GITHUB, SECRET).unwrap());
    let app = |stack: StackBuilder<Verifier>| {
        Router::new().route("/", post(async |_: Webhook<IgnoredAny>| {})).layer(stack.build().unwrap())
    };
    let nobody = AddressLayer::new(AddressSet::default()).with_peer(|_| Some(([192, 0, 2, 1], 4711).into()));
    let full = stack().with_store(MemoryStore::with_capacity(0)).build().unwrap();
    let full = Router::new().route("/", post(async |_: Webhook<IgnoredAny>| {})).layer(full);
    let unsigned = Request::post("/").body(Body::empty()).unwrap();
    let signed = || signed("application/json", "{}");
    for (app, request, told) in [
        (
            app(stack()),
            unsigned,
            "refused endpoint=\"hooks\" provider=\"github\" path=\"/\" code=\"missing_signature\"",
        ),
        (
            app(stack().with_addresses(nobody)),
            signed(),
            "refused endpoint=\"hooks\" path=\"/\" peer=192.0.2.1:4711 code=\"address\"",
        ),
        (
            full.clone(),
            signed(),
            "refused endpoint=\"hooks\" provider=\"github\" path=\"/\" code=\"store_unavailable\"",
        ),
        (full, signed(), "the replay store failed endpoint=\"hooks\" operation=\"claim\" error="),
    ] {
        let log = log_of_request(app, request).await;
        assert!(log.contains(told), "no {told} in {log}");
    }
}

#[tokio::test]
async fn the_operator_of_a_replay_is_logged_by_name() {
    let stack = Stack::new("hooks", Verifier::new(providers::GITHUB, SECRET).unwrap()).unwrap();
    let app = Router::new().route("/", post(async || {})).layer(stack);
    let by_operator = || {
        let mut request = signed("application/json", "{}");
        request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
        request
    };
    let first = log_of_request(app.clone(), by_operator()).await;
    assert!(!first.contains("alice"), "it was handled for the first time: {first}");
    let again = log_of_request(app, by_operator()).await;
    for part in [
        "WARN countersign:",
        "endpoint=\"hooks\" provider=\"github\"",
        "path=\"/\"",
        "by=\"alice\"",
        "let through again",
    ] {
        assert!(again.contains(part), "no {part} in {again}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_list_of_addresses_is_logged_with_its_length_and_age() {
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let list = AddressList::read(ListFormat::Lines, b"203.0.113.0/24\n", an_hour_ago.into()).unwrap();
    let feed = AddressFeed::new(list, AddressSet::default());
    let mut answers = [Err("the source is down"), Ok("203.0.113.0/24\n192.0.2.0/24\n")].into_iter();
    let fetch = move || std::future::ready(answers.next().unwrap_or(Err("no more")));
    let day = Duration::from_secs(86_400);
    let log = log_while(async { assert!(timeout(day * 5 / 2, feed.refresh(day, fetch)).await.is_err()) }).await;
    let lines: Vec<_> = log.lines().collect();
    let [failed, taken] = lines[..] else { panic!("{log}") };
    for part in ["ERROR countersign:", "error=the source is down", "ranges=1", "the last good copy stays"] {
        assert!(failed.contains(part), "no {part} in {failed}");
    }
    let age = failed.split_once("age=").unwrap().1;
    assert!(age.parse::<u64>().unwrap() >= 3600, "{failed}");
    for part in ["INFO countersign:", "ranges=2", "took a new list"] {
        assert!(taken.contains(part), "no {part} in {taken}");
    }
}

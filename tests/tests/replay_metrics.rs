//! Metrics of failures after the verdict, whether or not the client is still connected.

use std::{
    future::{Ready, pending, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::any};
use bytes::Bytes;
use countersign::{
    ReplayKey, ReplayStore, Signer, Timestamp, Verifier, providers,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_tests::{
    app::{Step, Wire},
    endpoint::NOW,
};
use countersign_tower::{
    Stack, StackBuilder, VerifiedBody,
    metrics::{BODY_BYTES, CLAIMS, HANDLER_SECONDS, STORE_ERRORS, VERDICTS, VERIFY_SECONDS},
};
use http::{Request, Response};
use http_body_util::Full;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::{sleep, timeout};
use tower::{Layer as _, Service, ServiceExt, service_fn};

const SECRET: &str = "a-long-random-secret";

/// The store in memory, whose releases fail.
struct FailsToRelease {
    store: MemoryStore,
    /// The delay before they fail.
    after: Duration,
}

impl ReplayStore for FailsToRelease {
    type Error = io::Error;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, io::Error> {
        self.store.claim_at(key, lease_for, now).map_err(io::Error::other)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, io::Error> {
        Ok(self.store.commit_at(lease, keep_for, now))
    }

    async fn release(&self, _: Lease, _: Timestamp) -> Result<Settlement, io::Error> {
        if !self.after.is_zero() {
            sleep(self.after).await;
        }
        Err(io::Error::other("down"))
    }
}

fn failing_after(after: Duration) -> StackBuilder<Verifier, FailsToRelease> {
    stack().with_store(FailsToRelease { store: MemoryStore::new(), after }).with_clock(|| NOW)
}

fn stack() -> StackBuilder<Verifier> {
    Stack::builder("hooks", Verifier::new(providers::GITHUB, SECRET).unwrap())
}

fn signed(body: String) -> Request<Body> {
    let request = Request::post("/hooks").body(Bytes::from(body)).unwrap();
    Signer::new(providers::GITHUB, SECRET).unwrap().sign(request, NOW).unwrap().map(Body::from)
}

/// Disconnects so many clients while their deliveries are handled.
async fn dropped(stack: StackBuilder<Verifier, FailsToRelease>, count: usize) {
    let app = Router::new().fallback(any(async || pending::<&str>().await)).layer(stack.build().unwrap());
    let clients: Vec<_> =
        (0..count).map(|number| tokio::spawn(app.clone().oneshot(signed(number.to_string())))).collect();
    sleep(Duration::from_secs(1)).await;
    for client in &clients {
        client.abort();
    }
    // Longer than the store's timeout.
    sleep(Duration::from_secs(5)).await;
}

/// The values of the metric of this name, by the label that is not the endpoint's. The value of a histogram is its
/// count.
fn counted(name: &str, work: impl Future<Output = ()>) -> Vec<(String, u64)> {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    let series = recorder.snapshotter().snapshot().into_vec().into_iter();
    let series = series.filter(|(key, ..)| key.key().name() == name).map(|(key, _, _, value)| {
        let label =
            key.key().labels().find(|label| label.key() != "endpoint").map_or("", |label| label.value()).to_owned();
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(samples) => samples.len() as u64,
            DebugValue::Gauge(_) => panic!("{value:?}"),
        };
        (label, count)
    });
    let mut series: Vec<_> = series.collect();
    series.sort();
    series
}

#[test]
fn the_release_of_a_dropped_request_is_counted_if_it_fails() {
    // At once, later, and too late.
    for after in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3)] {
        let errors = counted(STORE_ERRORS, dropped(failing_after(after), 3));
        assert_eq!(errors, [("release".to_owned(), 3)], "{after:?}");
    }
}

#[test]
fn releases_beyond_the_limit_are_counted() {
    let errors = counted(STORE_ERRORS, dropped(failing_after(Duration::from_secs(1)), 1100));
    assert_eq!(errors, [("release".to_owned(), 1100)]);
}

#[test]
fn a_lease_that_expires_before_its_commit_is_counted() {
    let late = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&late);
    let stack =
        stack().with_clock(move || Timestamp::from_unix_seconds(NOW.unix_seconds() + clock.load(Ordering::SeqCst)));
    let handler = async move || {
        late.store(61, Ordering::SeqCst);
        "handled"
    };
    let app = Router::new().fallback(any(handler)).layer(stack.build().unwrap());
    let claims = counted(CLAIMS, async move {
        let answer = timeout(Duration::from_secs(1), app.oneshot(signed("{}".to_owned()))).await.unwrap().unwrap();
        assert_eq!(answer.status(), 503);
    });
    assert_eq!(claims, [("fresh".to_owned(), 1), ("lapsed".to_owned(), 1)]);
}

/// Sends each body to a handler that does what the body says.
async fn handled(stack: StackBuilder<Verifier>, bodies: impl IntoIterator<Item = &'static str>) {
    let handler = service_fn(async |request: Request<VerifiedBody>| match &request.into_body().into_bytes()[..] {
        b"fails" => Err(io::Error::other("down")),
        b"hangs" => pending().await,
        b"panics" => panic!("the handler panics"),
        status => Ok(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap()),
    });
    let service = stack.with_clock(|| NOW).build().unwrap().layer(handler);
    for body in bodies {
        let _ = tokio::spawn(service.clone().oneshot(signed(body.to_owned()))).await;
    }
}

#[test]
fn each_handler_call_is_timed_by_its_outcome() {
    let of = |name: &str, count: u64| (name.to_owned(), count);
    let guarded = handled(stack(), ["200", "299", "199", "300", "500", "fails", "hangs", "panics"]);
    let seconds = counted(HANDLER_SECONDS, guarded);
    assert_eq!(seconds, [of("failure", 4), of("panic", 1), of("success", 2), of("timeout", 1)]);

    let bodies = ["200", "299", "199", "300", "500", "fails", "panics"];
    let open = handled(stack().dangerous_accept_replays_for_ever(), bodies);
    assert_eq!(counted(HANDLER_SECONDS, open), [of("failure", 4), of("panic", 1), of("success", 2)]);
}

#[test]
fn each_verified_body_is_measured_whether_or_not_it_arrived_at_once() {
    for series in [BODY_BYTES, VERIFY_SECONDS] {
        let app = Router::new().fallback(any(async || "handled")).layer(stack().with_clock(|| NOW).build().unwrap());
        let measured = counted(series, async move {
            let slowly = |request: Request<Body>, body| {
                let steps = [Step::Wait(Duration::from_secs(1)), Step::Bytes(Bytes::from_static(body))];
                request.map(|_| Wire::with_count(steps).0)
            };
            let forged = slowly(signed("3".to_owned()), b"4");
            for request in [signed("1".to_owned()), slowly(signed("2".to_owned()), b"2"), forged] {
                app.clone().oneshot(request).await.unwrap();
            }
        });
        assert_eq!(measured, [(String::new(), 2)], "{series}");
    }
}

#[test]
fn clients_that_went_away_and_handlers_that_panicked_are_told_apart() {
    let verdicts = counted(VERDICTS, async {
        dropped(failing_after(Duration::ZERO), 3).await;
        handled(stack(), ["panics"]).await;
    });
    assert_eq!(verdicts, [("dropped".to_owned(), 3), ("panicked".to_owned(), 1)]);
}

/// Becomes ready only once, for all its clones together.
#[derive(Clone, Default)]
struct ReadyOnce(Arc<AtomicI64>);

impl Service<Request<VerifiedBody>> for ReadyOnce {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let was_ready = self.0.fetch_add(1, Ordering::SeqCst) > 0;
        Poll::Ready(if was_ready { Err(io::Error::other("gone")) } else { Ok(()) })
    }

    fn call(&mut self, _: Request<VerifiedBody>) -> Self::Future {
        ready(Ok(Response::default()))
    }
}

#[test]
fn a_service_that_fails_to_become_ready_does_not_count_as_a_disconnected_client() {
    let service = stack().with_clock(|| NOW).build().unwrap().layer(ReadyOnce::default());
    let request = signed("{}".to_owned()).map(|_| {
        let bytes = Step::Bytes(Bytes::from_static(b"{}"));
        Wire::with_count([Step::Wait(Duration::from_secs(1)), bytes]).0
    });
    let verdicts = counted(VERDICTS, async move { drop(service.oneshot(request).await.unwrap_err()) });
    assert_eq!(verdicts, [("accepted".to_owned(), 1)]);
}

//! Faults under load: a store that fails, a clock that steps, secrets that rotate.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use countersign::{
    Key, Rejection, ReplayKey, ReplayStore, Secret, Signer, Timestamp, Verifier, providers,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_tests::endpoint::NOW;
use countersign_tower::{KeyResolver, Keys, Stack, TenantKeys, VerifiedBody};
use http::{Request, Response, request::Parts};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

type Endpoint = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

const SECRET: &str = "a-long-random-secret";

/// How often each event was handled, or accepted.
#[derive(Clone, Default)]
struct Handled(Arc<Mutex<HashMap<Bytes, usize>>>);

impl Handled {
    fn of(&self, body: &Bytes) -> usize {
        self.0.lock().unwrap().get(body).copied().unwrap_or(0)
    }

    fn count(&self, body: &Bytes) {
        *self.0.lock().unwrap().entry(body.clone()).or_default() += 1;
    }
}

/// The layers with this store and clock, around a handler that takes a moment.
fn app<St: ReplayStore>(keys: impl Keys, store: St, clock: &Arc<AtomicI64>, handled: &Handled) -> Endpoint {
    let handled = handled.clone();
    let handler = service_fn(move |request: Request<VerifiedBody>| {
        let handled = handled.clone();
        async move {
            tokio::task::yield_now().await;
            handled.count(&request.into_body().into_bytes());
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let clock = Arc::clone(clock);
    let now = move || Timestamp::from_unix_seconds(clock.load(Ordering::SeqCst));
    let stack = Stack::builder("hooks", keys).with_store(store).with_store_timeout(Duration::from_millis(20));
    BoxCloneSyncService::new(stack.with_clock(now).build().unwrap().layer(handler))
}

fn clock() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(NOW.unix_seconds()))
}

fn verifier() -> Verifier {
    Verifier::new(providers::GITHUB, SECRET).unwrap()
}

fn signed(secret: &str, body: &Bytes) -> Request<Full<Bytes>> {
    let request = Request::post("/hooks").body(body.clone()).unwrap();
    Signer::new(providers::GITHUB, secret).unwrap().sign(request, NOW).unwrap().map(Full::new)
}

/// The status of the answer, and the code of the refusal.
async fn send(app: &Endpoint, secret: &str, body: &Bytes) -> (u16, &'static str) {
    let Ok(response) = app.clone().oneshot(signed(secret, body)).await;
    (response.status().as_u16(), response.extensions().get().map_or("", Rejection::code))
}

fn event(task: usize, at: usize) -> Bytes {
    format!("{{\"task\":{task},\"at\":{at}}}").into()
}

/// A store behind a line that fails and hangs, and the order of the calls to it.
#[derive(Clone, Default)]
struct Line {
    store: Arc<MemoryStore>,
    /// A counter: modulo 4, a call fails at 1 and hangs at 3.
    faults: Arc<AtomicU64>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is cut")
    }
}

impl std::error::Error for Cut {}

impl Line {
    async fn call(&self, name: &'static str) -> Result<(), Cut> {
        self.calls.lock().unwrap().push(name);
        match self.faults.load(Ordering::SeqCst) % 4 {
            1 => Err(Cut),
            3 => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

impl ReplayStore for Line {
    type Error = Cut;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, Cut> {
        self.call("claim").await?;
        self.store.claim_at(key, lease_for, now).map_err(|_| Cut)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, Cut> {
        self.call("commit").await?;
        Ok(self.store.commit_at(lease, keep_for, now))
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, Cut> {
        self.call("release").await?;
        Ok(self.store.release_at(lease, now))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d8_a_store_that_fails_and_hangs_under_load_loses_no_event_and_lets_no_replay_through() {
    let (line, clock, handled) = (Line::default(), clock(), Handled::default());
    let app = app(verifier(), line.clone(), &clock, &handled);
    let over = Arc::new(AtomicBool::new(false));
    let (faults, ended, time) = (Arc::clone(&line.faults), Arc::clone(&over), Arc::clone(&clock));
    let storm = tokio::spawn(async move {
        while !ended.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(30)).await;
            faults.fetch_add(1, Ordering::SeqCst);
            // So that the leases of handlers whose end could not be recorded expire.
            time.fetch_add(30, Ordering::SeqCst);
        }
    });
    let unavailable = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..8)
        .map(|task| {
            let (app, handled, unavailable) = (app.clone(), handled.clone(), Arc::clone(&unavailable));
            tokio::spawn(async move {
                for at in 0..150 {
                    let body = event(task, at);
                    // Retries until the answer is a 2xx, as a provider does.
                    loop {
                        match send(&app, SECRET, &body).await {
                            (200, _) => break,
                            (503 | 409, "store_unavailable" | "in_progress") => {
                                unavailable.fetch_add(1, Ordering::SeqCst)
                            }
                            other => panic!("{other:?}"),
                        };
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    let before = handled.of(&body);
                    assert!(before >= 1, "an event was acknowledged and not handled");
                    let again = send(&app, SECRET, &body).await;
                    assert!([(200, "replayed"), (503, "store_unavailable")].contains(&again), "{again:?}");
                    assert_eq!(handled.of(&body), before, "an acknowledged event was handled again");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    storm.await.unwrap();
    assert!(unavailable.load(Ordering::SeqCst) > 0, "the store never failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c6_a_clock_that_steps_under_load_has_nothing_accepted_twice() {
    let (clock, handled, accepted) = (clock(), Handled::default(), Handled::default());
    let app = app(verifier(), MemoryStore::new(), &clock, &handled);
    let over = Arc::new(AtomicBool::new(false));
    let (time, ended) = (Arc::clone(&clock), Arc::clone(&over));
    let steps = tokio::spawn(async move {
        while !ended.load(Ordering::SeqCst) {
            for step in [-3600, 3600, -1, 1, -86_400, 86_400] {
                time.fetch_add(step, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let senders: Vec<_> = (0..8)
        .map(|task| {
            let (app, accepted) = (app.clone(), accepted.clone());
            tokio::spawn(async move {
                for at in 0..500 {
                    // Two tasks send each event.
                    let body = event(task / 2, at);
                    let code = loop {
                        match send(&app, SECRET, &body).await {
                            (200, code) => break code,
                            _ => tokio::task::yield_now().await,
                        }
                    };
                    if code != "replayed" {
                        accepted.count(&body);
                    }
                    for _ in 0..3 {
                        assert_eq!(send(&app, SECRET, &body).await, (200, "replayed"));
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    steps.await.unwrap();
    for body in (0..4).flat_map(|task| (0..500).map(move |at| event(task, at))) {
        // When the clock ends a lease, an event can be handled a second time meanwhile. The first time is then not a
        // success.
        assert_eq!(accepted.of(&body), 1, "{body:?}");
        let before = handled.of(&body);
        assert_eq!(send(&app, SECRET, &body).await, (200, "replayed"));
        assert_eq!(handled.of(&body), before, "an acknowledged event was handled again");
    }
}

/// The current secrets: that of this generation, of the one before it, and of the next one.
#[derive(Clone)]
struct Rotating(Arc<AtomicU64>);

fn secret(generation: u64) -> String {
    format!("the-secret-of-generation-{generation}")
}

impl KeyResolver for Rotating {
    type Tenant = ();
    type Error = Infallible;

    fn tenant(&self, _: &Parts) -> Option<()> {
        Some(())
    }

    async fn verifier(&self, (): &()) -> Result<Option<Verifier>, Infallible> {
        let generation = self.0.load(Ordering::SeqCst);
        let key = |name: &str, generation| Key::new(name, Secret::new(secret(generation)).unwrap());
        let keys = Verifier::builder(providers::GITHUB).key(key("current", generation));
        let keys = keys.key(key("previous", generation - 1)).key(key("next", generation + 1));
        Ok(Some(keys.build().unwrap()))
    }
}

/// Waits until every sender has begun and ended a delivery. A delivery that takes longer than two rotations is rightly
/// refused.
async fn all_have_gone_on(sent: &[AtomicU64; 4]) {
    let before = sent.each_ref().map(|sent| sent.load(Ordering::SeqCst));
    let has_gone_on = |(sent, before): (&AtomicU64, u64)| {
        let sent = sent.load(Ordering::SeqCst);
        sent >= 1000 || sent >= before + 2
    };
    // The first sender is the caller.
    while !sent.iter().zip(before).skip(1).all(has_gone_on) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d9_secrets_that_rotate_under_load_open_no_gap() {
    let (rotating, handled) = (Rotating(Arc::new(AtomicU64::new(1))), Handled::default());
    let keys = TenantKeys::new(rotating.clone()).with_time_to_live(Duration::from_millis(1));
    let app = app(keys, MemoryStore::new(), &clock(), &handled);
    let over = Arc::new(AtomicBool::new(false));
    let forgers: Vec<_> = (0..2)
        .map(|task| {
            let (app, over) = (app.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut count = 0;
                while !over.load(Ordering::SeqCst) {
                    let forged = send(&app, "the-secret-of-nobody", &event(100 + task, count)).await;
                    assert_eq!(forged, (401, "signature"));
                    count += 1;
                }
                count
            })
        })
        .collect();
    let sent: Arc<[AtomicU64; 4]> = Arc::default();
    let senders: Vec<_> = (0..4)
        .map(|task| {
            let (app, rotating, sent) = (app.clone(), rotating.clone(), Arc::clone(&sent));
            tokio::spawn(async move {
                for at in 0..1000 {
                    // This generation may become the one before while the request is in flight, and a cache may still
                    // see it as the next one.
                    let generation = rotating.0.load(Ordering::SeqCst);
                    let answer = send(&app, &secret(generation), &event(task, at)).await;
                    assert_eq!(answer, (200, ""), "generation {generation}");
                    sent[task].fetch_add(1, Ordering::SeqCst);
                    if task == 0 && at % 20 == 19 {
                        all_have_gone_on(&sent).await;
                        rotating.0.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    for forger in forgers {
        assert!(forger.await.unwrap() > 0);
    }
    assert_eq!(handled.0.lock().unwrap().len(), 4000);
    // A secret that is two generations old is refused.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let old = send(&app, &secret(rotating.0.load(Ordering::SeqCst) - 2), &event(9, 9)).await;
    assert_eq!(old, (401, "signature"));
}

#[tokio::test]
async fn d5_what_was_handled_before_the_secret_changed_is_a_replay_behind_it() {
    let (store, handled) = (Arc::new(MemoryStore::new()), Handled::default());
    let before = app(verifier(), Arc::clone(&store), &clock(), &handled);
    let after = Verifier::new(providers::GITHUB, "the-next-random-secret").unwrap();
    let after = app(after, store, &clock(), &handled);
    let body = event(0, 0);
    assert_eq!(send(&before, SECRET, &body).await, (200, ""));
    assert_eq!(send(&after, "the-next-random-secret", &body).await, (200, "replayed"));
    assert_eq!(send(&after, SECRET, &body).await, (401, "signature"));
    assert_eq!(handled.of(&body), 1);
}

#[tokio::test]
async fn d7_nothing_behind_the_layer_happens_for_a_replay() {
    let (line, handled) = (Line::default(), Handled::default());
    let app = app(verifier(), line.clone(), &clock(), &handled);
    let body = event(0, 0);
    assert_eq!(send(&app, "the-secret-of-nobody", &body).await, (401, "signature"));
    assert!(line.calls.lock().unwrap().is_empty(), "a forged request reached the store");
    assert_eq!(send(&app, SECRET, &body).await, (200, ""));
    assert_eq!(send(&app, SECRET, &body).await, (200, "replayed"));
    assert_eq!(*line.calls.lock().unwrap(), ["claim", "commit", "claim"]);
    assert_eq!(handled.of(&body), 1);
}

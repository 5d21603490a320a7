//! Every store against a simple model of the contract, with any sequence of calls and a clock that may step back.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, MemoryStore, Settlement},
};
use countersign_store::replay::{
    LayeredReplayStore, PostgresReplayStore, RedisReplayStore, SqliteReplayStore, postgres::PostgresOptions,
    redis::RedisOptions,
};
use countersign_tests::{
    replay::key,
    replay_faults::PATIENT,
    servers::{PostgresServer, RedisCluster, RedisServer},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{TestError, TestRunner},
};
use tokio::runtime::Runtime;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + millis)
}

/// A step: a call, or time that passes.
#[derive(Clone, Debug)]
enum Ask {
    Claim { key: usize, lease: u64 },
    Commit { lease: Index, keep: u64 },
    Release { lease: Index },
    Pass { millis: i64 },
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (0..EVENTS, 1..3000_u64).prop_map(|(key, lease)| Ask::Claim { key, lease }),
        2 => (any::<Index>(), 0..5000_u64).prop_map(|(lease, keep)| Ask::Commit { lease, keep }),
        1 => any::<Index>().prop_map(|lease| Ask::Release { lease }),
        2 => (-1000..3000_i64).prop_map(|millis| Ask::Pass { millis }),
    ]
}

/// The state of an event in the model.
#[derive(Clone, Copy, Debug)]
struct Known {
    until: i64,
    /// `None` if it is done.
    fence: Option<u64>,
}

/// A simple model of the contract.
#[derive(Default)]
struct Model {
    events: HashMap<ReplayKey, Known>,
    now: i64,
    /// The latest `now` of any call. The store may have forgotten what expired before it.
    latest: i64,
}

impl Model {
    /// The state of an event, and whether the store may have forgotten it because the clock stepped back after it
    /// expired.
    fn look(&self, key: ReplayKey) -> Option<(Known, bool)> {
        let known = *self.events.get(&key)?;
        (known.until > self.now).then_some((known, known.until <= self.latest))
    }

    /// Checks an answer. `None` means that the store is full.
    fn check_claim(&mut self, key: ReplayKey, lease: u64, answer: Option<&Claim>) {
        let known = self.look(key);
        match (answer, known) {
            (Some(Claim::Fresh(given)), None | Some((_, true))) => {
                let until = self.now + i64::try_from(lease).unwrap();
                self.events.insert(key, Known { until, fence: Some(given.fence()) });
            }
            (Some(Claim::InProgress), Some((Known { fence: Some(_), .. }, _)))
            | (Some(Claim::Done), Some((Known { fence: None, .. }, _)))
            | (None, None | Some((_, true))) => {}
            _ => panic!("{answer:?} for {known:?} at {}", self.now),
        }
    }

    fn live(&self) -> usize {
        self.events.values().filter(|known| known.until > self.now).count()
    }

    /// Checks a settlement. `keep` is `None` for a release.
    fn check_settlement(&mut self, lease: (ReplayKey, u64), keep: Option<u64>, settlement: Settlement) {
        let (key, fence) = lease;
        let known = self.look(key).filter(|(known, _)| known.fence == Some(fence));
        match (settlement, known, keep) {
            (Settlement::Settled, Some(_), Some(keep)) => {
                let until = self.now + i64::try_from(keep).unwrap();
                self.events.insert(key, Known { until, fence: None });
            }
            (Settlement::Settled, Some(_), None) => drop(self.events.remove(&key)),
            (Settlement::Lapsed, None | Some((_, true)), _) => {}
            _ => panic!("{settlement:?} for {known:?} at {}", self.now),
        }
    }
}

/// Runs the steps on a store and the model. The store may refuse claims only if it is full.
async fn holds<S: ReplayStore>(store: &S, capacity: Option<usize>, asks: Vec<Ask>) {
    static CASES: AtomicUsize = AtomicUsize::new(0);
    // The stores on servers still have the events of earlier cases.
    let case = format!("case {}", CASES.fetch_add(1, Ordering::Relaxed));
    let keys: Vec<_> = (0..EVENTS).map(|event| key(&case, &event.to_string())).collect();
    let (mut model, mut leases) = (Model::default(), Vec::new());
    for ask in asks {
        let now = at(model.now);
        match ask {
            Ask::Pass { millis } => model.now += millis,
            Ask::Claim { key, lease } => {
                let answer = store.claim(keys[key], Duration::from_millis(lease), now).await;
                model.check_claim(keys[key], lease, answer.as_ref().ok());
                match answer {
                    Ok(Claim::Fresh(lease)) => leases.push(lease),
                    Ok(_) => {}
                    Err(error) => assert!(capacity.is_some_and(|most| model.live() >= most), "{error}"),
                }
            }
            Ask::Commit { .. } | Ask::Release { .. } if leases.is_empty() => {}
            Ask::Commit { lease, keep } => {
                let lease = leases.swap_remove(lease.index(leases.len()));
                let name = (lease.key(), lease.fence());
                let settlement = store.commit(lease, Duration::from_millis(keep), now).await;
                model.check_settlement(name, Some(keep), settlement.unwrap());
            }
            Ask::Release { lease } => {
                let lease = leases.swap_remove(lease.index(leases.len()));
                let name = (lease.key(), lease.fence());
                model.check_settlement(name, None, store.release(lease, now).await.unwrap());
            }
        }
        model.latest = model.latest.max(model.now);
    }
}

const EVENTS: usize = 12;

/// Runs so many cases.
fn check(cases: u32, mut case: impl FnMut(Vec<Ask>)) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let case = std::cell::RefCell::new(&mut case);
    let outcome = TestRunner::new(config).run(&vec(ask(), 1..150), |asks| {
        (case.borrow_mut())(asks);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, asks)) => panic!("{reason}, at the end of {asks:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// As [`check`], on one store, in which every case has its own events.
fn check_on<S: ReplayStore>(runtime: &Runtime, cases: u32, store: &S) {
    check(cases, |asks| runtime.block_on(holds(store, None, asks)));
}

#[test]
fn the_store_in_memory_does_what_the_model_does() {
    let runtime = runtime();
    check(2000, |asks| runtime.block_on(holds(&MemoryStore::with_capacity(8), Some(8), asks)));
    check_on(&runtime, 500, &MemoryStore::new());
}

#[test]
fn the_store_in_sqlite_does_what_the_model_does() {
    let runtime = runtime();
    check_on(&runtime, 300, &SqliteReplayStore::in_memory().unwrap());
    check_on(&runtime, 300, &LayeredReplayStore::new(SqliteReplayStore::in_memory().unwrap()));
}

#[test]
fn the_store_in_redis_does_what_the_model_does() {
    let runtime = runtime();
    // Durability does not matter here.
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let connect = |url: String| async move {
        RedisReplayStore::connect_with(RedisOptions::new(url).unwrap().with_timeout(PATIENT)).await.unwrap()
    };
    let store = runtime.block_on(connect(server.url()));
    check_on(&runtime, 200, &store);
    check_on(&runtime, 50, &LayeredReplayStore::new(store));
    let cluster = RedisCluster::start();
    let store = runtime.block_on(connect(cluster.nodes()[0].url()));
    check_on(&runtime, 30, &store);
}

#[test]
fn the_store_in_postgres_does_what_the_model_does() {
    let runtime = runtime();
    let server = PostgresServer::start();
    server.psql("postgres", "ALTER SYSTEM SET fsync = off");
    server.psql("postgres", "SELECT pg_reload_conf()");
    let options = PostgresOptions::new(server.url("postgres")).unwrap().with_timeout(PATIENT);
    let store = runtime.block_on(PostgresReplayStore::connect_with(options)).unwrap();
    check_on(&runtime, 100, &store);
}

//! The layered store: a cache in memory in front of a shared store.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_store::replay::{
    LayeredReplayStore, PostgresReplayStore, RedisReplayStore, SqliteReplayStore, postgres::PostgresOptions,
    redis::RedisOptions,
};
use countersign_tests::{
    replay::key,
    replay_conformance, replay_faults as faults,
    servers::{Alternating, PostgresServer, Proxy, RedisServer, postgres_url},
};

/// Two processes, each with its cache, and their shared store.
fn open_two() -> Alternating<LayeredReplayStore<Arc<MemoryStore>>> {
    let shared = Arc::new(MemoryStore::new());
    let layered = || LayeredReplayStore::new(Arc::clone(&shared));
    Alternating::new(layered(), layered())
}

replay_conformance!(layered, async { LayeredReplayStore::new(SqliteReplayStore::in_memory().unwrap()) });
replay_conformance!(two_processes, async { open_two() });
replay_conformance!(without_room, async { LayeredReplayStore::with_copies(MemoryStore::new(), 0) });

/// A store that counts its calls.
#[derive(Debug, Default)]
struct Counting {
    store: MemoryStore,
    claims: AtomicUsize,
}

impl ReplayStore for Counting {
    type Error = countersign::replay::Full;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, Self::Error> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.store.claim_at(key, lease_for, now)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, Self::Error> {
        Ok(self.store.commit_at(lease, keep_for, now))
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, Self::Error> {
        Ok(self.store.release_at(lease, now))
    }
}

#[test]
fn only_events_committed_here_are_answered_from_the_cache_while_they_are_kept() {
    faults::run(async {
        let at = |seconds: i64| Timestamp::from_unix_seconds(1_767_225_600 + seconds);
        let (lease_for, keep_for) = (Duration::from_secs(30), Duration::from_secs(60));
        let store = LayeredReplayStore::new(Counting::default());
        let asked = || store.shared().claims.load(Ordering::Relaxed);
        let event = key("copies", "event");

        let Ok(Claim::Fresh(lease)) = store.claim(event, lease_for, at(0)).await else { panic!("not fresh") };
        assert!(matches!(store.claim(event, lease_for, at(1)).await, Ok(Claim::InProgress)));
        assert_eq!((asked(), store.copies()), (2, 0), "what is in progress is asked for");

        assert_eq!(store.commit(lease, keep_for, at(2)).await.unwrap(), Settlement::Settled);
        for seconds in [2, -1000, 61] {
            assert!(matches!(store.claim(event, lease_for, at(seconds)).await, Ok(Claim::Done)));
        }
        assert_eq!((asked(), store.copies()), (2, 1), "what is done is not");

        let Ok(Claim::Fresh(late)) = store.claim(event, lease_for, at(62)).await else { panic!("not fresh") };
        assert_eq!(asked(), 3, "what is over is asked for");
        assert_eq!(store.commit(late, keep_for, at(92)).await.unwrap(), Settlement::Lapsed);
        assert!(
            matches!(store.claim(event, lease_for, at(92)).await, Ok(Claim::Fresh(_))),
            "no copy of what was not settled"
        );
    });
}

async fn redis(address: SocketAddr, timeout: Duration) -> RedisReplayStore {
    let options = RedisOptions::new(format!("redis://{address}")).unwrap().with_timeout(timeout);
    RedisReplayStore::connect_with(options).await.unwrap()
}

async fn postgres(address: SocketAddr, timeout: Duration) -> PostgresReplayStore {
    let options = PostgresOptions::new(postgres_url(address, "postgres")).unwrap().with_timeout(timeout);
    PostgresReplayStore::connect_with(options).await.unwrap()
}

#[test]
fn a_call_whose_answer_from_the_shared_store_is_lost_is_repeated() {
    faults::run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let store = LayeredReplayStore::new(redis(proxy.address(), faults::PATIENT).await);
        faults::a_lost_answer_is_asked_for_again(&store, &proxy).await;
    });
}

#[test]
fn a_failed_network_to_the_shared_store_gives_errors_until_it_works_again() {
    faults::run(async {
        let (redis_server, postgres_server) = (RedisServer::start(), PostgresServer::start());
        let (one, other) = (Proxy::to(redis_server.address()).await, Proxy::to(postgres_server.address()).await);
        let redis = LayeredReplayStore::new(redis(one.address(), faults::IMPATIENT).await);
        let postgres = LayeredReplayStore::new(postgres(other.address(), faults::IMPATIENT).await);
        tokio::join!(faults::a_network_that_fails(&redis, &one), faults::a_network_that_fails(&postgres, &other));
    });
}

#[test]
fn a_paused_shared_store_gives_errors_until_it_works_again() {
    faults::run(async {
        let (mut redis_server, mut postgres_server) = (RedisServer::start(), PostgresServer::start());
        let one = LayeredReplayStore::new(redis(redis_server.address(), faults::IMPATIENT).await);
        let other = LayeredReplayStore::new(postgres(postgres_server.address(), faults::IMPATIENT).await);
        tokio::join!(
            faults::a_server_that_is_paused(&one, redis_server.process()),
            faults::a_server_that_is_paused(&other, postgres_server.process()),
        );
    });
}

/// The cache and the shared store must give the same answers.
#[test]
fn a_shared_redis_that_is_killed_mid_call_agrees_with_the_cache() {
    faults::run(async {
        let mut server = RedisServer::start();
        let store = Arc::new(LayeredReplayStore::new(redis(server.address(), faults::PATIENT).await));
        let mut said = faults::a_server_that_is_killed(Arc::clone(&store), || server.restart()).await;
        assert!(store.copies() >= said.committed().len(), "what was committed is copied");
        said.is_true(store.shared()).await;
        said.is_true(&redis(server.address(), faults::PATIENT).await).await;
    });
}

#[test]
fn a_shared_postgres_that_is_killed_mid_call_agrees_with_the_cache() {
    faults::run(async {
        let mut server = PostgresServer::start();
        let store = Arc::new(LayeredReplayStore::new(postgres(server.address(), faults::PATIENT).await));
        let mut said = faults::a_server_that_is_killed(Arc::clone(&store), || server.restart()).await;
        assert!(store.copies() >= said.committed().len(), "what was committed is copied");
        said.is_true(store.shared()).await;
        said.is_true(&postgres(server.address(), faults::PATIENT).await).await;
    });
}

#[test]
fn while_the_shared_store_is_down_only_events_committed_here_are_done() {
    faults::run(async {
        let at = |seconds: i64| Timestamp::from_unix_seconds(1_767_225_600 + seconds);
        let (lease_for, keep_for) = (Duration::from_secs(30), Duration::from_secs(86_400));
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let store = LayeredReplayStore::new(redis(proxy.address(), faults::IMPATIENT).await);
        let others = redis(server.address(), faults::PATIENT).await;
        let [here, unheard, unknown, elsewhere] =
            ["here", "unheard", "unknown", "elsewhere"].map(|name| key("away", name));
        let mut leases = Vec::new();
        for event in [here, unheard, unknown] {
            let Ok(Claim::Fresh(lease)) = store.claim(event, lease_for, at(0)).await else { panic!("not fresh") };
            leases.push(lease);
        }
        let Ok(Claim::Fresh(lease)) = others.claim(elsewhere, lease_for, at(0)).await else { panic!("not fresh") };
        assert_eq!(others.commit(lease, keep_for, at(1)).await.unwrap(), Settlement::Settled);
        assert_eq!(store.commit(leases.remove(0), keep_for, at(1)).await.unwrap(), Settlement::Settled);
        proxy.drop_all();
        assert!(store.commit(leases.remove(0), keep_for, at(1)).await.is_err());
        proxy.restore();
        faults::works_again(&store, "between").await;
        proxy.drop_answers();
        assert!(store.commit(leases.remove(0), keep_for, at(1)).await.is_err());

        proxy.cut();
        assert!(matches!(store.claim(here, lease_for, at(2)).await, Ok(Claim::Done)));
        for event in [unheard, unknown, elsewhere] {
            let claim = store.claim(event, lease_for, at(2)).await;
            assert!(claim.is_err(), "{claim:?}");
        }
        proxy.restore();
        faults::works_again(&store, "afterwards").await;
        assert!(matches!(store.claim(unheard, lease_for, at(2)).await, Ok(Claim::InProgress)));
        for event in [here, unknown, elsewhere] {
            let claim = store.claim(event, lease_for, at(2)).await;
            assert!(matches!(claim, Ok(Claim::Done)), "{claim:?}");
        }
    });
}

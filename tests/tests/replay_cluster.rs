//! The store in Redis Cluster, on real nodes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Settlement},
};
use countersign_store::replay::{
    RedisReplayStore,
    redis::{RedisOptions, RedisStoreError},
};
use countersign_tests::{
    replay::key,
    replay_conformance, replay_faults as faults,
    servers::{CutOff, On, RedisCluster, RedisServer, Shared, free_address},
};

/// The cluster that all tests share which do not damage it.
fn cluster() -> Arc<RedisCluster> {
    static CLUSTER: Shared<RedisCluster> = Shared::new();
    CLUSTER.or_start(RedisCluster::start)
}

fn options(cluster: &RedisCluster) -> RedisOptions {
    RedisOptions::new(cluster.nodes()[1].url()).unwrap().with_timeout(faults::PATIENT)
}

async fn connect(cluster: &RedisCluster) -> RedisReplayStore {
    RedisReplayStore::connect_with(options(cluster)).await.unwrap()
}

/// Each store has its own events.
async fn open() -> On<RedisReplayStore, Arc<RedisCluster>> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let cluster = cluster();
    let options = options(&cluster).with_prefix(format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    On::new(RedisReplayStore::connect_with(options).await.unwrap(), cluster)
}

replay_conformance!(redis_cluster, open());

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(86_400);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}

/// Enough events that each node has some.
fn events(name: &str) -> Vec<ReplayKey> {
    (0..60).map(|number| key(name, &number.to_string())).collect()
}

async fn done(store: &RedisReplayStore, events: &[ReplayKey]) {
    for event in events {
        let Ok(Claim::Fresh(lease)) = store.claim(*event, LEASE, at(0)).await else { panic!("not fresh") };
        assert_eq!(store.commit(lease, KEEP, at(0)).await.unwrap(), Settlement::Settled);
    }
}

async fn held(store: &RedisReplayStore, events: &[ReplayKey]) {
    for event in events {
        assert!(matches!(store.claim(*event, LEASE, at(0)).await, Ok(Claim::Fresh(_))));
    }
}

async fn are_known(store: &RedisReplayStore, done: &[ReplayKey], held: &[ReplayKey]) {
    for event in done {
        let claim = store.claim(*event, LEASE, at(1)).await;
        assert!(matches!(claim, Ok(Claim::Done)), "{claim:?}");
    }
    for event in held {
        let claim = store.claim(*event, LEASE, at(1)).await;
        assert!(matches!(claim, Ok(Claim::InProgress)), "{claim:?}");
    }
}

#[test]
fn each_node_has_some_of_the_events() {
    faults::run(async {
        let cluster = RedisCluster::start();
        done(&connect(&cluster).await, &events("parts")).await;
        for node in cluster.nodes() {
            let size: usize = node.cli(&["DBSIZE"]).parse().unwrap();
            assert!((5..40).contains(&size), "{size}");
        }
    });
}

#[test]
fn an_event_is_found_on_both_sides_of_a_moving_slot() {
    faults::run(async {
        let cluster = RedisCluster::start();
        let store = connect(&cluster).await;
        let (old, old_held, new, new_held) = (events("old"), events("old held"), events("new"), events("new held"));
        done(&store, &old).await;
        held(&store, &old_held).await;
        cluster.begin_to_move_all(0, 2);
        done(&store, &new).await;
        held(&store, &new_held).await;
        for (done, held) in [(&old, &old_held), (&new, &new_held)] {
            are_known(&store, done, held).await;
            are_known(&connect(&cluster).await, done, held).await;
        }
        let asked = cluster.nodes()[2].cli(&["INFO", "commandstats"]);
        assert!(asked.contains("cmdstat_asking:"), "nothing was on its way: {asked}");
    });
}

#[test]
fn slots_that_move_under_load_lose_no_event_and_give_none_twice() {
    faults::run(async {
        let cluster = RedisCluster::start();
        let store = Arc::new(connect(&cluster).await);
        let (old, old_held) = (events("old"), events("old held"));
        done(&store, &old).await;
        held(&store, &old_held).await;
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
                let (old, old_held) = (old.clone(), old_held.clone());
                tokio::spawn(async move {
                    let mut rounds = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let new = events(&format!("{worker} {rounds}"));
                        done(&store, &new[..10]).await;
                        are_known(&store, &new[..10], &[]).await;
                        are_known(&store, &old, &old_held).await;
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        tokio::task::block_in_place(|| cluster.move_slots(600, 0, 1));
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            assert!(worker.await.unwrap() > 1);
        }
        are_known(&store, &old, &old_held).await;
    });
}

#[test]
fn calls_for_the_events_of_a_killed_node_fail_until_it_is_back() {
    faults::run(async {
        let mut cluster = RedisCluster::start();
        let options = options(&cluster).with_timeout(faults::IMPATIENT);
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        let (old, old_held) = (events("old"), events("old held"));
        done(&store, &old).await;
        held(&store, &old_held).await;
        cluster.node(0).process().kill();
        let mut errors = 0;
        for (event, is_done) in old.iter().map(|event| (event, true)).chain(old_held.iter().map(|event| (event, false)))
        {
            match store.claim(*event, LEASE, at(1)).await {
                Ok(Claim::Done) if is_done => {}
                Ok(Claim::InProgress) if !is_done => {}
                Err(_) => errors += 1,
                claim => panic!("{claim:?}"),
            }
        }
        assert!(errors > 10, "{errors}");
        cluster.node(0).restart();
        cluster.wait_until_well();
        are_known(&store, &old, &old_held).await;
    });
}

#[test]
fn the_replica_of_a_node_that_hangs_takes_over_with_its_events() {
    faults::run(async {
        let mut cluster = RedisCluster::start_with_replicas();
        let options = options(&cluster).with_timeout(faults::IMPATIENT);
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        let (old, old_held) = (events("old"), events("old held"));
        done(&store, &old).await;
        held(&store, &old_held).await;
        // Events that a replica has not received are lost with its master.
        for master in &cluster.nodes()[..3] {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(
                master.cli(&["INFO", "replication"]).contains("lag=0") || master.cli(&["WAIT", "1", "1000"]) == "1"
            );
        }
        cluster.node(0).process().pause();
        let start = Instant::now();
        let mut errors = 0;
        for event in &old {
            loop {
                match store.claim(*event, LEASE, at(1)).await {
                    Ok(Claim::Done) => break,
                    Ok(claim) => panic!("{claim:?}"),
                    Err(error) => {
                        errors += 1;
                        assert!(start.elapsed() < Duration::from_secs(60), "nobody takes over: {error}");
                    }
                }
            }
        }
        assert!(errors > 0, "the master was not missed");
        are_known(&store, &old, &old_held).await;
        cluster.node(0).process().resume();
        cluster.wait_until_well();
        are_known(&store, &old, &old_held).await;
        faults::works(&store, "after the failover").await;
    });
}

#[test]
fn a_node_that_is_out_of_memory_refuses_new_events_only() {
    faults::run(async {
        let cluster = RedisCluster::start();
        let store = connect(&cluster).await;
        let (old, old_held) = (events("old"), events("old held"));
        done(&store, &old).await;
        held(&store, &old_held).await;
        let mut leases = Vec::new();
        for event in events("to be settled") {
            let Ok(Claim::Fresh(lease)) = store.claim(event, LEASE, at(0)).await else { panic!("not fresh") };
            leases.push(lease);
        }
        cluster.nodes()[0].cli(&["CONFIG", "SET", "maxmemory", "1"]);
        let (mut refused, mut taken) = (Vec::new(), Vec::new());
        for event in events("new") {
            match store.claim(event, LEASE, at(0)).await {
                Ok(Claim::Fresh(lease)) => taken.push(lease),
                Err(RedisStoreError::Full) => refused.push(event),
                other => panic!("{other:?}"),
            }
        }
        assert!(refused.len() > 5 && taken.len() > 20, "{} refused, {} taken", refused.len(), taken.len());
        are_known(&store, &old, &old_held).await;
        // Commits and releases take no memory.
        let (mut committed, mut released) = (Vec::new(), Vec::new());
        for (number, lease) in leases.into_iter().chain(taken).enumerate() {
            let (event, is_good) = (lease.key(), number % 2 == 0);
            let settled =
                if is_good { store.commit(lease, KEEP, at(1)).await } else { store.release(lease, at(1)).await };
            assert_eq!(settled.unwrap(), Settlement::Settled);
            if is_good { committed.push(event) } else { released.push(event) }
        }
        are_known(&store, &committed, &[]).await;
        cluster.nodes()[0].cli(&["CONFIG", "SET", "maxmemory", "0"]);
        are_known(&store, &old, &old_held).await;
        are_known(&store, &committed, &[]).await;
        // There are neither refused nor released events.
        refused.extend(released);
        done(&store, &refused).await;
    });
}

#[test]
fn the_store_asks_other_nodes_about_a_node_that_is_cut_off() {
    faults::run(async {
        let cluster = cluster();
        for answer in [
            "CLUSTERDOWN The cluster is down",
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        ] {
            let cut_off = CutOff::start(answer);
            let url = format!("redis://{},{}", cut_off.address(), cluster.nodes()[0].address());
            let options = RedisOptions::new(&url).unwrap().with_prefix(answer).with_timeout(faults::PATIENT);
            let store = RedisReplayStore::connect_with(options).await.unwrap();
            // The store learned its slots at the start. It may ask this node once more, which still claims to have all
            // slots.
            for _ in 0..3 {
                let _ = store.claim(key("cut off", "2"), LEASE, at(0)).await;
            }
            done(&store, &events("served")).await;
        }
    });
}

#[test]
fn a_cluster_in_which_one_node_may_evict_keys_is_refused() {
    faults::run(async {
        let cluster = RedisCluster::start_with_replicas();
        // A cluster does not list replicas that have received nothing yet.
        done(&connect(&cluster).await, &events("first")).await;
        let replica = cluster.nodes()[4].address().port().to_string();
        while !cluster.nodes()[1].cli(&["CLUSTER", "SLOTS"]).contains(&replica) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for number in [0, 2, 4] {
            let node = &cluster.nodes()[number];
            node.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
            let error = RedisReplayStore::connect_with(options(&cluster)).await.unwrap_err();
            assert!(matches!(error, RedisStoreError::Evicts { .. }), "{number}: {error:?}");
            let store = RedisReplayStore::connect_with(options(&cluster).dangerous_allow_eviction()).await.unwrap();
            faults::works(&store, &number.to_string()).await;
            node.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        }
        connect(&cluster).await;
    });
}

#[test]
fn one_of_the_nodes_in_the_url_may_be_down() {
    faults::run(async {
        let cluster = cluster();
        let url = format!("redis://{},{}", free_address(), cluster.nodes()[0].address());
        let store =
            RedisReplayStore::connect_with(RedisOptions::new(&url).unwrap().with_prefix("named")).await.unwrap();
        done(&store, &events("named")).await;
    });
}

/// As a node that has left the cluster, or has lost its `nodes.conf`.
#[test]
fn a_node_without_slots_does_not_make_the_store_forget_the_other_nodes() {
    faults::run(async {
        let mut cluster = RedisCluster::start();
        let alone = RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-config-file", "alone.conf"]);
        let url = format!("redis://{},{}", alone.address(), cluster.nodes()[0].address());
        let options = RedisOptions::new(&url).unwrap().with_prefix("alone").with_timeout(faults::IMPATIENT);
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        let events = events("alone");
        done(&store, &events).await;
        cluster.node(2).process().kill();
        // A call that fails there has the next call ask the nodes again, in turn.
        for round in 0..6 {
            let mut known = 0;
            for event in &events {
                known += usize::from(matches!(store.claim(*event, LEASE, at(2)).await, Ok(Claim::Done)));
            }
            assert!((1..events.len()).contains(&known), "{round}: {known} of {}", events.len());
        }
    });
}

#[test]
fn a_store_can_be_opened_while_a_master_is_down() {
    faults::run(async {
        let mut cluster = RedisCluster::start();
        let events = events("away");
        done(&connect(&cluster).await, &events).await;
        let url = format!("redis://{},{}", cluster.nodes()[0].address(), cluster.nodes()[1].address());
        cluster.node(2).process().kill();
        let options = RedisOptions::new(&url).unwrap().with_timeout(faults::IMPATIENT);
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        let mut known = 0;
        for event in &events {
            known += usize::from(matches!(store.claim(*event, LEASE, at(2)).await, Ok(Claim::Done)));
        }
        assert!(known > 0);
    });
}

#[test]
fn several_servers_that_are_no_cluster_are_refused() {
    faults::run(async {
        let (one, other) = (RedisServer::start(), RedisServer::start());
        let url = format!("redis://{},{}", one.address(), other.address());
        let error = RedisReplayStore::connect(&url).await.unwrap_err();
        assert!(matches!(error, RedisStoreError::NotClustered), "{error:?}");
        assert!(error.to_string().contains("name the one that takes writes"), "{error}");
    });
}

#[test]
fn a_user_that_may_not_list_the_nodes_gets_an_error_that_says_so() {
    faults::run(async {
        let cluster = RedisCluster::start();
        cluster.nodes()[0].cli(&["ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-cluster"]);
        let url = format!("redis://blind:secret@{}", cluster.nodes()[0].address());
        let store = RedisReplayStore::connect(&url).await.unwrap();
        let mut refused = 0;
        for event in events("blind") {
            match store.claim(event, LEASE, at(0)).await {
                Ok(Claim::Fresh(_)) => {}
                Err(error @ RedisStoreError::Clustered) => {
                    refused += 1;
                    assert!(error.to_string().contains("allow the user `CLUSTER SLOTS`"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 20, "{refused}");
    });
}

//! The store in Redis, on real servers.

use std::time::Duration;

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};
use countersign_store::replay::{
    RedisReplayStore,
    redis::{RedisOptions, RedisStoreError},
};
use countersign_tests::{
    replay::key,
    replay_conformance, replay_faults as faults,
    servers::{Alternating, On, Proxy, RedisServer, free_address},
};

async fn open() -> On<RedisReplayStore, RedisServer> {
    let server = RedisServer::start();
    let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
    On::new(store, server)
}

async fn open_two() -> On<Alternating<RedisReplayStore>, RedisServer> {
    let server = RedisServer::start();
    let one = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
    let other = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
    On::new(Alternating::new(one, other), server)
}

/// A long timeout, since the machine may be busy.
fn options(url: &str) -> RedisOptions {
    RedisOptions::new(url).unwrap().with_timeout(faults::PATIENT)
}

fn impatient(url: &str) -> RedisOptions {
    RedisOptions::new(url).unwrap().with_timeout(faults::IMPATIENT)
}

replay_conformance!(redis, open());
replay_conformance!(two_processes, open_two());

#[test]
fn a_call_whose_answer_is_lost_is_repeated_and_recognised() {
    faults::run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let url = format!("redis://{}", proxy.address());
        let store = RedisReplayStore::connect_with(options(&url)).await.unwrap();
        faults::a_lost_answer_is_asked_for_again(&store, &proxy).await;
    });
}

#[test]
fn a_new_event_takes_one_command_and_only_a_known_one_a_script() {
    faults::run(async {
        let server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
        server.cli(&["CONFIG", "RESETSTAT"]);
        let claim = async |number: u8| store.claim(key("new", &number.to_string()), LEASE, at(0)).await;
        for number in 0..3 {
            assert!(matches!(claim(number).await, Ok(Claim::Fresh(_))));
        }
        let asked = server.cli(&["INFO", "commandstats"]);
        assert!(asked.contains("cmdstat_set:calls=3,") && !asked.contains("cmdstat_eval"), "{asked}");
        assert!(matches!(claim(0).await, Ok(Claim::InProgress)));
        assert!(server.cli(&["INFO", "commandstats"]).contains("cmdstat_eval"));
    });
}

#[test]
fn a_network_that_loses_bytes_or_is_down_gives_errors_until_it_works_again() {
    faults::run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let url = format!("redis://{}", proxy.address());
        let store = RedisReplayStore::connect_with(impatient(&url)).await.unwrap();
        faults::a_network_that_fails(&store, &proxy).await;
    });
}

#[test]
fn a_silent_connection_is_replaced_even_if_the_caller_has_less_patience_than_the_store() {
    faults::run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let options = options(&format!("redis://{}", proxy.address())).with_timeout(Duration::from_secs(60));
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        assert!(matches!(store.claim(key("silent", "before"), LEASE, at(0)).await, Ok(Claim::Fresh(_))));
        proxy.drop_all();
        let claim = store.claim(key("silent", "unheard"), LEASE, at(0));
        assert!(tokio::time::timeout(Duration::from_millis(200), claim).await.is_err());
        proxy.restore();
        let claim = store.claim(key("silent", "after"), LEASE, at(0));
        let claim = tokio::time::timeout(Duration::from_secs(10), claim).await;
        assert!(matches!(claim, Ok(Ok(Claim::Fresh(_)))), "{claim:?}");
    });
}

#[test]
fn both_round_trips_of_a_duplicate_share_one_timeout() {
    faults::run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.address()).await;
        let options = options(&format!("redis://{}", proxy.address())).with_timeout(Duration::from_secs(1));
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        let event = key("slow", "event");
        assert!(matches!(store.claim(event, LEASE, at(0)).await, Ok(Claim::Fresh(_))));
        // Afterwards the server has the script in its cache.
        assert!(matches!(store.claim(event, LEASE, at(0)).await, Ok(Claim::InProgress)));
        // It takes two round trips, of which only one fits into the timeout.
        proxy.slow_answers(Duration::from_millis(700));
        let claim = store.claim(event, LEASE, at(0)).await;
        assert!(matches!(claim, Err(RedisStoreError::Timeout { .. })), "{claim:?}");
    });
}

#[test]
fn a_server_that_is_killed_mid_call_gives_errors_and_keeps_what_it_acknowledged() {
    faults::run(async {
        let mut server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
        faults::a_server_that_is_killed(store, || server.restart()).await;
    });
}

#[test]
fn a_paused_server_gives_errors_until_it_works_again() {
    faults::run(async {
        let mut server = RedisServer::start();
        let store = RedisReplayStore::connect_with(impatient(&server.url())).await.unwrap();
        faults::a_server_that_is_paused(&store, server.process()).await;
    });
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(86_400);

/// A server with little memory, and a store on it.
async fn small() -> On<RedisReplayStore, RedisServer> {
    let server = RedisServer::start_with(&["--maxmemory", "3mb", "--appendonly", "no"]);
    let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
    On::new(store, server)
}

/// Claims events until the server has no memory left, and calls a function for each.
async fn fill(store: &impl ReplayStore<Error = RedisStoreError>, mut then: impl AsyncFnMut(ReplayKey, Lease)) {
    for number in 0..200_000 {
        let event = key("memory", &number.to_string());
        match store.claim(event, LEASE, at(0)).await {
            Ok(Claim::Fresh(lease)) => then(event, lease).await,
            Err(error) => return assert!(matches!(error, RedisStoreError::Full), "{error:?}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("3 MB are enough");
}

#[test]
fn a_server_that_is_out_of_memory_refuses_claims_and_forgets_nothing() {
    faults::run(async {
        let store = small().await;
        let mut done = Vec::new();
        fill(&store, async |event, lease| {
            assert_eq!(store.commit(lease, KEEP, at(0)).await.unwrap(), Settlement::Settled);
            done.push(event);
        })
        .await;
        assert!(done.len() > 100, "{}", done.len());
        for event in done {
            assert!(matches!(store.claim(event, LEASE, at(1)).await, Ok(Claim::Done)));
        }
        store.server().cli(&["CONFIG", "SET", "maxmemory", "0"]);
        faults::works(&store, "with room again").await;
    });
}

#[test]
fn a_server_that_is_out_of_memory_accepts_commits_and_releases() {
    faults::run(async {
        let store = small().await;
        let claim = async |name: &str| match store.claim(key(name, "held"), LEASE, at(0)).await {
            Ok(Claim::Fresh(lease)) => lease,
            other => panic!("{other:?}"),
        };
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for number in 0..20 {
            done.push(claim(&format!("done {number}")).await);
            failed.push(claim(&format!("failed {number}")).await);
        }
        fill(&store, async |_, _| {}).await;
        for lease in done {
            let event = lease.key();
            assert_eq!(store.commit(lease, KEEP, at(1)).await.unwrap(), Settlement::Settled);
            assert!(matches!(store.claim(event, LEASE, at(86_400)).await, Ok(Claim::Done)));
        }
        for lease in failed {
            assert_eq!(store.release(lease, at(1)).await.unwrap(), Settlement::Settled);
        }
    });
}

#[test]
fn a_server_that_may_evict_keys_is_refused_unless_explicitly_allowed() {
    faults::run(async {
        for policy in ["allkeys-lru", "volatile-ttl"] {
            let server = RedisServer::start_with(&["--maxmemory-policy", policy]);
            let error = RedisReplayStore::connect_with(options(&server.url())).await.unwrap_err();
            assert!(matches!(&error, RedisStoreError::Evicts { policy: found } if found == policy), "{error:?}");
            assert!(error.to_string().contains("noeviction"), "{error}");
            let store =
                RedisReplayStore::connect_with(options(&server.url()).dangerous_allow_eviction()).await.unwrap();
            faults::works(&store, policy).await;
        }
    });
}

#[test]
fn a_server_that_begins_to_evict_keys_is_refused_on_reconnection() {
    faults::run(async {
        let server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
        faults::works(&store, "before").await;
        server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        let error = store.claim(key("policies", "event"), LEASE, at(0)).await.unwrap_err();
        assert!(matches!(error, RedisStoreError::Evicts { .. }), "{error:?}");
    });
}

#[test]
fn a_server_that_is_busy_with_a_script_is_not_taken_for_one_that_hides_its_policy() {
    faults::run(async {
        let server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
        server.cli(&["CONFIG", "SET", "busy-reply-threshold", "50"]);
        let mut other = std::net::TcpStream::connect(server.address()).unwrap();
        std::io::Write::write_all(&mut other, b"EVAL \"while true do end\" 0\r\n").unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let claim = store.claim(key("busy", "event"), LEASE, at(0)).await.map(drop);
        let opened = RedisReplayStore::connect_with(options(&server.url())).await.map(drop);
        for outcome in [claim, opened] {
            assert!(
                matches!(&outcome, Err(RedisStoreError::NotServing { answer }) if answer.contains("BUSY")),
                "{outcome:?}"
            );
        }
        server.cli(&["SCRIPT", "KILL"]);
        // The server answers this just before the script ends.
        faults::works_again(&store, "killed").await;
        faults::works(&store, "afterwards").await;
    });
}

#[test]
fn a_user_that_may_not_read_the_policy_must_be_told_to_trust_it() {
    faults::run(async {
        let server = RedisServer::start();
        let url = |user: &str| format!("redis://{user}:secret@{}", server.address());
        server.cli(&["ACL", "SETUSER", "half", "on", ">secret", "~*", "+@all", "-config"]);
        server.cli(&["ACL", "SETUSER", "other", "on", ">secret", "~*", "+@all", "-info"]);
        server.cli(&["ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-config", "-info"]);
        for user in ["half", "other"] {
            let store = RedisReplayStore::connect_with(options(&url(user))).await.unwrap();
            faults::works(&store, user).await;
        }
        let error = RedisReplayStore::connect_with(options(&url("blind"))).await.unwrap_err();
        assert!(matches!(error, RedisStoreError::EvictionUnknown), "{error:?}");
        let trusting = options(&url("blind")).dangerous_trust_eviction_policy();
        faults::works(&RedisReplayStore::connect_with(trusting).await.unwrap(), "blind").await;
    });
}

#[test]
fn a_user_that_may_claim_but_not_commit_is_refused_at_the_start() {
    faults::run(async {
        let server = RedisServer::start();
        for denied in ["-@scripting", "-pexpire", "-del"] {
            server.cli(&["ACL", "SETUSER", "half", "reset", "on", ">secret", "~*", "+@all", denied]);
            let url = format!("redis://half:secret@{}", server.address());
            let error = RedisReplayStore::connect_with(options(&url)).await.unwrap_err();
            assert!(matches!(error, RedisStoreError::Refused { .. }), "{denied}: {error:?}");
        }
        server.cli(&["FLUSHALL"]);
        let mut least = vec!["ACL", "SETUSER", "least", "on", ">secret", "~hooks:*"];
        least.extend(["+get", "+set", "+pexpire", "+del", "+eval", "+evalsha", "+info"]);
        server.cli(&least);
        let url = format!("redis://least:secret@{}", server.address());
        let store = RedisReplayStore::connect_with(options(&url).with_prefix("hooks")).await.unwrap();
        assert_eq!(server.cli(&["DBSIZE"]).trim(), "0", "a trial leaves nothing");
        faults::works(&store, "least").await;
    });
}

#[test]
fn a_server_that_lacks_a_command_is_refused_at_the_start() {
    faults::run(async {
        for lacking in ["EVALSHA", "PEXPIRE", "DEL"] {
            let server = RedisServer::start_with(&["--rename-command", lacking, ""]);
            let error = RedisReplayStore::connect_with(options(&server.url())).await.unwrap_err();
            assert!(matches!(error, RedisStoreError::Refused { .. }), "{lacking}: {error:?}");
        }
    });
}

#[test]
fn the_policy_is_read_over_resp3_as_well() {
    faults::run(async {
        let server = RedisServer::start();
        server.cli(&["ACL", "SETUSER", "other", "on", ">secret", "~*", "+@all", "-info"]);
        let url = format!("redis://other:secret@{}?protocol=resp3", server.address());
        faults::works(&RedisReplayStore::connect_with(options(&url)).await.unwrap(), "resp3").await;
    });
}

#[test]
fn redis_removes_keys_a_day_after_they_expire() {
    faults::run(async {
        let server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url()).with_prefix("hooks")).await.unwrap();
        let Ok(Claim::Fresh(lease)) = store.claim(key("expiry", "event"), LEASE, at(0)).await else {
            panic!("not fresh")
        };
        let names = server.cli(&["KEYS", "*"]);
        assert!(names.starts_with("hooks:{") && names.ends_with('}') && !names.contains('\n'), "{names}");
        let held: u64 = server.cli(&["TTL", &names]).parse().unwrap();
        assert!((86_400..=86_430).contains(&held), "{held}");
        assert_eq!(store.commit(lease, KEEP, at(0)).await.unwrap(), Settlement::Settled);
        let done: u64 = server.cli(&["TTL", &names]).parse().unwrap();
        assert!((2 * 86_400 - 30..=2 * 86_400).contains(&done), "{done}");
    });
}

#[test]
fn a_key_that_holds_something_else_is_an_error() {
    faults::run(async {
        let server = RedisServer::start();
        let store = RedisReplayStore::connect_with(options(&server.url())).await.unwrap();
        let event = key("foreign", "event");
        let Ok(Claim::Fresh(_)) = store.claim(event, LEASE, at(0)).await else { panic!("not fresh") };
        let name = server.cli(&["KEYS", "*"]);
        server.cli(&["SET", &name, "something else"]);
        let error = store.claim(event, LEASE, at(0)).await.unwrap_err();
        assert!(matches!(error, RedisStoreError::Refused { .. }), "{error:?}");
    });
}

#[test]
fn no_error_shows_the_password() {
    faults::run(async {
        let server = RedisServer::start();
        server.cli(&["ACL", "SETUSER", "me", "on", ">right", "~*", "+@all"]);
        let secret = "correct-horse-battery";
        for url in [
            format!("redis://me:{secret}@{}", server.address()),
            format!("redis://me:{secret}@{}", free_address()),
            format!("redis://me:{secret}@{}/not-a-number", free_address()),
            format!("me:{secret}@nowhere"),
        ] {
            let error = match RedisOptions::new(&url) {
                Ok(options) => {
                    assert!(!format!("{options:?}").contains(secret), "{options:?}");
                    RedisReplayStore::connect_with(options).await.unwrap_err()
                }
                Err(error) => error,
            };
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
    });
}

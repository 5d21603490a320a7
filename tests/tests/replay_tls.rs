//! The stores of servers, over connections that are encrypted.

use countersign_store::replay::{
    RedisReplayStore,
    redis::{RedisOptions, RedisStoreError},
};
use countersign_tests::{
    replay_conformance, replay_faults as faults,
    servers::{Authority, On, Proxy, RedisServer},
};

/// How a server's address is named in a certificate.
const HERE: &str = "127.0.0.1";

fn redis(url: &str, authority: &Authority) -> RedisOptions {
    RedisOptions::new(url).unwrap().with_root_pem(&authority.pem()).unwrap().with_timeout(faults::PATIENT)
}

async fn open_redis() -> On<RedisReplayStore, RedisServer> {
    let authority = Authority::new();
    let server = RedisServer::start_secure(&authority.vouch_for(HERE));
    let store = RedisReplayStore::connect_with(redis(&server.url(), &authority)).await.unwrap();
    On::new(store, server)
}

replay_conformance!(over_tls_redis, open_redis());

#[test]
fn a_redis_that_does_not_prove_who_it_is_is_told_nothing() {
    faults::run(async {
        let (authority, another) = (Authority::new(), Authority::new());
        let server = RedisServer::start_secure(&authority.vouch_for("redis.example"));
        let named = server.url().replace(HERE, "localhost");
        let public = RedisOptions::new(server.url()).unwrap();
        for options in [redis(&server.url(), &another), redis(&named, &authority), public] {
            let error = RedisReplayStore::connect_with(options).await.unwrap_err();
            assert!(matches!(error, RedisStoreError::Untrusted { .. }), "{error:?}");
            assert!(error.to_string().contains("give the authority's certificate"), "{error}");
        }
        server.cli(&["PING"]);
        let asked = server.cli(&["INFO", "commandstats"]);
        let asked: Vec<_> = asked.lines().filter_map(|line| line.split_once(':')).map(|(command, _)| command).collect();
        assert_eq!(asked, ["cmdstat_ping"]);
    });
}

#[test]
fn neither_side_falls_back_to_a_redis_without_tls() {
    faults::run(async {
        let authority = Authority::new();
        let plain = RedisServer::start();
        let url = plain.url().replace("redis:", "rediss:");
        let error = RedisReplayStore::connect_with(redis(&url, &authority).with_timeout(faults::IMPATIENT)).await;
        let error = error.unwrap_err();
        assert!(matches!(error, RedisStoreError::Unreachable { .. } | RedisStoreError::Timeout { .. }), "{error:?}");

        let secure = RedisServer::start_secure(&authority.vouch_for(HERE));
        let url = secure.url().replace("rediss:", "redis:");
        RedisReplayStore::connect_with(RedisOptions::new(&url).unwrap()).await.unwrap_err();
    });
}

#[test]
fn a_redis_over_tls_that_is_killed_or_cut_off_yields_errors_and_then_the_truth() {
    faults::run(async {
        let authority = Authority::new();
        let mut server = RedisServer::start_secure(&authority.vouch_for(HERE));
        let store = RedisReplayStore::connect_with(redis(&server.url(), &authority)).await.unwrap();
        faults::a_server_that_is_killed(store, || server.restart()).await;

        let proxy = Proxy::to(server.address()).await;
        let options = redis(&format!("rediss://{}", proxy.address()), &authority).with_timeout(faults::IMPATIENT);
        let store = RedisReplayStore::connect_with(options).await.unwrap();
        faults::a_network_that_fails(&store, &proxy).await;
    });
}

#[test]
fn authorities_of_redis_that_are_none_or_that_nobody_asks_for_are_refused() {
    let authority = Authority::new();
    let refused =
        |url: &str, pem: &str| RedisOptions::new(url).and_then(|options| options.with_root_pem(pem)).unwrap_err();
    let broken = authority.pem().replace("MII", "M");
    for pem in ["", "a word", &broken, &authority.vouch_for(HERE).key] {
        assert!(matches!(refused("rediss://db", pem), RedisStoreError::Roots), "{pem}");
    }
    assert!(matches!(refused("redis://db", &authority.pem()), RedisStoreError::NotSecure));
    assert!(matches!(refused("unix:///db", &authority.pem()), RedisStoreError::NotSecure));
    for url in ["rediss://db/#insecure", "rediss://db#insecure", "REDISS://db", "rediss:db"] {
        assert!(matches!(refused(url, &authority.pem()), RedisStoreError::Url), "{url}");
    }
}

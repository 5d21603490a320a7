//! The stores in Redis and Postgres, over TLS.

use std::sync::Arc;

use countersign_store::replay::{
    PostgresReplayStore, RedisReplayStore,
    postgres::{PostgresOptions, PostgresStoreError},
    redis::{RedisOptions, RedisStoreError},
};
use countersign_tests::{
    replay_conformance, replay_faults as faults,
    servers::{Authority, On, PostgresServer, Proxy, RedisCluster, RedisServer, Shared, postgres_url},
};

/// The name of a server's address in a certificate.
const HERE: &str = "127.0.0.1";

fn redis(url: &str, authority: &Authority) -> RedisOptions {
    RedisOptions::new(url).unwrap().with_only_root_pem(&authority.pem()).unwrap().with_timeout(faults::PATIENT)
}

async fn open_redis() -> On<RedisReplayStore, RedisServer> {
    let authority = Authority::new();
    let server = RedisServer::start_secure(&authority.vouch_for(HERE));
    let store = RedisReplayStore::connect_with(redis(&server.url(), &authority)).await.unwrap();
    On::new(store, server)
}

replay_conformance!(over_tls_redis, open_redis());

#[test]
fn nothing_is_sent_to_a_redis_without_a_valid_certificate() {
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
fn neither_client_nor_redis_falls_back_to_no_tls() {
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
fn a_redis_over_tls_gives_errors_while_it_is_down_until_it_works_again() {
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
fn the_certificate_of_each_node_of_a_cluster_is_verified() {
    faults::run(async {
        let authority = Authority::new();
        let cluster = RedisCluster::start_secure(&authority);
        let url = cluster.nodes()[0].url();
        let store = RedisReplayStore::connect_with(redis(&url, &authority)).await.unwrap();
        for number in 0..60 {
            faults::works(&store, &number.to_string()).await;
        }
        for node in cluster.nodes() {
            assert_ne!(node.cli(&["DBSIZE"]), "0");
        }
        let error = RedisReplayStore::connect_with(redis(&url, &Authority::new())).await.unwrap_err();
        assert!(matches!(error, RedisStoreError::Untrusted { .. }), "{error:?}");
    });
}

#[test]
fn root_certificates_for_redis_that_are_invalid_or_unused_are_refused() {
    let authority = Authority::new();
    let refused =
        |url: &str, pem: &str| RedisOptions::new(url).and_then(|options| options.with_only_root_pem(pem)).unwrap_err();
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

fn postgres(url: &str, authority: &Authority) -> PostgresOptions {
    let options = PostgresOptions::new(format!("{url}?sslmode=verify-full")).unwrap();
    options.with_only_root_pem(&authority.pem()).unwrap().with_timeout(faults::PATIENT)
}

/// A Postgres server that accepts only TLS, and its certificate authority.
struct Vouched {
    server: PostgresServer,
    authority: Authority,
}

fn postgres_server() -> Arc<Vouched> {
    static SERVER: Shared<Vouched> = Shared::new();
    SERVER.or_start(|| {
        let authority = Authority::new();
        let server = PostgresServer::start_secure(&authority.vouch_for(HERE));
        server.admit("hostnossl all all all reject");
        Vouched { server, authority }
    })
}

async fn open_postgres() -> On<PostgresReplayStore, Arc<Vouched>> {
    let vouched = postgres_server();
    let options = postgres(&vouched.server.new_database(), &vouched.authority);
    On::new(PostgresReplayStore::connect_with(options).await.unwrap(), vouched)
}

replay_conformance!(over_tls_postgres, open_postgres());

#[test]
fn nothing_is_sent_to_a_postgres_without_a_valid_certificate() {
    faults::run(async {
        let (authority, another) = (Authority::new(), Authority::new());
        let server = PostgresServer::start_secure(&authority.vouch_for("postgres.example"));
        let url = server.url("postgres");
        let named = url.replace(HERE, "localhost");
        let public = PostgresOptions::new(format!("{url}?sslmode=require")).unwrap();
        for options in [postgres(&url, &another), postgres(&named, &authority), public] {
            let error = PostgresReplayStore::connect_with(options).await.unwrap_err();
            assert!(matches!(error, PostgresStoreError::Untrusted { .. }), "{error:?}");
            assert!(error.to_string().contains("give the authority's certificate"), "{error}");
        }
        let tables = server.psql("postgres", "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'countersign%'");
        assert_eq!(tables, "0");
    });
}

#[test]
fn nothing_is_sent_in_the_clear_to_a_postgres_without_tls() {
    faults::run(async {
        let authority = Authority::new();
        let server = PostgresServer::start();
        let error = PostgresReplayStore::connect_with(postgres(&server.url("postgres"), &authority)).await.unwrap_err();
        assert!(matches!(error, PostgresStoreError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("does not support TLS"), "{error}");
    });
}

#[test]
fn password_authentication_is_bound_to_the_certificate() {
    faults::run(async {
        let authority = Authority::new();
        let server = PostgresServer::start_secure(&authority.vouch_for(HERE));
        server.psql("postgres", "CREATE ROLE hooks SUPERUSER LOGIN PASSWORD 'secret'");
        server.admit("hostssl all hooks all scram-sha-256");
        let url = server.url("postgres").replace("postgres@", "hooks:secret@");
        let options = PostgresOptions::new(format!("{url}?sslmode=require&channel_binding=require")).unwrap();
        let options = options.with_only_root_pem(&authority.pem()).unwrap().with_timeout(faults::PATIENT);
        let store = PostgresReplayStore::connect_with(options).await.unwrap();
        faults::works(&store, "bound").await;
    });
}

#[test]
fn a_postgres_over_tls_gives_errors_while_it_is_down_until_it_works_again() {
    faults::run(async {
        let authority = Authority::new();
        let mut server = PostgresServer::start_secure(&authority.vouch_for(HERE));
        let store = PostgresReplayStore::connect_with(postgres(&server.url("postgres"), &authority)).await.unwrap();
        faults::a_server_that_is_killed(store, || server.restart()).await;

        let proxy = Proxy::to(server.address()).await;
        let url = postgres_url(proxy.address(), "postgres");
        let options = postgres(&url, &authority).with_timeout(faults::IMPATIENT);
        let store = PostgresReplayStore::connect_with(options).await.unwrap();
        faults::a_network_that_fails(&store, &proxy).await;
    });
}

#[test]
fn root_certificates_for_postgres_that_are_invalid_or_unused_are_refused() {
    let pem = Authority::new().pem();
    let refused = |url: &str, pem: &str| {
        PostgresOptions::new(url).and_then(|options| options.with_only_root_pem(pem)).unwrap_err()
    };
    assert!(matches!(refused("postgresql://db?sslmode=require", "a word"), PostgresStoreError::Roots));
    for url in ["postgresql://db", "postgresql://db?sslmode=disable", "host=db"] {
        assert!(matches!(refused(url, &pem), PostgresStoreError::NotSecure), "{url}");
    }
    assert!(matches!(refused("postgresql://db?sslmode=prefer", &pem), PostgresStoreError::SslMode));
}

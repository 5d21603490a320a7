//! The store in Postgres, on real servers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use countersign::{
    ReplayStore, Timestamp,
    replay::{Claim, Settlement},
};
use countersign_store::replay::{
    PostgresReplayStore,
    postgres::{PostgresOptions, PostgresStoreError, SCHEMA},
};
use countersign_tests::{
    replay::key,
    replay_conformance, replay_faults as faults,
    servers::{Alternating, On, PostgresServer, Proxy, Shared, postgres_url},
};

/// The server that the tests share, each with its own database.
fn server() -> Arc<PostgresServer> {
    static SERVER: Shared<PostgresServer> = Shared::new();
    SERVER.or_start(PostgresServer::start)
}

async fn open() -> On<PostgresReplayStore, Arc<PostgresServer>> {
    let server = server();
    let store = PostgresReplayStore::connect_with(options(&server.new_database())).await.unwrap();
    On::new(store, server)
}

async fn open_two() -> On<Alternating<PostgresReplayStore>, Arc<PostgresServer>> {
    let server = server();
    let url = server.new_database();
    // Both at once: only one of them creates the table.
    let (one, other) = tokio::join!(
        PostgresReplayStore::connect_with(options(&url)),
        PostgresReplayStore::connect_with(options(&url))
    );
    On::new(Alternating::new(one.unwrap(), other.unwrap()), server)
}

/// A long timeout, since the machine may be busy.
fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap().with_timeout(faults::PATIENT)
}

fn impatient(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap().with_timeout(faults::IMPATIENT)
}

replay_conformance!(postgres, open());
replay_conformance!(two_processes, open_two());

#[test]
fn a_connection_that_has_lost_its_statements_is_closed() {
    faults::run(async {
        let server = server();
        let url = server.new_database();
        let name = url.rsplit('/').next().unwrap();
        let store = PostgresReplayStore::connect_with(options(&url)).await.unwrap();
        // As a pooler does, after every new event.
        server.psql(
            name,
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DEALLOCATE ALL; RETURN NULL; END';
             CREATE TRIGGER forget AFTER INSERT ON countersign_replay_1 EXECUTE FUNCTION forget()",
        );
        for event in ["first", "second", "third"] {
            let claim = store.claim(key("pooler", event), LEASE, now()).await;
            assert!(matches!(claim, Ok(Claim::Fresh(_))), "{event}: {claim:?}");
        }
    });
}

#[test]
fn a_call_whose_answer_is_lost_is_repeated_and_recognised() {
    faults::run(async {
        let server = PostgresServer::start();
        let proxy = Proxy::to(server.address()).await;
        let options = options(&postgres_url(proxy.address(), "postgres")).with_connections(1);
        let store = PostgresReplayStore::connect_with(options).await.unwrap();
        faults::a_lost_answer_is_asked_for_again(&store, &proxy).await;
    });
}

#[test]
fn when_one_idle_connection_is_broken_all_idle_ones_are_closed() {
    faults::run(async {
        let server = PostgresServer::start();
        let proxy = Proxy::to(server.address()).await;
        let store =
            PostgresReplayStore::connect_with(options(&postgres_url(proxy.address(), "postgres"))).await.unwrap();
        let store = Arc::new(store);
        // At once, so that each needs its own connection.
        let claims = (0..8).map(|at| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.claim(key("forgotten", &at.to_string()), LEASE, now()).await })
        });
        let mut leases = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            let Ok(Claim::Fresh(lease)) = claim.await.unwrap() else { panic!("not fresh") };
            leases.push(lease);
        }
        proxy.forget_connections();
        for lease in leases {
            assert_eq!(store.commit(lease, LEASE, now()).await.unwrap(), Settlement::Settled);
        }
    });
}

const LEASE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600)
}

#[test]
fn a_host_that_does_not_answer_leaves_time_for_the_next_one() {
    faults::run(async {
        let server = PostgresServer::start();
        // The system accepts connections, but no program answers them.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (silent, good) = (silent.local_addr().unwrap(), server.address());
        let user = server.url("postgres").split_once("://").unwrap().1.split_once('@').unwrap().0.to_owned();
        for hosts in [format!("{silent},{good}"), format!("{good},{silent}")] {
            let store = PostgresReplayStore::connect(format!("postgresql://{user}@{hosts}/postgres")).await.unwrap();
            faults::works(&store, &hosts).await;
        }
    });
}

#[test]
fn a_network_that_loses_bytes_or_is_down_gives_errors_until_it_works_again() {
    faults::run(async {
        let server = PostgresServer::start();
        let proxy = Proxy::to(server.address()).await;
        let store =
            PostgresReplayStore::connect_with(impatient(&postgres_url(proxy.address(), "postgres"))).await.unwrap();
        faults::a_network_that_fails(&store, &proxy).await;
    });
}

#[test]
fn a_server_that_is_killed_mid_call_gives_errors_and_keeps_what_it_acknowledged() {
    faults::run(async {
        let mut server = PostgresServer::start();
        let store = PostgresReplayStore::connect_with(options(&server.url("postgres"))).await.unwrap();
        faults::a_server_that_is_killed(store, || server.restart()).await;
    });
}

#[test]
fn a_paused_server_gives_errors_until_it_works_again() {
    faults::run(async {
        let mut server = PostgresServer::start();
        let store = PostgresReplayStore::connect_with(impatient(&server.url("postgres"))).await.unwrap();
        faults::a_server_that_is_paused(&store, server.process()).await;
    });
}

/// Without its synchronous standby, Postgres lets each commit wait, in spite of `statement_timeout`.
#[test]
fn commits_that_hang_leave_a_bounded_number_of_sessions_and_are_not_lost() {
    faults::run(async {
        const CONNECTIONS: usize = 2;
        let server = PostgresServer::start();
        let options = impatient(&server.url("postgres")).with_connections(CONNECTIONS);
        let store = Arc::new(PostgresReplayStore::connect_with(options).await.unwrap());
        let held = key("hangs", "held");
        let Ok(Claim::Fresh(lease)) = store.claim(held, LEASE, now()).await else { panic!("not fresh") };
        let wait_for = |standby: &str| {
            server.psql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"));
            server.psql("postgres", "SELECT pg_reload_conf()");
        };
        wait_for("nobody");
        // It takes a moment until the setting is in effect.
        let mut early = 0;
        while store.claim(key("early", &early.to_string()), LEASE, now()).await.is_ok() {
            early += 1;
        }
        assert!(store.commit(lease, LEASE, now()).await.is_err());
        assert!(store.claim(held, LEASE, now()).await.is_err(), "whether it is committed is not known yet");
        let (mut told, mut hung) = (Vec::new(), 0);
        while hung < 50 {
            assert!(told.len() < 1000, "only {hung} of {} calls are refused", told.len());
            let claims = (0..4).map(|number| {
                let (store, event) = (Arc::clone(&store), key("hangs", &(told.len() + number).to_string()));
                (event, tokio::spawn(async move { store.claim(event, LEASE, now()).await }))
            });
            for (event, claim) in claims.collect::<Vec<_>>() {
                let error = claim.await.unwrap().expect_err("nothing can be committed");
                let is_asked = !matches!(error, PostgresStoreError::Hung { .. });
                told.push((event, is_asked));
                hung += usize::from(!is_asked);
            }
        }
        let sessions = || {
            let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'countersign'";
            server.psql("postgres", count).parse::<usize>().unwrap()
        };
        assert!((3..=4 * CONNECTIONS).contains(&sessions()), "{}", sessions());
        let refused = Instant::now();
        let error = store.claim(key("hangs", "refused"), LEASE, now()).await.unwrap_err();
        assert!(refused.elapsed() < faults::IMPATIENT, "{:?}", refused.elapsed());
        assert!(error.to_string().contains("pg_stat_activity"), "{error}");

        wait_for("");
        faults::works_again(&*store, "with no standby to wait for").await;
        assert!(matches!(store.claim(held, LEASE, now()).await, Ok(Claim::Done)), "the commit was made in the end");
        for (event, is_asked) in told {
            match store.claim(event, LEASE, now()).await {
                Ok(Claim::Fresh(_)) => {}
                Ok(Claim::InProgress) if is_asked => {}
                claim => panic!("{claim:?}, and it was asked for: {is_asked}"),
            }
        }
        let start = Instant::now();
        while sessions() > CONNECTIONS {
            assert!(start.elapsed() < faults::PATIENT, "{} sessions are left", sessions());
        }
    });
}

#[test]
fn expired_events_are_removed_in_the_background() {
    faults::run(async {
        let server = server();
        let url = server.new_database();
        let store = PostgresReplayStore::connect_with(options(&url)).await.unwrap();
        faults::churn(&store, 2000).await;
        let name = url.rsplit('/').next().unwrap();
        let rows: usize = server.psql(name, "SELECT count(*) FROM countersign_replay_1").parse().unwrap();
        assert!(rows < 1500, "{rows} rows for one live event");
    });
}

#[test]
fn a_role_that_may_not_create_tables_uses_an_existing_one() {
    faults::run(async {
        let server = server();
        let url = server.new_database();
        let name = url.rsplit('/').next().unwrap();
        server.psql(name, "DROP ROLE IF EXISTS hooks");
        server.psql(name, "CREATE ROLE hooks LOGIN");
        server.psql(name, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        let as_hooks = url.replace("postgres@", "hooks@");
        let refused = PostgresReplayStore::connect_with(options(&as_hooks)).await.unwrap_err();
        assert!(matches!(refused, PostgresStoreError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains("permission denied"), "{refused}");
        server.psql(name, SCHEMA);
        server.psql(name, "GRANT SELECT, INSERT, UPDATE, DELETE ON countersign_replay_1 TO hooks");
        for missing in ["SELECT", "INSERT, UPDATE", "DELETE"] {
            server.psql(name, &format!("REVOKE {missing} ON countersign_replay_1 FROM hooks"));
            let refused = PostgresReplayStore::connect_with(options(&as_hooks)).await.unwrap_err();
            assert!(refused.to_string().contains(&format!("lacks {missing} on")), "{refused:?}: {refused}");
            server.psql(name, &format!("GRANT {missing} ON countersign_replay_1 TO hooks"));
        }
        let store = PostgresReplayStore::connect_with(options(&as_hooks)).await.unwrap();
        faults::works(&store, "least privilege").await;
        drop(store);
        server.psql(name, "DROP OWNED BY hooks");
    });
}

#[test]
fn no_error_shows_the_password() {
    faults::run(async {
        let address = countersign_tests::servers::free_address();
        let secret = "correct-horse-battery";
        for url in [
            format!("postgresql://me:{secret}@{address}/db"),
            format!("postgresql://me:{secret}@{address}/db?sslmode={secret}"),
            format!("me:{secret}@{address} {secret}"),
        ] {
            let error = match PostgresOptions::new(&url) {
                Ok(options) => {
                    assert!(!format!("{options:?}").contains(secret), "{options:?}");
                    PostgresReplayStore::connect_with(options.with_timeout(faults::IMPATIENT)).await.unwrap_err()
                }
                Err(error) => error,
            };
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
    });
}

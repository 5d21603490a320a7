//! The stores on a full file system.

use std::{fs, path::Path, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Settlement},
};
use countersign_store::replay::{
    PostgresReplayStore, RedisReplayStore, SqliteReplayStore,
    postgres::{PostgresOptions, PostgresStoreError},
    redis::{RedisOptions, RedisStoreError},
    sqlite::SqliteStoreError,
};
use countersign_tests::{
    replay::key,
    replay_faults as faults,
    servers::{PostgresServer, RedisServer},
    small_disk::{Ballast, on_a_small_disk},
};

/// For SQLite's file: more than the largest write-ahead log, and a little for the file itself.
const SIZE: &str = "5m";

const BALLAST: usize = 512 << 10;

#[test]
fn a_full_disk_is_an_error_and_no_event_is_forgotten() {
    on_a_small_disk("a_full_disk_is_an_error_and_no_event_is_forgotten", SIZE, async |disk| fill_up(&disk).await);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(86_400);

async fn fill_up(disk: &Path) {
    let (path, ballast) = (disk.join("replays.db"), disk.join("ballast"));
    fs::write(&ballast, vec![1; BALLAST]).unwrap();
    let store = SqliteReplayStore::open(&path).unwrap();
    let mut done = Vec::new();
    let full = loop {
        let event = key("disk", &done.len().to_string());
        match handle(&store, event).await {
            Ok(()) => done.push(event),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, SqliteStoreError::NoSpace), "{full:?}");
    assert!(full.to_string().contains("free disk space"), "{full}");
    assert!(done.len() > 100, "{}", done.len());
    assert!(fs::write(disk.join("more"), vec![1; 64 << 10]).is_err(), "there is room on the disk");
    are_done(&store, &done).await;

    // The same holds for a store that opens the file again when there is room.
    fs::remove_file(ballast).unwrap();
    drop(store);
    let store = SqliteReplayStore::open(&path).unwrap();
    are_done(&store, &done).await;
    handle(&store, key("disk", "with room again")).await.unwrap();
}

async fn handle(store: &SqliteReplayStore, event: ReplayKey) -> Result<(), SqliteStoreError> {
    let Claim::Fresh(lease) = store.claim(event, LEASE, at(0)).await? else { panic!("a new event is known") };
    assert_eq!(store.commit(lease, KEEP, at(0)).await?, Settlement::Settled);
    Ok(())
}

async fn are_done(store: &impl ReplayStore, events: &[ReplayKey]) {
    for event in events {
        let claim = store.claim(*event, LEASE, at(1)).await;
        assert!(matches!(claim, Ok(Claim::Done)), "{claim:?}");
    }
}

/// At its start, Redis has a few hundred bytes there.
const FOR_REDIS: &str = "4m";

/// Enough for a few hundred events.
const ROOM: u64 = 128 << 10;

async fn in_redis(server: &RedisServer) -> RedisReplayStore {
    let options = RedisOptions::new(server.url()).unwrap().with_timeout(faults::PATIENT);
    RedisReplayStore::connect_with(options).await.unwrap()
}

#[test]
fn a_redis_that_cannot_write_refuses_claims_and_forgets_nothing() {
    on_a_small_disk("a_redis_that_cannot_write_refuses_claims_and_forgets_nothing", FOR_REDIS, async |disk| {
        let mut server = RedisServer::start_on(&disk, &["--appendfsync", "everysec"]);
        let store = in_redis(&server).await;
        let ballast = Ballast::leaving(ROOM, &disk);
        let is_about_room = |error: &RedisStoreError| matches!(error, RedisStoreError::CannotWrite { .. });
        let (store, mut said) = faults::a_server_that_has_no_room(store, is_about_room).await;
        are_done(&store, &said.committed()).await;
        ballast.remove();
        faults::works_again(&store, "with room again").await;
        said.is_true(&store).await;
        server.restart();
        faults::works_again(&store, "from the disk").await;
        said.is_true(&store).await;
    });
}

/// With `appendfsync always`, Redis exits when it cannot write.
#[test]
fn a_redis_that_exits_because_it_cannot_write_keeps_all_that_it_acknowledged() {
    let name = "a_redis_that_exits_because_it_cannot_write_keeps_all_that_it_acknowledged";
    on_a_small_disk(name, FOR_REDIS, async |disk| {
        let mut server = RedisServer::start_on(&disk, &[]);
        let store = in_redis(&server).await;
        let ballast = Ballast::leaving(ROOM, &disk);
        let is_gone = |error: &RedisStoreError| matches!(error, RedisStoreError::Unreachable { .. });
        let (store, mut said) = faults::a_server_that_has_no_room(store, is_gone).await;
        ballast.remove();
        server.restart();
        faults::works_again(&store, "with room again").await;
        said.is_true(&store).await;
    });
}

async fn in_postgres(url: &str) -> PostgresReplayStore {
    let options = PostgresOptions::new(url).unwrap().with_timeout(faults::PATIENT);
    PostgresReplayStore::connect_with(options).await.unwrap()
}

#[test]
fn a_postgres_without_room_for_its_tables_refuses_claims_and_forgets_nothing() {
    on_a_small_disk("a_postgres_without_room_for_its_tables_refuses_claims_and_forgets_nothing", "4m", async |disk| {
        let server = PostgresServer::start();
        let store = in_postgres(&server.new_database_on(&disk)).await;
        let ballast = Ballast::leaving(ROOM, &disk);
        let is_full = |error: &PostgresStoreError| matches!(error, PostgresStoreError::Full);
        let (store, mut said) = faults::a_server_that_has_no_room(store, is_full).await;
        ballast.remove();
        faults::works_again(&store, "with room again").await;
        said.is_true(&store).await;
    });
}

/// Postgres exits when it cannot write its write-ahead log.
#[test]
fn a_postgres_without_room_for_its_log_keeps_all_that_it_acknowledged() {
    let name = "a_postgres_without_room_for_its_log_keeps_all_that_it_acknowledged";
    on_a_small_disk(name, "8m", async |disk| {
        let mut server = PostgresServer::start_with_log_on(&disk);
        let store = in_postgres(&server.url("postgres")).await;
        let ballast = Ballast::leaving(ROOM, &disk);
        server.use_up_log();
        let is_gone = |error: &PostgresStoreError| {
            matches!(error, PostgresStoreError::Unreachable { .. } | PostgresStoreError::Full)
        };
        let (store, mut said) = faults::a_server_that_has_no_room(store, is_gone).await;
        ballast.remove();
        server.restart();
        faults::works_again(&store, "with room again").await;
        said.is_true(&store).await;
    });
}

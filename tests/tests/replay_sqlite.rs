//! The store in an SQLite file.

use std::{
    future::poll_fn,
    path::Path,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};
use countersign_store::replay::{
    SqliteReplayStore,
    sqlite::{SqliteOptions, SqliteStoreError},
};
use countersign_tests::{
    replay::key,
    replay_conformance, replay_faults as faults,
    servers::{Alternating, On},
};
use rusqlite::Connection;
use tempfile::TempDir;

fn open() -> On<SqliteReplayStore, TempDir> {
    let folder = TempDir::new().unwrap();
    let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options()).unwrap();
    On::new(store, folder)
}

fn open_two() -> On<Alternating<SqliteReplayStore>, TempDir> {
    let folder = TempDir::new().unwrap();
    let open = || SqliteReplayStore::open_with(folder.path().join("replays.db"), options()).unwrap();
    On::new(Alternating::new(open(), open()), folder)
}

fn open_just_large_enough() -> On<SqliteReplayStore, TempDir> {
    let folder = TempDir::new().unwrap();
    let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options().with_capacity(45)).unwrap();
    On::new(store, folder)
}

fn options() -> SqliteOptions {
    SqliteOptions::new().with_lock_timeout(faults::PATIENT)
}

replay_conformance!(sqlite, async { open() });
replay_conformance!(sqlite_in_memory, async { SqliteReplayStore::in_memory().unwrap() });
replay_conformance!(sqlite_with_just_enough_room, async { open_just_large_enough() });
replay_conformance!(two_processes, async { open_two() });

const MINUTE: Duration = Duration::from_secs(60);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + millis)
}

fn event(number: usize) -> ReplayKey {
    key("many", &number.to_string())
}

async fn fresh(store: &SqliteReplayStore, event: ReplayKey, now: Timestamp) -> Lease {
    match store.claim(event, MINUTE, now).await {
        Ok(Claim::Fresh(lease)) => lease,
        other => panic!("expected a fresh claim, got {other:?}"),
    }
}

async fn done(store: &SqliteReplayStore, event: ReplayKey, keep_for: Duration, now: Timestamp) {
    let lease = fresh(store, event, now).await;
    assert_eq!(store.commit(lease, keep_for, now).await.unwrap(), Settlement::Settled);
}

#[test]
fn a_reopened_file_has_all_acknowledged_events() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("replays.db");
        let store = SqliteReplayStore::open(&path).unwrap();
        done(&store, event(1), MINUTE, at(0)).await;
        let held = fresh(&store, event(2), at(0)).await;
        drop(store);
        let store = SqliteReplayStore::open(&path).unwrap();
        assert!(matches!(store.claim(event(1), MINUTE, at(1)).await, Ok(Claim::Done)));
        assert!(matches!(store.claim(event(2), MINUTE, at(1)).await, Ok(Claim::InProgress)));
        assert_eq!(store.release(held, at(2)).await.unwrap(), Settlement::Settled);
    });
}

#[test]
fn a_full_store_forgets_nothing_and_has_room_to_the_millisecond_when_an_event_expires() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let options = options().with_capacity(50);
        let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options).unwrap();
        for number in 0..50 {
            done(&store, event(number), Duration::from_millis(1000 + number as u64), at(0)).await;
        }
        for number in 50..60 {
            let error = store.claim(event(number), MINUTE, at(999)).await.unwrap_err();
            assert!(matches!(error, SqliteStoreError::Full { capacity: 50 }), "{error:?}");
        }
        for number in 0..50 {
            assert!(matches!(store.claim(event(number), MINUTE, at(999)).await, Ok(Claim::Done)));
        }
        for number in 0..50 {
            let end = 1000 + i64::try_from(number).unwrap();
            assert!(store.claim(event(100 + number), MINUTE, at(end - 1)).await.is_err(), "{number}");
            drop(fresh(&store, event(100 + number), at(end)).await);
        }
    });
}

#[test]
fn new_events_remove_expired_ones() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("replays.db");
        let store = SqliteReplayStore::open(&path).unwrap();
        faults::churn(&store, 2000).await;
        let (rows, counted) = rows(&path);
        // There were 360 events in an hour.
        assert!(rows < 400, "{rows} rows for one live event");
        assert_eq!(rows, counted);
    });
}

#[test]
fn a_clock_that_is_temporarily_ahead_removes_nothing_while_there_is_room() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let store = SqliteReplayStore::open(folder.path().join("replays.db")).unwrap();
        done(&store, event(0), MINUTE, at(0)).await;
        for number in 1..20 {
            done(&store, event(number), MINUTE, at(3_600_000)).await;
        }
        for number in 0..20 {
            assert!(matches!(store.claim(event(number), MINUTE, at(1)).await, Ok(Claim::Done)), "{number}");
        }
    });
}

fn rows(path: &Path) -> (i64, i64) {
    let connection = Connection::open(path).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).unwrap();
    (count("SELECT count(*) FROM countersign_replay_1"), count("SELECT events FROM countersign_replay_1_count"))
}

#[test]
fn a_file_at_its_byte_limit_refuses_claims_and_forgets_nothing() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let limit = 64 << 10;
        let options = options().with_bytes(limit);
        let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options).unwrap();
        let (mut kept, mut full) = (Vec::new(), None);
        for number in 0..5000 {
            match store.claim(event(number), MINUTE, at(0)).await {
                Ok(Claim::Fresh(lease)) => {
                    let commit = store.commit(lease, MINUTE, at(0)).await;
                    assert_eq!(commit.unwrap(), Settlement::Settled);
                    kept.push(event(number));
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    full = Some(error);
                    break;
                }
            }
        }
        let full = full.expect("64 KiB are not enough");
        assert!(matches!(full, SqliteStoreError::ByteLimit { bytes } if bytes == limit), "{full:?}");
        assert!(full.to_string().contains("no more than 65536 bytes: raise `with_bytes`"), "{full}");
        assert!(kept.len() > 100);
        for event in kept {
            assert!(matches!(store.claim(event, MINUTE, at(59_999)).await, Ok(Claim::Done)));
        }
        // Expired events make room, and the file does not grow.
        done(&store, event(6000), MINUTE, at(60_000)).await;
    });
}

#[test]
fn a_file_at_its_byte_limit_replaces_expired_events() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let options = options().with_bytes(64 << 10);
        let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options).unwrap();
        for number in 0..2000 {
            done(&store, event(number), Duration::from_millis(10), at(i64::try_from(number).unwrap() * 1000)).await;
        }
    });
}

#[test]
fn commits_succeed_in_a_batch_whose_claims_find_no_room() {
    for _ in 0..3 {
        faults::run(handled_beside_claims());
    }
}

async fn handled_beside_claims() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("replays.db");
    let store = SqliteReplayStore::open_with(&path, options().with_bytes(64 << 10)).unwrap();
    let mut leases = Vec::new();
    for number in 0..20 {
        leases.push(fresh(&store, event(number), at(0)).await);
    }
    let mut number = 20;
    while store.claim(event(number), MINUTE, at(0)).await.is_ok() {
        number += 1;
    }
    let commits = leases.into_iter().map(|lease| store.commit(lease, MINUTE, at(1)));
    let claims = (number..number + 200).map(|number| store.claim(event(number), MINUTE, at(1)));
    // While the file is locked the calls queue up, and then share a transaction.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlocked = async { other.execute_batch("ROLLBACK").unwrap() };
    let (claims, commits, ()) = tokio::join!(join(claims.collect()), join(commits.collect()), unlocked);
    assert!(claims.iter().any(|claim| matches!(claim, Err(SqliteStoreError::ByteLimit { .. }))), "there is room");
    assert!(commits.iter().all(|commit| matches!(commit, Ok(Settlement::Settled))), "{commits:?}");
}

/// A store, and a connection to its file that can lock it.
fn beside_another(options: SqliteOptions) -> (TempDir, SqliteReplayStore, Connection) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("replays.db");
    let store = SqliteReplayStore::open_with(&path, options).unwrap();
    (folder, store, Connection::open(path).unwrap())
}

#[test]
fn a_file_that_another_process_has_locked_is_an_error_until_it_is_free() {
    faults::run(async {
        let (_folder, store, other) = beside_another(SqliteOptions::new().with_lock_timeout(Duration::from_millis(50)));
        let lease = fresh(&store, event(1), at(0)).await;
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = store.claim(event(2), MINUTE, at(0)).await.unwrap_err();
        assert!(matches!(error, SqliteStoreError::Locked { .. }), "{error:?}");
        assert!(store.commit(lease, MINUTE, at(1)).await.is_err());
        other.execute_batch("ROLLBACK").unwrap();
        assert!(matches!(store.claim(event(1), MINUTE, at(2)).await, Ok(Claim::InProgress)));
        done(&store, event(2), MINUTE, at(2)).await;
    });
}

#[test]
fn a_claim_that_nobody_waits_for_any_more_does_not_block_its_event() {
    faults::run(async {
        let (_folder, store, other) = beside_another(SqliteOptions::new().with_lock_timeout(Duration::from_secs(20)));
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut claim = Box::pin(store.claim(event(1), MINUTE, at(0)));
        assert!(poll_fn(|context| Poll::Ready(claim.as_mut().poll(context).is_pending())).await);
        // The thread waits for the lock by now, and will make the claim.
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(claim);
        other.execute_batch("ROLLBACK").unwrap();
        done(&store, event(1), MINUTE, at(1)).await;
    });
}

#[test]
fn a_limit_of_bytes_that_has_no_room_for_the_table_is_an_error() {
    let folder = TempDir::new().unwrap();
    for bytes in [0, 1, 4096] {
        let path = folder.path().join(format!("{bytes}.db"));
        let opened = SqliteReplayStore::open_with(&path, SqliteOptions::new().with_bytes(bytes));
        assert!(matches!(opened, Err(SqliteStoreError::NoSpace)), "{bytes}: {opened:?}");
    }
}

#[test]
fn a_commit_waits_for_the_file_twice_as_long_as_a_claim() {
    faults::run(async {
        let (_folder, store, other) =
            beside_another(SqliteOptions::new().with_lock_timeout(Duration::from_millis(500)));
        let lease = fresh(&store, event(1), at(0)).await;
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // While the thread waits for the lock for this call, the others queue up, and then share a transaction.
        let mut first = pin!(store.claim(event(2), MINUTE, at(0)));
        assert!(poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending())).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let claim_fails = async {
            let error = store.claim(event(3), MINUTE, at(0)).await.unwrap_err();
            assert!(matches!(error, SqliteStoreError::Locked { .. }), "{error:?}");
            other.execute_batch("ROLLBACK").unwrap();
        };
        let (commit, ()) = tokio::join!(store.commit(lease, MINUTE, at(1)), claim_fails);
        assert_eq!(commit.unwrap(), Settlement::Settled);
        assert!(first.await.is_err());
        assert!(matches!(store.claim(event(1), MINUTE, at(2)).await, Ok(Claim::Done)));
    });
}

#[test]
fn stores_that_always_have_something_to_write_let_each_other_write() {
    const CALLS: usize = 16;
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("replays.db");
        let start = Instant::now();
        let mut workers = Vec::new();
        for at in 0..3 {
            // The last store is opened while the others write.
            let store = Arc::new(SqliteReplayStore::open(&path).unwrap());
            let worker = |number| tokio::spawn(handle_all(Arc::clone(&store), start, event_of(at, number)));
            workers.extend((0..CALLS).map(worker));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut longest = Duration::ZERO;
        for worker in workers {
            longest = longest.max(worker.await.unwrap());
        }
        assert!(longest < Duration::from_secs(1), "a call took {longest:?}");
    });
}

fn event_of(store: usize, worker: usize) -> impl Fn(usize) -> ReplayKey {
    move |number| key("turns", &format!("{store} {worker} {number}"))
}

/// Claims and commits without a pause for some seconds, and returns the time of the longest call.
async fn handle_all(store: Arc<SqliteReplayStore>, start: Instant, event: impl Fn(usize) -> ReplayKey) -> Duration {
    let (mut number, mut longest) = (0, Duration::ZERO);
    while start.elapsed() < Duration::from_secs(4) {
        let before = Instant::now();
        let lease = fresh(&store, event(number), at(0)).await;
        longest = longest.max(before.elapsed());
        let before = Instant::now();
        assert_eq!(store.commit(lease, MINUTE, at(0)).await.unwrap(), Settlement::Settled);
        longest = longest.max(before.elapsed());
        number += 1;
    }
    longest
}

#[test]
fn calls_beyond_the_waiting_limit_are_refused() {
    faults::run(async {
        let (_folder, store, other) =
            beside_another(SqliteOptions::new().with_lock_timeout(Duration::from_millis(500)).with_waiting(4));
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // The thread has one call, and takes all waiting ones when it begins a transaction. Four wait.
        let mut first = pin!(store.claim(event(0), MINUTE, at(0)));
        assert!(poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending())).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let calls: Vec<_> = (1..=10).map(|number| store.claim(event(number), MINUTE, at(0))).collect();
        let mut busy = 0;
        for answer in join(calls).await {
            busy += usize::from(matches!(answer, Err(SqliteStoreError::Busy { waiting: 4 })));
        }
        assert_eq!(busy, 6, "were refused");
        assert!(first.await.is_err());
        other.execute_batch("ROLLBACK").unwrap();
        done(&store, event(100), MINUTE, at(0)).await;
    });
}

/// The outputs of calls that run concurrently.
async fn join<T>(calls: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (Box::pin(call), None)).collect();
    poll_fn(|context| {
        for (call, answer) in &mut calls {
            if answer.is_none()
                && let Poll::Ready(ready) = call.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if calls.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    calls.into_iter().filter_map(|(_, answer)| answer).collect()
}

#[test]
fn extreme_options_are_accepted() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let options = SqliteOptions::new().with_waiting(usize::MAX).with_lock_timeout(Duration::MAX);
        let store = SqliteReplayStore::open_with(folder.path().join("replays.db"), options).unwrap();
        done(&store, event(1), MINUTE, at(0)).await;
    });
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("replays.db");
    std::fs::write(&path, "something else, and more than a hundred bytes of it, ".repeat(100)).unwrap();
    let error = SqliteReplayStore::open(&path).unwrap_err();
    assert!(matches!(error, SqliteStoreError::Failed { .. }), "{error:?}");
    let error = SqliteReplayStore::open(folder.path().join("no folder").join("replays.db")).unwrap_err();
    assert!(matches!(error, SqliteStoreError::Failed { .. }), "{error:?}");
}

#[test]
fn the_thread_ends_with_the_store() {
    faults::run(async {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("replays.db");
        let store = SqliteReplayStore::open(&path).unwrap();
        done(&store, event(1), MINUTE, at(0)).await;
        let log = folder.path().join("replays.db-wal");
        assert!(log.exists());
        drop(store);
        // The last connection that closes the file removes its log.
        while log.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

//! The store in an SQLite file on a file system that is really full.

use std::{env, fs, path::Path, process::Command, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Settlement},
};
use countersign_store::replay::{SqliteReplayStore, sqlite::SqliteStoreError};
use countersign_tests::{replay::key, replay_faults as faults};
use tempfile::TempDir;

/// Tells the test that it runs where a small file system is mounted, and in which folder.
const MOUNTED: &str = "COUNTERSIGN_TESTS_SMALL_DISK";

/// More than the log of writes may grow to, and a little for the file itself.
const SIZE: &str = "size=5m";

const BALLAST: usize = 512 << 10;

#[test]
fn a_disk_that_is_full_is_an_error_and_forgets_nothing() {
    if let Some(disk) = env::var_os(MOUNTED) {
        return faults::run(fill_up(Path::new(&disk)));
    }
    let folder = TempDir::new().unwrap();
    // In a space of mounts of its own, in which whoever may make one may mount what is in memory.
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(folder.path());
        command.arg(env::current_exe().unwrap()).env(MOUNTED, folder.path());
        command.output()
    };
    let mount = format!("mount -t tmpfs -o {SIZE} tmpfs \"$1\"");
    if !run(&mount).is_ok_and(|output| output.status.success()) {
        eprintln!("NOT TESTED: a full disk, for this system lets nobody mount one of their own");
        return;
    }
    let test = "a_disk_that_is_full_is_an_error_and_forgets_nothing";
    let output = run(&format!("{mount} && exec \"$2\" --exact {test} --nocapture")).unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
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
    assert!(done.len() > 100, "{}", done.len());
    assert!(fs::write(disk.join("more"), vec![1; 64 << 10]).is_err(), "there is room on the disk");
    are_done(&store, &done).await;

    // Nor has whoever opens the file again, when there is room.
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

async fn are_done(store: &SqliteReplayStore, events: &[ReplayKey]) {
    for event in events {
        let claim = store.claim(*event, LEASE, at(1)).await;
        assert!(matches!(claim, Ok(Claim::Done)), "{claim:?}");
    }
}

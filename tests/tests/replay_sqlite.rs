//! The store in an SQLite file.

use countersign_store::replay::SqliteReplayStore;
use countersign_tests::{replay_conformance, servers::On};
use tempfile::TempDir;

async fn open() -> On<SqliteReplayStore, TempDir> {
    let folder = TempDir::new().unwrap();
    let store = SqliteReplayStore::open(folder.path().join("replays.db")).unwrap();
    On::new(store, folder)
}

replay_conformance!(sqlite, open());
replay_conformance!(sqlite_in_memory, async { SqliteReplayStore::in_memory().unwrap() });

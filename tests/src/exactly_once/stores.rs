//! The stores, by name.

use std::{fmt, fmt::Display, str::FromStr, sync::Arc, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_store::replay::{
    PostgresReplayStore, RedisReplayStore, SqliteReplayStore, postgres::PostgresOptions, redis::RedisOptions,
    sqlite::SqliteOptions,
};

/// The name of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In memory: the workers are tasks of one process.
    Memory,
    /// An SQLite file.
    Sqlite,
    /// A Postgres server that is started for the run.
    Postgres,
    /// A Redis server that is started for the run.
    Redis,
}

impl StoreKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Memory, Self::Sqlite, Self::Postgres, Self::Redis];
        all.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("there is no store `{name}`"))
    }
}

/// An open store.
#[derive(Clone, Debug)]
pub enum Kept {
    /// In memory.
    Memory(Arc<MemoryStore>),
    /// In an SQLite file.
    Sqlite(Arc<SqliteReplayStore>),
    /// In Postgres.
    Postgres(Arc<PostgresReplayStore>),
    /// In Redis.
    Redis(Arc<RedisReplayStore>),
}

/// The timeout of a call, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Kept {
    /// Opens the store at a path or URL.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    pub async fn open(kind: StoreKind, place: &str) -> Self {
        match kind {
            StoreKind::Memory => Self::Memory(Arc::new(MemoryStore::with_capacity(2_000_000))),
            StoreKind::Sqlite => {
                let options = SqliteOptions::new().with_lock_timeout(TIMEOUT);
                Self::Sqlite(Arc::new(SqliteReplayStore::open_with(place, options).expect("the file can be opened")))
            }
            StoreKind::Postgres => {
                let options = PostgresOptions::new(place).expect("the URL is good").with_timeout(TIMEOUT);
                let store = PostgresReplayStore::connect_with(options).await;
                Self::Postgres(Arc::new(store.expect("Postgres can be reached")))
            }
            StoreKind::Redis => {
                let options = RedisOptions::new(place).expect("the URL is good").with_timeout(TIMEOUT);
                let store = RedisReplayStore::connect_with(options).await;
                Self::Redis(Arc::new(store.expect("Redis can be reached")))
            }
        }
    }
}

impl ReplayStore for Kept {
    type Error = StoreFailed;

    async fn claim(&self, key: ReplayKey, lease: Duration, now: Timestamp) -> Result<Claim, StoreFailed> {
        match self {
            Self::Memory(store) => store.claim(key, lease, now).await.map_err(failed),
            Self::Sqlite(store) => store.claim(key, lease, now).await.map_err(failed),
            Self::Postgres(store) => store.claim(key, lease, now).await.map_err(failed),
            Self::Redis(store) => store.claim(key, lease, now).await.map_err(failed),
        }
    }

    async fn commit(&self, lease: Lease, keep: Duration, now: Timestamp) -> Result<Settlement, StoreFailed> {
        match self {
            Self::Memory(store) => store.commit(lease, keep, now).await.map_err(failed),
            Self::Sqlite(store) => store.commit(lease, keep, now).await.map_err(failed),
            Self::Postgres(store) => store.commit(lease, keep, now).await.map_err(failed),
            Self::Redis(store) => store.commit(lease, keep, now).await.map_err(failed),
        }
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, StoreFailed> {
        match self {
            Self::Memory(store) => store.release(lease, now).await.map_err(failed),
            Self::Sqlite(store) => store.release(lease, now).await.map_err(failed),
            Self::Postgres(store) => store.release(lease, now).await.map_err(failed),
            Self::Redis(store) => store.release(lease, now).await.map_err(failed),
        }
    }
}

fn failed(error: impl Display) -> StoreFailed {
    StoreFailed(error.to_string())
}

/// The error of one of the stores.
#[derive(Debug)]
pub struct StoreFailed(String);

impl Display for StoreFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreFailed {}

//! The replay store of a gateway: in memory, in SQLite, in Redis or in Postgres.

use std::{error::Error, fmt, path::PathBuf, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_store::replay::{
    LayeredReplayStore, PostgresReplayStore, RedisReplayStore, SqliteReplayStore,
    postgres::{PostgresOptions, PostgresStoreError},
    redis::{RedisOptions, RedisStoreError},
    sqlite::SqliteOptions,
};

/// The store that the configuration names. It does not change while the gateway runs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StorePlan {
    /// In the memory of this process.
    Memory {
        capacity: usize,
    },
    Sqlite {
        path: PathBuf,
        capacity: Option<u64>,
    },
    Redis(Remote),
    Postgres(Remote),
}

/// A store on a server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The URL, which may hold a password.
    pub(crate) url: String,
    /// The certificates of trusted authorities for TLS, in PEM, instead of the public ones.
    pub(crate) authorities: Option<String>,
    /// How many events that this process has handled it keeps in memory, so as not to ask the server again.
    pub(crate) copies: usize,
    /// How long a call to the server may take, if not the store's default.
    pub(crate) timeout: Option<Duration>,
}

/// An open store.
pub(crate) enum Store {
    Memory(MemoryStore),
    Sqlite(SqliteReplayStore),
    Redis(Box<LayeredReplayStore<RedisReplayStore>>),
    Postgres(Box<LayeredReplayStore<PostgresReplayStore>>),
}

/// Why a store cannot be opened, or a call to it failed.
#[derive(Debug)]
pub(crate) struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    fn of(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl StorePlan {
    /// A million events: 53 MB at most.
    pub(crate) const DEFAULT_CAPACITY: usize = 1_000_000;

    /// Opens the store. Must be called in the runtime of the gateway.
    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Ok(match self {
            Self::Memory { capacity } => Store::Memory(MemoryStore::with_capacity(*capacity)),
            Self::Sqlite { path, capacity } => {
                let options = SqliteOptions::new();
                let options = capacity.map_or(options, |capacity| options.with_capacity(capacity));
                Store::Sqlite(SqliteReplayStore::open_with(path, options).map_err(StoreError::of)?)
            }
            Self::Redis(remote) => {
                let shared = remote.redis().await.map_err(StoreError::of)?;
                Store::Redis(Box::new(LayeredReplayStore::with_copies(shared, remote.copies)))
            }
            Self::Postgres(remote) => {
                let shared = remote.postgres().await.map_err(StoreError::of)?;
                Store::Postgres(Box::new(LayeredReplayStore::with_copies(shared, remote.copies)))
            }
        })
    }
}

impl Remote {
    /// 100,000 events: 6 MB at most.
    pub(crate) const DEFAULT_COPIES: usize = 100_000;

    async fn redis(&self) -> Result<RedisReplayStore, RedisStoreError> {
        let mut options = RedisOptions::new(&self.url)?;
        if let Some(pem) = &self.authorities {
            options = options.with_only_root_pem(pem)?;
        }
        if let Some(timeout) = self.timeout {
            options = options.with_timeout(timeout);
        }
        RedisReplayStore::connect_with(options).await
    }

    async fn postgres(&self) -> Result<PostgresReplayStore, PostgresStoreError> {
        let mut options = PostgresOptions::new(&self.url)?;
        if let Some(pem) = &self.authorities {
            options = options.with_only_root_pem(pem)?;
        }
        if let Some(timeout) = self.timeout {
            options = options.with_timeout(timeout);
        }
        PostgresReplayStore::connect_with(options).await
    }
}

impl ReplayStore for Store {
    type Error = StoreError;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, StoreError> {
        match self {
            Self::Memory(store) => store.claim_at(key, lease_for, now).map_err(StoreError::of),
            Self::Sqlite(store) => store.claim(key, lease_for, now).await.map_err(StoreError::of),
            Self::Redis(store) => store.claim(key, lease_for, now).await.map_err(StoreError::of),
            Self::Postgres(store) => store.claim(key, lease_for, now).await.map_err(StoreError::of),
        }
    }

    fn claim_at_once(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Option<Result<Claim, StoreError>> {
        match self {
            Self::Memory(store) => store.claim_at_once(key, lease_for, now).map(|claim| claim.map_err(StoreError::of)),
            Self::Sqlite(store) => store.claim_at_once(key, lease_for, now).map(|claim| claim.map_err(StoreError::of)),
            Self::Redis(store) => store.claim_at_once(key, lease_for, now).map(|claim| claim.map_err(StoreError::of)),
            Self::Postgres(store) => {
                store.claim_at_once(key, lease_for, now).map(|claim| claim.map_err(StoreError::of))
            }
        }
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.commit_at(lease, keep_for, now)),
            Self::Sqlite(store) => store.commit(lease, keep_for, now).await.map_err(StoreError::of),
            Self::Redis(store) => store.commit(lease, keep_for, now).await.map_err(StoreError::of),
            Self::Postgres(store) => store.commit(lease, keep_for, now).await.map_err(StoreError::of),
        }
    }

    fn commit_at_once(
        &self,
        lease: Lease,
        keep_for: Duration,
        now: Timestamp,
    ) -> Result<Result<Settlement, StoreError>, Lease> {
        match self {
            Self::Memory(store) => Ok(store.commit_at_once(lease, keep_for, now)?.map_err(StoreError::of)),
            Self::Sqlite(store) => Ok(store.commit_at_once(lease, keep_for, now)?.map_err(StoreError::of)),
            Self::Redis(store) => Ok(store.commit_at_once(lease, keep_for, now)?.map_err(StoreError::of)),
            Self::Postgres(store) => Ok(store.commit_at_once(lease, keep_for, now)?.map_err(StoreError::of)),
        }
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, StoreError> {
        match self {
            Self::Memory(store) => Ok(store.release_at(lease, now)),
            Self::Sqlite(store) => store.release(lease, now).await.map_err(StoreError::of),
            Self::Redis(store) => store.release(lease, now).await.map_err(StoreError::of),
            Self::Postgres(store) => store.release(lease, now).await.map_err(StoreError::of),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

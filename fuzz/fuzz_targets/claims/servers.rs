#![no_main]
//! Any sequence of claims, commits and releases in Redis, with and without a cache, and in Postgres. The target starts
//! the servers: `fuzz/run.sh SECONDS claims_in_servers`.

mod model;

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use countersign_store::replay::{
    LayeredReplayStore, PostgresReplayStore, RedisReplayStore, postgres::PostgresOptions, redis::RedisOptions,
};
use countersign_tests::{
    replay_faults::PATIENT,
    servers::{PostgresServer, RedisServer},
};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

use model::{Run, keys};

/// The stores and their servers, which run as long as the process.
struct Stores {
    runtime: Runtime,
    redis: RedisReplayStore,
    layered: LayeredReplayStore<RedisReplayStore>,
    postgres: PostgresReplayStore,
    _servers: (RedisServer, PostgresServer),
}

static STORES: LazyLock<Stores> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    // Durability does not matter here.
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let database = PostgresServer::start();
    database.psql("postgres", "ALTER SYSTEM SET fsync = off");
    database.psql("postgres", "SELECT pg_reload_conf()");
    let (redis, layered, postgres) = runtime.block_on(async {
        let redis = || RedisOptions::new(server.url()).unwrap().with_timeout(PATIENT);
        let postgres = PostgresOptions::new(database.url("postgres")).unwrap().with_timeout(PATIENT);
        (
            RedisReplayStore::connect_with(redis()).await.unwrap(),
            LayeredReplayStore::new(RedisReplayStore::connect_with(redis()).await.unwrap()),
            PostgresReplayStore::connect_with(postgres).await.unwrap(),
        )
    });
    Stores { runtime, redis, layered, postgres, _servers: (server, database) }
});

/// The number of inputs, so that each has its own events.
static INPUTS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|data: &[u8]| {
    let Some((kind, steps)) = data.split_first() else { return };
    let keys = keys(&format!("fuzz {}", INPUTS.fetch_add(1, Ordering::Relaxed)));
    let stores = &*STORES;
    match kind % 8 {
        0..=3 => stores.runtime.block_on(Run::new(&stores.redis, usize::MAX, &keys).all(steps)),
        4 | 5 => stores.runtime.block_on(Run::new(&stores.layered, usize::MAX, &keys).all(steps)),
        // Far slower, so that fewer inputs choose it.
        _ => stores.runtime.block_on(Run::new(&stores.postgres, usize::MAX, &keys).all(steps)),
    }
});

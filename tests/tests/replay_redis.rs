//! The store in Redis.

use countersign_store::replay::RedisReplayStore;
use countersign_tests::{
    replay_conformance,
    servers::{On, RedisServer},
};

async fn open() -> On<RedisReplayStore, RedisServer> {
    let server = RedisServer::start();
    let store = RedisReplayStore::connect(server.url()).await.unwrap();
    On::new(store, server)
}

replay_conformance!(redis, open());

//! Replay stores: what became of events, kept where a restart does not forget it.

#[cfg(any(feature = "redis", feature = "sqlite"))]
mod fence;
#[cfg(any(feature = "redis", feature = "sqlite"))]
mod moment;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "redis")]
pub use redis::RedisReplayStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteReplayStore;

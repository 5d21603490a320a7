//! Replay stores that survive a restart of the process.

#[cfg(any(feature = "postgres", feature = "redis"))]
mod attempt;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod fence;
mod layered;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod moment;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod operation;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(all(feature = "tls", any(feature = "postgres", feature = "redis")))]
mod tls;

pub use layered::LayeredReplayStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresReplayStore;
#[cfg(feature = "redis")]
pub use redis::RedisReplayStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteReplayStore;

//! Stores that outlive a process, or that several share, behind the traits of [Countersign](countersign).
//!
//! [`replay`] has the stores for the replay guard, [`ReplayStore`](countersign::ReplayStore):
//!
//! | | feature | for | keeps events over |
//! |---|---|---|---|
//! | [`SqliteReplayStore`](replay::SqliteReplayStore) | `sqlite` | one machine, any number of processes | the end of the process, of the power |
//! | [`PostgresReplayStore`](replay::PostgresReplayStore) | `postgres` | any number of machines | what the server's commits survive |
//! | [`RedisReplayStore`](replay::RedisReplayStore) | `redis` | any number of machines | what Redis is set to survive |
//!
//! [`LayeredReplayStore`](replay::LayeredReplayStore) answers in front of a shared store what this process has committed itself.
//! The store in memory, [`MemoryStore`](countersign::replay::MemoryStore), is in `countersign` itself.
//!
//! They all keep the same contract, which one suite of tests holds them to, against real servers: of any number of claims
//! of one event one is fresh, a lease that is over changes nothing, time is what the caller says. An answer is the truth or an
//! error, whatever breaks in between.
//!
//! # Features
//!
//! All are off by default, and each only adds.
//!
//! **`sqlite`**: SQLite, compiled in; needs a C compiler.
//!
//! **`postgres`**: Postgres 12 or later, over TCP or a Unix socket, on the tokio runtime.
//!
//! **`redis`**: Redis 6 or later and Valkey, one server or a cluster, over TCP or a Unix socket, on the tokio
//! runtime.
//!
//! **`tls`**: connections to servers over TLS, by rustls with `ring`, to public authorities or your own. Without it a URL that
//! asks for TLS is refused.
//!
//! # What it does not do
//!
//! Handlers do not run exactly once: no store can see whether one that was cut off half-way had its effect. With all of
//! them, an event is handled by nobody else while its lease holds, and never again once its commit was acknowledged, for as
//! long as it is kept.

pub mod replay;

pub use countersign;

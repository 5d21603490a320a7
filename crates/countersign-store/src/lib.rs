//! Replay stores for [Countersign](countersign) that outlive a process, or that several processes share.
//!
//! [`replay`] has the implementations of [`ReplayStore`](countersign::ReplayStore):
//!
//! | | feature | for | events survive |
//! |---|---|---|---|
//! | [`SqliteReplayStore`](replay::SqliteReplayStore) | `sqlite` | one machine, any number of processes | a crash, a power failure |
//! | [`PostgresReplayStore`](replay::PostgresReplayStore) | `postgres` | any number of machines | what the server's commits survive |
//! | [`RedisReplayStore`](replay::RedisReplayStore) | `redis` | any number of machines | what Redis is configured to survive |
//!
//! [`LayeredReplayStore`](replay::LayeredReplayStore) caches in memory, in front of a shared store, what this process
//! has committed. The store in memory, [`MemoryStore`](countersign::replay::MemoryStore), is in `countersign` itself.
//!
//! All stores keep the same contract, and one suite of tests checks it against real servers. Of any number of claims of
//! one event, one is fresh. An expired lease changes nothing. The time is what the caller passes. Whatever breaks in
//! between, an answer is correct, or it is an error.
//!
//! # Features
//!
//! All features are off by default, and each only adds something.
//!
//! **`sqlite`**: SQLite, compiled in; needs a C compiler.
//!
//! **`postgres`**: Postgres 12 or later, over TCP or a Unix socket, on the tokio runtime.
//!
//! **`redis`**: Redis 6 or later and Valkey, one server or a cluster, over TCP or a Unix socket, on the tokio
//! runtime.
//!
//! **`tls`**: connections to servers over TLS, by rustls with `ring`. The server's certificate must lead to a public
//! root or to one of your own. Without this feature, a URL that asks for TLS is an error.
//!
//! # What it does not do
//!
//! Handlers do not run exactly once: no store knows whether a handler that was interrupted had its effect. What every
//! store promises: while a lease is valid, no other handler gets its event. Once a commit was acknowledged, no handler
//! gets the event again for as long as it is kept.

pub mod replay;

pub use countersign;

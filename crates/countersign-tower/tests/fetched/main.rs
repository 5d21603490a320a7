//! Fetched keys, from real servers: HTTPS on this machine, with certificates made for the test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod cache;
mod certificates;
mod fetches;
mod hostile;
mod in_body;
mod named_urls;
mod questions;
mod server;
mod settings;
mod world;

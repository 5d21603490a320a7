//! Verify webhooks at the receiver: signature, timestamp and layout are checked before your code sees a byte.
//!
//! This crate is the sans-IO heart of Countersign: it knows no runtime, no socket, no file and no clock. It is given
//! bytes and the time, and answers. For a tower layer see `countersign-tower`, for axum extractors `countersign-axum`.
//!
//! ```
//! use countersign::{Timestamp, Verifier, providers};
//!
//! // Once, at start-up: the secret from the provider's page becomes a keyed hash state.
//! let verifier = Verifier::new(providers::SLACK, "8f742231b10e8888abcd99yyyzzz85a5")?;
//!
//! // For each request: its head, its raw body, and the time of its arrival.
//! let (parts, body) = http::Request::post("/slack")
//!     .header("X-Slack-Request-Timestamp", "1531420618")
//!     .header("X-Slack-Signature", "v0=d3e4b0b5a9e27e1d2fd8ab0dd2a7c8b2d9b1cbb2a5a7d1d5b58e9c9e8f6cdb70")
//!     .body("token=xyzz0WbapA4vBCDEFasx0q6G")?
//!     .into_parts();
//! let now = Timestamp::from_unix_seconds(1_531_420_618);
//!
//! let refused = verifier.verify(&parts, body, now).unwrap_err();
//! assert_eq!((refused.code(), refused.status().as_u16()), ("signature", 401));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What there is
//!
//! - [`Verifier`] judges a whole request ([`verify`](Verifier::verify)) or one whose body is still arriving
//!   ([`begin`](Verifier::begin), [`update`](Pending::update), [`finish`](Pending::finish)).
//! - [`Verified`] and [`Delivery`] are proof of a verdict; [`Rejection`] is the one reason for a refusal.
//! - [`providers`] is the catalogue; a [`Scheme`] of your own is a TOML file, described in [`scheme`].
//! - [`replay`] tells a replay from a retry: claims, and the store in memory.
//! - [`Signer`] signs as a provider would: for tests, and to pass deliveries on.
//!
//! # What it does not do
//!
//! A verdict alone does not tell a replay of an accepted delivery from the delivery itself, as long as its timestamp is
//! fresh: claim it in a [`ReplayStore`] as well. It does not look at the sender's address; it fetches no keys.

mod algorithm;
mod builder;
mod collecting;
mod config;
mod content;
mod delivery;
mod encoding;
mod evidence;
mod head;
mod hmac_sha256;
mod json;
mod key;
mod pending;
pub mod providers;
mod public_url;
mod rejection;
pub mod replay;
pub mod scheme;
mod search;
mod secret;
mod signer;
mod timestamp;
mod verified;
mod verifier;

pub use builder::{MAX_KEYS, VerifierBuilder};
pub use collecting::Collecting;
pub use config::{ConfigError, IntoScheme, IntoSecret};
pub use delivery::Delivery;
pub use head::Head;
pub use key::Key;
pub use pending::Pending;
pub use providers::Provider;
pub use public_url::{PublicUrl, PublicUrlError};
pub use rejection::{Problem, Rejection};
pub use replay::{ReplayKey, ReplayStore};
pub use scheme::{Scheme, SchemeError};
pub use secret::{Secret, SecretError};
pub use signer::{SignError, Signer};
pub use timestamp::{Timestamp, TimestampFormat, Tolerance};
pub use verified::{Value, Verified};
pub use verifier::Verifier;

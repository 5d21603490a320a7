//! Verify webhooks at the receiver: signature, timestamp and layout are checked before your code sees a byte.
//!
//! This crate is the sans-IO core of Countersign. It uses no runtime, socket, file or clock: the caller passes in bytes
//! and the time, and gets a verdict. For a tower layer see `countersign-tower`, for axum extractors `countersign-axum`.
//!
//! ```
//! use countersign::{Timestamp, Verifier, providers};
//!
//! // Once, at start-up: the secret from the provider's page becomes a keyed hash state.
//! let verifier = Verifier::new(providers::GITHUB, "It's a Secret to Everybody")?;
//!
//! // For each request: its head, its raw body, and the time of its arrival.
//! let (parts, body) = http::Request::post("/hooks")
//!     .header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
//!     .body("Hello, World!")?
//!     .into_parts();
//! let now = Timestamp::from_unix_seconds(1_767_225_600);
//!
//! let verified = verifier.verify(&parts, body, now)?;
//! assert_eq!((verified.body(), verified.key_label()), (&"Hello, World!", "key-1"));
//!
//! let refused = verifier.verify(&parts, "Hello, World?", now).unwrap_err();
//! assert_eq!((refused.code(), refused.status().as_u16()), ("signature", 401));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Overview
//!
//! - [`Verifier`] judges a whole request ([`verify`](Verifier::verify)) or one whose body is still arriving
//!   ([`begin`](Verifier::begin), [`update`](Pending::update), [`finish`](Pending::finish)).
//! - [`Verified`] and [`Delivery`] are proof that a delivery was accepted; [`Rejection`] is the reason for a refusal.
//! - [`explain()`] finds out why a delivery was refused: it tries the common mistakes.
//! - [`providers`] is the catalogue; a [`Scheme`] of your own is a TOML file, described in [`scheme`].
//! - [`address`] has sets of addresses, and finds the client behind trusted proxies.
//! - [`Unkeyed`] is a verifier whose keys the provider publishes and the caller fetches.
//! - [`replay`] tells a replay from a retry: claims, and a store in memory.
//! - [`Signer`] signs as a provider would: for tests, and to forward deliveries.
//!
//! # Features
//!
//! All are off by default, and each only adds. If a scheme or key needs a feature that is off, the crate refuses it
//! with an error that names the feature.
//!
//! **`ed25519`**: Ed25519 signatures (RFC 8032).
//!
//! **`ecdsa`**: ECDSA signatures on the curve P-256. **`p384`** and **`p521`** add those curves, and imply it.
//!
//! **`rsa`**: RSA signatures with PKCS#1 v1.5 or PSS padding, under keys of 2048 to 8192 bits.
//!
//! **`jwt`**: JSON Web Tokens and detached JSON Web Signatures (RFC 7515). By itself it verifies those by HMAC;
//! together with the features above, also those by public keys.
//!
//! **`http-signature`**: HTTP Message Signatures (RFC 9421) with `Content-Digest` (RFC 9530). By itself it verifies
//! those by HMAC; together with the features above, also those by public keys.
//!
//! **`legacy`**: broken or weak algorithms that some providers still use: SHA-1 under ECDSA and RSA, MD5, and RSA keys
//! of 1024 bits where they are asked for. SHA-1 inside HMAC is sound, and does not need this feature.
//!
//! **`sha3`**: the hashes SHA3-512 and Keccak-256.
//!
//! **`full`**: all of them. The command line and the gateway are built with it.
//!
//! **`certificates`**: validation of X.509 certificate chains against trusted roots (see [`TrustRoots`]) for keys that
//! are fetched. It is not needed to read the key of a certificate that is pasted as a secret.
//!
//! **`public-key`**: the readers of key files. The features above imply it; it is of no use by itself.
//!
//! # What it does not do
//!
//! A verdict alone does not tell a replay of an accepted delivery from the delivery itself while its timestamp is
//! fresh: also claim the delivery in a [`ReplayStore`]. The crate fetches no keys. [`Unkeyed`] tells the caller where
//! they are and reads them once they are fetched; `countersign-tower` does the fetching.

pub mod address;
mod algorithm;
mod builder;
mod canonical;
mod collecting;
mod config;
mod content;
mod credential;
mod decoded;
mod delivery;
mod encoding;
mod evidence;
mod explain;
pub mod handshake;
mod head;
mod hmac_sha256;
mod http_signature;
mod json;
mod jws;
mod jwt;
mod key;
mod key_set;
mod members;
mod multipart;
mod ordinary;
mod pending;
mod placeholder;
pub mod providers;
mod public_key;
mod public_url;
mod rejection;
pub mod replay;
pub mod scheme;
mod search;
mod secret;
mod sha256;
mod signer;
mod sorting;
mod structured_fields;
mod timestamp;
mod trust;
mod unkeyed;
mod verified;
mod verifier;

pub use builder::{MAX_KEYS, VerifierBuilder};
pub use collecting::Collecting;
pub use config::{ConfigError, IntoScheme, IntoSecret};
pub use delivery::{Delivery, Payload};
pub use explain::{
    BodyMistake, Cause, Certainty, Explanation, HeaderMistake, Mistake, ProviderMistake, RuleMistake, SecretMistake,
    Setup, TimeMistake, UrlMistake, Verdict, explain,
};
pub use handshake::{Handshake, HandshakeAnswer};
pub use head::Head;
pub use key::Key;
pub use key_set::{KeySet, KeySetError, MAX_KEYS_TRIED};
pub use pending::Pending;
pub use providers::Provider;
pub use public_key::{KeyError, KeyPolicy, PrivateKey, PublicKey, PublicKeyKind};
pub use public_url::PublicUrlError;
pub use rejection::{Problem, Rejection};
pub use replay::{ReplayKey, ReplayStore};
pub use scheme::{Scheme, SchemeError};
pub use secret::{Secret, SecretError};
pub use signer::{SignError, Signer};
pub use timestamp::{Timestamp, TimestampFormat, Tolerance};
pub use trust::{CertificateProblem, TrustRoots};
pub use unkeyed::{KeyAddress, Unkeyed};
pub use verified::{Value, Verified};
pub use verifier::Verifier;

//! Verify webhooks at the receiver: signature, timestamp and layout are checked before your code sees a byte.
//!
//! This crate is the sans-IO heart of Countersign: it knows no runtime, no socket, no file and no clock. It is given
//! bytes and the time, and answers. For a tower layer see `countersign-tower`, for axum extractors `countersign-axum`.
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
//! # What there is
//!
//! - [`Verifier`] judges a whole request ([`verify`](Verifier::verify)) or one whose body is still arriving
//!   ([`begin`](Verifier::begin), [`update`](Pending::update), [`finish`](Pending::finish)).
//! - [`Verified`] and [`Delivery`] are proof of a verdict; [`Rejection`] is the one reason for a refusal.
//! - [`explain()`] says what made a delivery be refused: it tries the mistakes that people make.
//! - [`providers`] is the catalogue; a [`Scheme`] of your own is a TOML file, described in [`scheme`].
//! - [`address`] has sets of addresses, and finds the client behind trusted proxies.
//! - [`Unkeyed`] is a verifier whose keys the provider publishes, and for somebody else to fetch.
//! - [`replay`] tells a replay from a retry: claims, and the store in memory.
//! - [`Signer`] signs as a provider would: for tests, and to pass deliveries on.
//!
//! # Features
//!
//! All are off by default, and each only adds. A scheme or key that needs one that is off is refused, and the refusal names
//! it.
//!
//! **`ed25519`**: signatures by Ed25519 (RFC 8032).
//!
//! **`ecdsa`**: signatures by ECDSA on the curve P-256. **`p384`** and **`p521`** add those curves, and imply it.
//!
//! **`rsa`**: signatures by RSA with the padding of PKCS#1 v1.5 or PSS, under keys of 2048 to 8192 bits.
//!
//! **`jwt`**: signatures as JSON Web Tokens and detached JSON Web Signatures (RFC 7515). Alone it knows those by HMAC; with
//! the features above, those by public keys as well.
//!
//! **`http-signature`**: HTTP Message Signatures (RFC 9421) with `Content-Digest` (RFC 9530). Alone it knows those by HMAC;
//! with the features above, those by public keys as well.
//!
//! **`legacy`**: what should have died and has not: SHA-1 under ECDSA and RSA, MD5, and RSA keys of 1024 bits where they are
//! asked for. SHA-1 inside HMAC is sound, and there without it.
//!
//! **`sha3`**: the hashes SHA3-512 and Keccak-256.
//!
//! **`full`**: all of them, as the command line and the gateway have it.
//!
//! **`certificates`**: chains of X.509 certificates, held against trusted roots (see [`TrustRoots`]) where keys are
//! fetched. The key of a certificate that is pasted as a secret is read without it.
//!
//! **`public-key`**: the readers of key files. The features above imply it; alone it is of no use.
//!
//! # What it does not do
//!
//! A verdict alone does not tell a replay of an accepted delivery from the delivery itself, as long as its timestamp is
//! fresh: claim it in a [`ReplayStore`] as well. It fetches no keys, but says where they are and reads them when they are
//! there ([`Unkeyed`]); `countersign-tower` fetches.

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

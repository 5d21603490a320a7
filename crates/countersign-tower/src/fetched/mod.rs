//! Keys that the provider publishes: fetched when a request needs one, kept, and renewed before they are old.
//!
//! ```
//! # #[cfg(feature = "fetch")] {
//! use countersign_tower::{
//!     FetchedKeys, HttpsFetch, VerifyLayer, public_roots,
//!     countersign::{Verifier, providers},
//! };
//!
//! // No secret: the certificate of each delivery comes from PayPal.
//! let unkeyed = Verifier::builder(providers::PAYPAL).setting("webhook_id", "1JE4291016473214C").without_keys()?;
//! let keys = FetchedKeys::new(unkeyed, HttpsFetch::new()).with_roots(public_roots());
//! let layer = VerifyLayer::new(keys);
//! # }
//! # Ok::<(), countersign_tower::countersign::ConfigError>(())
//! ```
//!
//! The scheme's [`[keys]`](countersign::scheme#published-keys) says where they are; no request can lead elsewhere. In this
//! order, for each request:
//!
//! 1. the head is judged as far as that goes without a key. What has no signature, or a stale one, fetches nothing; nor does
//!    a question of the provider that is not signed, which is answered;
//! 2. the key is located: its URL, and its id if a document has many. Where the body names it, as with Amazon SNS, the body is
//!    read first, whole and under the layer's limits. It still reaches nobody before the verdict;
//! 3. a copy that is there is used. If most of its time is over it is renewed meanwhile, by one fetch in the background;
//! 4. otherwise the request waits for one fetch, with all others that wait for the same URL;
//! 5. if that fails, the last good copy is used, up to its age limit; without one the answer is 503
//!    ([`KeysUnavailable`](countersign::Rejection::KeysUnavailable)), so that the provider tries again.
//!
//! A key id that is not in a copy may be new, so the provider is asked again, but only once in an interval, however many such
//! requests come; until then nobody can tell, and the answer is 503. If the new copy lacks the key as well, it is 401
//! ([`UnknownKey`](countersign::Rejection::UnknownKey)). How many new URLs are tried is bounded as well, but for those that you
//! [know](FetchedKeys::with_known_urls), and so is how many are kept, and how many requests wait.
//!
//! Fetches run in tasks of their own, so this needs a tokio runtime.

mod cache;
mod entry;
mod fetch;
#[cfg(feature = "fetch")]
mod https;
mod keys;
mod settings;

pub use fetch::{Fetch, FetchError, Fetched};
#[cfg(feature = "fetch")]
pub use https::{HttpsFetch, public_roots};
pub use keys::FetchedKeys;

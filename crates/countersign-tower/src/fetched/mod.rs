//! Keys that the provider publishes: fetched when a request needs one, cached, and renewed before their time to live ends.
//!
//! ```
//! # #[cfg(feature = "fetch")] {
//! use countersign_tower::{
//!     FetchedKeys, HttpsFetch, VerifyLayer, public_roots,
//!     countersign::{Verifier, providers},
//! };
//!
//! // No secret: PayPal publishes the certificate of each delivery.
//! let unkeyed = Verifier::builder(providers::PAYPAL).setting("webhook_id", "1JE4291016473214C").without_keys()?;
//! let keys = FetchedKeys::new(unkeyed, HttpsFetch::new()).with_roots(public_roots());
//! let layer = VerifyLayer::new(keys);
//! # }
//! # Ok::<(), countersign_tower::countersign::ConfigError>(())
//! ```
//!
//! The scheme's [`[keys]`](countersign::scheme#published-keys) says which URLs are fetched; a request cannot name any other. For
//! each request, in this order:
//!
//! 1. the head is judged as far as that goes without a key. A request without a signature, or with a stale one, fetches nothing.
//!    An unsigned handshake of the provider is answered without a fetch too;
//! 2. the key is located: its URL, and its id if a document has many. If the body names it, as with Amazon SNS, the whole
//!    body is read first, under the layer's limits. It does not reach the inner service before the verdict;
//! 3. a cached copy is used. If most of its time to live is over, one fetch in the background renews it;
//! 4. otherwise the request waits for a fetch, which all requests for the same URL share;
//! 5. if that fails, the last good copy is used, up to its age limit; without one the answer is 503
//!    ([`KeysUnavailable`](countersign::Rejection::KeysUnavailable)), so that the provider tries again.
//!
//! A key id that is not in a copy may be new, so the URL is fetched again, but only once in an
//! [interval](FetchedKeys::with_interval), however many such requests come. Until then the answer is 503. If the new copy lacks the
//! key as well, the answer is 401 ([`UnknownKey`](countersign::Rejection::UnknownKey)). There are limits on how many new URLs are
//! tried (except [known ones](FetchedKeys::with_known_urls)), on how many are kept, and on how many requests wait.
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

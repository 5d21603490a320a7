//! The layer that verifies: head first, then the body while its hash runs, then the inner service.
//!
//! In this order, and each step only if all before it passed:
//!
//! 1. the endpoint's keys are found: one [`Verifier`](countersign::Verifier), or one per tenant
//!    ([`TenantKeys`](crate::TenantKeys)), or one with keys that the provider publishes
//!    ([`FetchedKeys`](crate::FetchedKeys)). If the body names the key, it is read first, under the same limits;
//! 2. the announced length is held against the limit, then the head is judged: method, signature, timestamp;
//! 3. the body is read under a limit in bytes and one in time, every chunk hashed as it arrives;
//! 4. a question that the provider asks of the endpoint is [answered](countersign::handshake), one that is asked in
//!    the head and not signed as soon as the announced length is found good;
//! 5. the inner service is called with the verified body. [`Delivery`](countersign::Delivery) stands in the request's
//!    extensions. A request whose body or keys were waited for has given up its place in that service meanwhile, and waits for
//!    another: for as long as a body may take, then it is answered 503 (`handler_timeout`).
//!
//! A refusal is answered with an empty body and the status of its [`Rejection`](countersign::Rejection), which stands in
//! the response's extensions and is told to `tracing`. The inner service is not called.

mod body;
mod handshakes;
mod judge;
mod keys;
mod layer;
mod notices;
mod probed_body;
mod read;
mod receive;
pub(crate) mod sent;
mod service;

pub use body::VerifiedBody;
pub use handshakes::{Confirm, HandshakeDone, HandshakeSecrets, Stored};
pub(crate) use judge::Verdict;
pub use keys::Keys;
pub(crate) use keys::{Found, KeyLookup, Known, sealed};
pub(crate) use layer::Settings;
pub use layer::VerifyLayer;
pub(crate) use notices::warn_about_other_customers;
pub(crate) use probed_body::ProbedBody;
pub(crate) use receive::{Received, receive, receive_at_once, report};
pub use service::Verify;

//! The layer that verifies: first the head, then the body while it is hashed, then the signature.
//!
//! The steps, each only if all before it passed:
//!
//! 1. the endpoint's keys are found: one [`Verifier`](countersign::Verifier), or one per tenant
//!    ([`TenantKeys`](crate::TenantKeys)), or one with keys that the provider publishes
//!    ([`FetchedKeys`](crate::FetchedKeys)). If the body names the key, it is read first, under the same limits;
//! 2. the announced length is checked against the limit, then the head is judged: method, signature, timestamp;
//! 3. the body is read under a size limit and a timeout, and every chunk is hashed as it arrives;
//! 4. a handshake is [answered](countersign::handshake); an unsigned one in the head right after the announced length is
//!    checked;
//! 5. the inner service is called with the verified body. [`Delivery`](countersign::Delivery) is in the request's
//!    extensions. A request that had to wait for its body or keys did not keep the service's readiness. It waits for it again, up
//!    to the timeout of the body; then it is answered 503 (`service_not_ready`).
//!
//! A refusal is answered with an empty body and the status of its [`Rejection`](countersign::Rejection), which is in the
//! response's extensions and in the log. The inner service is not called.

mod body;
mod handshakes;
mod judge;
mod keys;
mod layer;
mod log;
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
pub use layer::VerifyLayer;
pub(crate) use layer::{BODY_TIMEOUT, Settings};
pub(crate) use log::LogContext;
pub(crate) use notices::warn_about_other_customers;
pub(crate) use probed_body::ProbedBody;
pub(crate) use receive::{Received, receive, receive_at_once};
pub use service::Verify;

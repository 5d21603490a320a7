//! All checks in one layer, in the right order: the address, the head, the body and its signature, handshakes, replays.
//!
//! ```
//! use countersign_tower::{
//!     AddressLayer, PeerAddr, Stack, VerifiedBody,
//!     countersign::{Rejection, Signer, Verifier, address::AddressSet, providers},
//! };
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(providers::GITHUB, "a-long-random-secret")?;
//! let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24"])?);
//! let stack = Stack::builder("github", verifier).with_addresses(addresses).build()?;
//! let service = stack.layer(service_fn(|_: Request<VerifiedBody>| async {
//!     Ok::<_, std::convert::Infallible>(Response::builder().status(202).body(Full::new(Bytes::new())).unwrap())
//! }));
//!
//! let deliver = |peer: &str, secret: &str| {
//!     let signer = Signer::new(providers::GITHUB, secret).unwrap();
//!     let request = Request::post("/hooks").body("{}").unwrap();
//!     let mut signed = signer.sign(request, std::time::SystemTime::now()).unwrap().map(Full::new);
//!     signed.extensions_mut().insert(PeerAddr(peer.parse().unwrap())); // by your code that accepts connections
//!     service.clone().oneshot(signed)
//! };
//! assert_eq!(deliver("198.51.100.1:4711", "a-long-random-secret").await?.status(), 403);
//! assert_eq!(deliver("192.0.2.1:4711", "another-secret").await?.status(), 401);
//! assert_eq!(deliver("192.0.2.1:4711", "a-long-random-secret").await?.status(), 202);
//!
//! let again = deliver("192.0.2.1:4711", "a-long-random-secret").await?;
//! assert_eq!(again.status(), 200); // the handler did not run
//! assert_eq!(again.extensions().get::<Rejection>().unwrap().code(), "replayed");
//! # Ok(())
//! # }
//! ```
//!
//! The order is fixed: the cheapest check comes first, and nothing is read, verified or stored for a request that an earlier
//! check refuses.
//!
//! 1. **Address**, as in [`address`](crate::address), if there is an allowlist
//!    ([`with_addresses`](StackBuilder::with_addresses)).
//! 2. **Head**, **body**, **signature** and **handshake**, as in [`verify`](crate::verify).
//! 3. **Replay**, as in [`replay`](crate::replay): in the memory of this process, or in a store that several share
//!    ([`with_store`](StackBuilder::with_store)).
//! 4. The **inner service**, with a [`VerifiedBody`](crate::VerifiedBody) and the
//!    [`Delivery`](countersign::Delivery) in the request's extensions. A request that had to wait for its body or keys waits
//!    for the service to be ready, up to the [handler's timeout](StackBuilder::with_handler_timeout) (503, `service_not_ready`).
//!
//! [`build`](StackBuilder::build) refuses settings that could only go wrong later: events that are forgotten before their
//! provider's retries end, leases that end before the handler's timeout, schemes without a signed time and without a replay
//! guard, settings of a replay guard that was removed.

mod builder;
mod error;
mod layer;
mod service;

pub use builder::StackBuilder;
pub use error::StackError;
pub use layer::Stack;
pub use service::StackService;

//! Verify webhooks in a [tower] layer: forged, stale and oversized requests never reach the inner service.
//!
//! [`Stack`] has all checks in the right order: the address, the signature, replays. Each check is also a layer of its own:
//! [`AddressLayer`], [`VerifyLayer`] and, inside that, [`ReplayLayer`].
//!
//! ```
//! use bytes::Bytes;
//! use countersign_tower::{VerifiedBody, VerifyLayer, countersign::{Delivery, Rejection, Signer, Verifier, providers}};
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The inner service takes a `VerifiedBody`, so it cannot be called with an unverified request.
//! let service = ServiceBuilder::new()
//!     .layer(VerifyLayer::new(Verifier::new(providers::GITHUB, "a-long-random-secret")?))
//!     .service(service_fn(|request: Request<VerifiedBody>| async move {
//!         assert_eq!(request.extensions().get::<Delivery>().unwrap().provider(), "github");
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::new(request.into_body().into_bytes())))
//!     }));
//!
//! let now = std::time::SystemTime::now();
//! let signer = Signer::new(providers::GITHUB, "a-long-random-secret")?;
//! let signed = signer.sign(Request::post("/hooks").body("{}")?, now)?.map(Full::new);
//! assert_eq!(service.clone().oneshot(signed).await?.status(), 200);
//!
//! let forger = Signer::new(providers::GITHUB, "another-secret")?;
//! let forged = forger.sign(Request::post("/hooks").body("{}")?, now)?.map(Full::new);
//! let refused = service.oneshot(forged).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.extensions().get::<Rejection>().unwrap().code(), "signature"); // for the log, not for the caller
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! **`axum`**: within axum's `Router::nest`, the URL that the client sent is verified, not the rest of it that `nest` leaves.
//! `countersign-axum` turns it on.
//!
//! **`fetch`**: [`HttpsFetch`], an HTTPS client for the keys of providers. Off by default: it adds hyper's client and rustls to
//! the dependencies. Without it, give [`FetchedKeys`] a client of your own.
//!
//! **`metrics`**: a [`Stack`] records metrics through the facade of the crate `metrics`. Off by default;
//! `countersign_tower::metrics` lists the series.
//!
//! [tower]: https://docs.rs/tower

pub mod address;
mod deadline;
pub mod fetched;
mod future;
mod inner;
mod meter;
#[cfg(feature = "metrics")]
pub mod metrics;
mod pipeline;
mod refusal;
pub mod replay;
pub mod stack;
pub mod tenants;
pub mod verify;

pub use address::{AddressFeed, AddressLayer, HiddenPeer, PeerAddr, SharedAddresses};
pub use countersign;
pub use fetched::{Fetch, FetchError, Fetched, FetchedKeys};
#[cfg(feature = "fetch")]
pub use fetched::{HttpsFetch, public_roots};
pub use future::ResponseFuture;
pub use replay::{Replay, ReplayLayer};
pub use stack::{Stack, StackBuilder, StackError};
pub use tenants::{KeyResolver, TenantKeys};
pub use verify::{Confirm, HandshakeDone, HandshakeSecrets, Keys, Stored, VerifiedBody, Verify, VerifyLayer};

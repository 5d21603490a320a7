//! The layer that lets in requests from allowed addresses only. It is the outermost layer: a refusal costs one lookup, and no
//! byte of the body is read.
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use countersign_tower::{
//!     AddressLayer, PeerAddr,
//!     countersign::{Rejection, address::{AddressSet, ClientHeader, TrustedProxies}},
//! };
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let proxies = TrustedProxies::new(AddressSet::parse(["10.0.0.0/8"])?, ClientHeader::XForwardedFor);
//! let service = ServiceBuilder::new()
//!     .layer(AddressLayer::new(AddressSet::parse(["203.0.113.0/24"])?).with_proxies(proxies))
//!     // here the `VerifyLayer`, and then:
//!     .service(service_fn(|_: Request<String>| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) }));
//!
//! // Your code that accepts connections knows the peer.
//! let from = |peer: &str, client: &str| {
//!     let request = Request::post("/hooks").header("X-Forwarded-For", client).body(String::new()).unwrap();
//!     let (mut head, body) = request.into_parts();
//!     head.extensions.insert(PeerAddr(peer.parse().unwrap()));
//!     service.clone().oneshot(Request::from_parts(head, body))
//! };
//! assert_eq!(from("10.0.0.1:4711", "203.0.113.7").await?.status(), 200);
//! assert_eq!(from("10.0.0.1:4711", "203.0.113.7, 198.51.100.1").await?.status(), 403);
//!
//! let stranger = from("198.51.100.1:4711", "203.0.113.7").await?;
//! assert_eq!(stranger.extensions().get::<Rejection>().unwrap().code(), "address");
//! # Ok(())
//! # }
//! ```
//!
//! The addresses can be [replaced](SharedAddresses::replace) while the layer is in use, by your code or by an [`AddressFeed`] that
//! refreshes a published list. Each request is judged by one set.
//!
//! If the peer is not known, every request is answered 500, and the log says what is missing.

mod layer;
mod peer;
mod refresh;
mod service;
mod shared;

pub use layer::{AddressLayer, NotPublished};
pub use peer::{HiddenPeer, PeerAddr};
pub use refresh::AddressFeed;
pub use service::AddressFilter;
pub use shared::SharedAddresses;

//! Verified webhooks in [axum] handlers: a typed payload, the verified delivery, a handler for each type of event.
//!
//! ```
//! use axum::{Router, body::Body, routing::post};
//! use countersign_axum::{Stack, Webhook};
//! use countersign_axum::countersign::{Rejection, Signer, Verifier, providers};
//! use http::{Request, header::CONTENT_TYPE};
//! use tower::ServiceExt;
//!
//! #[derive(serde::Deserialize)]
//! struct Event {
//!     id: String,
//! }
//!
//! async fn handle(Webhook(event): Webhook<Event>) {
//!     assert_eq!(event.id, "evt_1");
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(providers::STRIPE, "whsec_for_this_test")?;
//! let app = Router::new().route("/stripe", post(handle)).layer(Stack::new("stripe", verifier)?);
//!
//! // What Stripe would send:
//! let deliver = |secret: &str, payload: &'static str| {
//!     let request = Request::post("/stripe").header(CONTENT_TYPE, "application/json").body(payload)?;
//!     let signed = Signer::new(providers::STRIPE, secret)?.sign(request, std::time::SystemTime::now())?;
//!     Ok::<_, Box<dyn std::error::Error>>(app.clone().oneshot(signed.map(Body::from)))
//! };
//! assert_eq!(deliver("whsec_for_this_test", r#"{"id": "evt_1"}"#)?.await?.status(), 200);
//! assert_eq!(deliver("whsec_of_a_forger", r#"{"id": "evt_1"}"#)?.await?.status(), 401);
//!
//! let misfit = deliver("whsec_for_this_test", r#"{"id": 1}"#)?.await?;
//! assert_eq!(misfit.status(), 422);
//! assert!(matches!(misfit.extensions().get(), Some(Rejection::Payload { path, .. }) if path == "id"));
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! - [`Stack`], from `countersign-tower`, calls the routes that it covers for verified deliveries only, and once for each event.
//!   Its parts are also layers of their own: [`AddressLayer`], [`VerifyLayer`], [`ReplayLayer`].
//! - `connect_info` gives an [`AddressLayer`] the peer's address. It needs the feature `connect-info`, which is on by default.
//! - [`Webhook<T>`](Webhook) is the payload: JSON, a form or XML as the request's content type says, or raw
//!   [`Bytes`](bytes::Bytes).
//! - [`Delivery`] is the verified delivery: provider, key, time, the event's id and type, and whether the signature
//!   covers them.
//! - [`Events`] calls a separate handler for each type of event.
//! - [`payload`] has the readers, for services without axum.
//!
//! On a route that no layer covers, these extractors answer 500 and log which layer is missing: a handler with one of them never
//! sees unverified bytes. A handler that takes axum's `Json<T>`, `Bytes` or `Request` has no such check: on such a route it runs for
//! every request. [`Router::layer`](axum::Router::layer) covers the routes that were added before it, and no others.
//!
//! # Where the layers go
//!
//! [`Router::layer`](axum::Router::layer) puts them around each route, for which axum allocates a few boxes per request. If the
//! whole app only receives webhooks, it is cheaper to put them around the app:
//!
//! ```
//! use axum::{Router, ServiceExt, extract::Request, routing::post};
//! use countersign_axum::{Stack, countersign::{Verifier, providers}};
//! use tower::Layer;
//!
//! let app = Router::new().route("/stripe", post(async || "verified"));
//! let verifier = Verifier::new(providers::STRIPE, "whsec_for_this_test")?;
//! let service = Stack::new("stripe", verifier)?.layer(app);
//! let service = ServiceExt::<Request>::into_make_service(service); // for `axum::serve`
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To use single layers instead of a stack, give them all in one call, the outermost first:
//! `.layer((VerifyLayer::new(verifier), ReplayLayer::new(store, "stripe")))`. Inside the [`VerifyLayer`], requests have another type
//! of body, which only layers and services for it take.
//!
//! Within [`Router::nest`](axum::Router::nest) the layers verify the URL that the client sent. A
//! [`KeyResolver`](countersign_tower::KeyResolver) sees the URL as the handlers do, without the prefix.
//!
//! # What it does not do
//!
//! It checks who signed a payload, not whether its content is true. Without the replay guard of a [`Stack`], it does not detect
//! duplicates of an event. With the guard, an event can still come again if its handler did not answer with a 2xx, or if the process
//! died while it ran.
//!
//! [axum]: https://docs.rs/axum

#[cfg(feature = "connect-info")]
mod connect_info;
mod delivery;
mod events;
pub mod payload;
mod rejection;
mod webhook;

#[cfg(feature = "connect-info")]
pub use connect_info::connect_info;
pub use countersign;
pub use countersign_tower::{self, AddressLayer, ReplayLayer, Stack, VerifyLayer};
pub use delivery::Delivery;
pub use events::Events;
pub use rejection::WebhookRejection;
pub use webhook::Webhook;

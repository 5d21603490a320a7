//! Verified webhooks in [axum] handlers: the payload with its type, the delivery with its proof, a handler for each event.
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
//! - [`Stack`], from `countersign-tower`, lets only verified deliveries through to the routes that it covers, and each event
//!   once. Its parts are layers of their own as well: [`AddressLayer`], [`VerifyLayer`], [`ReplayLayer`].
//! - `connect_info` tells an [`AddressLayer`] the peer, and is the feature of that name, which is on unless you turn it off.
//! - [`Webhook<T>`](Webhook) is the payload: JSON, a form or XML as the request's content type says, or raw
//!   [`Bytes`](bytes::Bytes).
//! - [`Delivery`] is what is known about it: provider, key, time, the event's id and type, and whether the signature
//!   covers them.
//! - [`Events`] calls a handler of its own for each type of event.
//! - [`payload`] has the readers, for services that are not axum's.
//!
//! On a route that no layer covers, all of them answer 500 and log which layer is missing: a handler that takes one of them never
//! sees bytes that nobody verified. One that takes axum's `Json<T>`, `Bytes` or `Request` asks for no proof: on such a route it runs
//! for whoever sends. [`Router::layer`](axum::Router::layer) covers the routes that were added before it, and no others.
//!
//! # Where the layers go
//!
//! [`Router::layer`](axum::Router::layer) puts them around each route, and axum makes a few boxes more for each request. Around a
//! whole app that only receives webhooks they cost less:
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
//! To put single layers around the routes instead of a stack, give them all in one call, the outermost first:
//! `.layer((VerifyLayer::new(verifier), ReplayLayer::new(store, "stripe")))`. Behind the [`VerifyLayer`] requests have another kind of
//! body, which only what belongs there takes.
//!
//! Within [`Router::nest`](axum::Router::nest) they verify the URL that the client asked for. A
//! [`KeyResolver`](countersign_tower::KeyResolver) sees it as the handlers do, without the prefix.
//!
//! # What it does not do
//!
//! It does not check that a payload is true, only who signed it. Without the replay guard of a [`Stack`] it does not tell a
//! second delivery of an event from the first; with it, handlers still have to expect an event again that they did not answer
//! with a 2xx, or during which the process died.
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

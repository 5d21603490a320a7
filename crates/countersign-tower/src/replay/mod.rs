//! The layer that handles every event once: inside [`VerifyLayer`](crate::VerifyLayer), around the handler.
//!
//! ```
//! use countersign_tower::{
//!     ReplayLayer, VerifiedBody, VerifyLayer,
//!     countersign::{Rejection, Signer, Verifier, providers, replay::MemoryStore},
//! };
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(VerifyLayer::new(Verifier::new(providers::GITHUB, "a-long-random-secret")?))
//!     .layer(ReplayLayer::new(MemoryStore::new(), "github"))
//!     .service(service_fn(|_: Request<VerifiedBody>| async {
//!         Ok::<_, std::convert::Infallible>(Response::builder().status(202).body(Full::new(Bytes::new())).unwrap())
//!     }));
//!
//! let signer = Signer::new(providers::GITHUB, "a-long-random-secret")?;
//! let request = || signer.sign(Request::post("/hooks").body("{}").unwrap(), std::time::SystemTime::now());
//! assert_eq!(service.clone().oneshot(request()?.map(Full::new)).await?.status(), 202);
//!
//! let again = service.oneshot(request()?.map(Full::new)).await?;
//! assert_eq!(again.status(), 200); // the handler did not run
//! assert_eq!(again.extensions().get::<Rejection>().unwrap().code(), "replayed");
//! # Ok(())
//! # }
//! ```
//!
//! In this order:
//!
//! 1. The delivery's event is [claimed](countersign::replay) under a key that is made of what the signature covers. An event
//!    that was handled already is answered with the provider's [acknowledgement](countersign::Delivery::acknowledgement), a
//!    200 for most, so that the provider ends its retries (`replayed`; the delivery is in the answer's extensions too). An event
//!    that is being handled is answered 409 with `Retry-After` (`in_progress`), or with [another
//!    status](countersign::scheme::Answers::in_progress) if the provider would not retry after a 409. If the store fails or is
//!    full, the answer is 503 with `Retry-After` (`store_unavailable`): an event that may be a replay is not handled, unless
//!    [`dangerous_fail_open`](ReplayLayer::dangerous_fail_open) allows it.
//! 2. The inner service is called, under a timeout (`handler_timeout`, 503).
//! 3. A 2xx commits the claim. Any other status, an error, a panic, a timeout and a dropped request (its client went away)
//!    release the claim, so that the provider's retry is handled; so does a 2xx with [`NotHandled`]. If the commit fails, the
//!    answer is 503 although the handler has succeeded: the retry may be handled again. After a 200 without a record, any replay
//!    would be.
//!
//! Handlers run at least once per accepted event, and exactly once if they succeed within the lease and the store answers.
//!
//! A claim that is dropped is released at once if the store answers at once, as the one in memory does; otherwise by a task on
//! the tokio runtime. A layer has at most 1,024 such tasks at a time; beyond them, the end of the lease releases the claim. A
//! commit that has begun goes on when its request is dropped.
//!
//! The layer needs a tokio runtime with a timer.

mod answers;
mod claim;
mod error;
mod guard;
mod handling;
mod layer;
mod not_handled;
mod operator;
mod service;

pub use answers::{Answers, IdempotentAnswers, KeptAnswers, NoAnswers};
pub(crate) use claim::StoreClient;
pub use error::ReplayConfigError;
pub(crate) use guard::{Guarded, outcome};
pub use layer::ReplayLayer;
pub use not_handled::NotHandled;
pub use operator::OperatorReplay;
pub use service::Replay;

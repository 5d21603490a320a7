//! A request on its way to the inner service.

use std::mem;

use countersign::Delivery;
use http::{
    HeaderValue, Request, Response,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use tower_service::Service;

use crate::{VerifiedBody, tenants::TenantName, verify::sent};

/// An inner service for which the layers can wait on any thread.
pub(crate) trait InnerService<R>:
    Service<Request<VerifiedBody>, Response = Response<R>, Future: Send, Error: Send> + Clone + Send + 'static
{
}

impl<S, R> InnerService<R> for S where
    S: Service<Request<VerifiedBody>, Response = Response<R>, Future: Send, Error: Send> + Clone + Send + 'static
{
}

/// The request that was accepted: its verified body, and the proof in its extensions.
pub(crate) fn verified_request(
    mut head: Parts,
    delivery: Delivery,
    tenant: Option<TenantName>,
) -> Request<VerifiedBody> {
    let body = VerifiedBody::new(delivery.body().clone());
    if delivery.is_unpacked() {
        head.headers.remove(CONTENT_ENCODING);
        // RFC 9112 section 6.2: the length never stands beside it.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(delivery.body().len()));
    }
    if head.extensions.insert(delivery).is_some() {
        tracing::warn!(
            target: "countersign",
            path = sent::path(&head),
            "a request was verified twice: two of our layers stand around its route, and if both guard against replays, the inner \
             one refuses what the outer one has claimed"
        );
    }
    tenant.and_then(|tenant| head.extensions.insert(tenant));
    Request::from_parts(head, body)
}

/// A clone to be called later, which is not ready. The ready one is dropped, with whatever it holds, such as a place under
/// a limit: a request that has proven nothing yet is not to hold one.
pub(crate) fn release_readiness<S: Clone>(service: &mut S) -> S {
    *service = service.clone();
    service.clone()
}

/// The service that was polled until it was ready, to be called later; what stays here is a clone, which may not be.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}

//! The inner service: the verified request that it is called with, and its readiness.

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

/// The request for the inner service: the verified body, and the [`Delivery`] in the extensions. `endpoint` is for the log.
pub(crate) fn verified_request(
    mut head: Parts,
    delivery: Delivery,
    tenant: Option<TenantName>,
    endpoint: Option<&str>,
) -> Request<VerifiedBody> {
    let body = VerifiedBody::new(delivery.body().clone());
    if delivery.is_unpacked() {
        head.headers.remove(CONTENT_ENCODING);
        // RFC 9112 section 6.2: a request with a length must have none.
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(delivery.body().len()));
    }
    if head.extensions.insert(delivery).is_some() {
        tracing::warn!(
            target: "countersign",
            endpoint,
            path = sent::path(&head),
            "a request was verified twice: two `Stack`s or `VerifyLayer`s are around its route. Remove one: if both guard against \
             replays, the inner one refuses what the outer one has claimed"
        );
    }
    tenant.and_then(|tenant| head.extensions.insert(tenant));
    Request::from_parts(head, body)
}

/// A clone to be called later, which must become ready first. The ready service is dropped, with what its readiness reserves,
/// such as a permit of a concurrency limit: an unverified request must not hold one.
pub(crate) fn release_readiness<S: Clone>(service: &mut S) -> S {
    *service = service.clone();
    service.clone()
}

/// The service that is ready, to be called later. A clone takes its place, which may not be ready.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}

//! A request on its way to the service behind.

use std::mem;

use countersign::Delivery;
use http::{
    HeaderValue, Request,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
    request::Parts,
};

use crate::{VerifiedBody, tenants::TenantName};

/// The request that was accepted: its verified body, and the proof in its extensions.
pub(crate) fn accepted(mut head: Parts, delivery: Delivery, tenant: Option<TenantName>) -> Request<VerifiedBody> {
    let body = VerifiedBody::new(delivery.body().clone());
    if delivery.is_unpacked() {
        head.headers.remove(CONTENT_ENCODING);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(delivery.body().len()));
    }
    head.extensions.insert(delivery);
    tenant.and_then(|tenant| head.extensions.insert(tenant));
    Request::from_parts(head, body)
}

/// The service that was polled until it was ready, to be called later; what stays here is a clone, which may not be.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}

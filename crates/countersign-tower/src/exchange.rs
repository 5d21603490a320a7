//! A request on its way to the service behind.

use countersign::Delivery;
use http::{Request, request::Parts};
use tower_service::Service;

use crate::{VerifiedBody, tenants::TenantName};

/// The service behind, and the head of the request for it, before the verdict.
///
/// In a box from the start: every future through which it goes would make room for it twice, and copy it.
pub(crate) struct Waiting<S> {
    inner: S,
    pub(crate) head: Parts,
}

/// The service behind, and the verified request for it.
pub(crate) struct Exchange<S> {
    waiting: Box<Waiting<S>>,
    body: VerifiedBody,
}

impl<S> Waiting<S> {
    pub(crate) fn new(inner: S, head: Parts) -> Box<Self> {
        Box::new(Self { inner, head })
    }

    /// The request that was accepted: its verified body, and the proof in its extensions.
    pub(crate) fn accepted(mut self: Box<Self>, delivery: Delivery, tenant: Option<TenantName>) -> Exchange<S> {
        let body = VerifiedBody::new(delivery.body().clone());
        self.head.extensions.insert(delivery);
        tenant.and_then(|tenant| self.head.extensions.insert(tenant));
        Exchange { waiting: self, body }
    }
}

impl<S> Exchange<S> {
    /// One that somebody else verified.
    pub(crate) fn new(inner: S, request: Request<VerifiedBody>) -> Self {
        let (head, body) = request.into_parts();
        Self { waiting: Waiting::new(inner, head), body }
    }

    pub(crate) fn head(&self) -> &Parts {
        &self.waiting.head
    }

    /// Hands the request to the service.
    pub(crate) fn call(self) -> S::Future
    where
        S: Service<Request<VerifiedBody>>,
    {
        let Waiting { mut inner, head } = *self.waiting;
        inner.call(Request::from_parts(head, self.body))
    }
}

//! The log lines about one request, and what they name it by.

use countersign::{Delivery, Rejection, Scheme};
use http::request::Parts;

use super::sent;
use crate::refusal::status;

/// What the log lines about a request name.
#[derive(Clone, Copy)]
pub(crate) struct LogContext<'r> {
    /// The name of the stack or layer, if it has one: the label `endpoint` of its metrics.
    pub(crate) endpoint: Option<&'r str>,
    /// The id of the scheme that the request was judged by.
    pub(crate) provider: Option<&'r str>,
    /// The scheme that decides the status of a refusal.
    pub(crate) scheme: Option<&'r Scheme>,
    pub(crate) head: &'r Parts,
}

impl LogContext<'_> {
    pub(crate) fn refused(&self, rejection: &Rejection) {
        tracing::warn!(
            target: "countersign",
            endpoint = self.endpoint,
            provider = self.provider,
            path = sent::path(self.head),
            code = rejection.code(),
            status = status(rejection, self.scheme).as_u16(),
            reason = %rejection,
            "refused"
        );
    }

    pub(super) fn accepted(&self, delivery: &Delivery) {
        tracing::debug!(
            target: "countersign",
            endpoint = self.endpoint,
            provider = self.provider,
            key = delivery.key_label(),
            bytes = delivery.body().len(),
            "accepted"
        );
    }

    pub(super) fn answered_handshake(&self) {
        tracing::info!(
            target: "countersign",
            endpoint = self.endpoint,
            provider = self.provider,
            path = sent::path(self.head),
            "answered a handshake"
        );
    }
}

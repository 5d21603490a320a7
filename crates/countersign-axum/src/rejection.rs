//! Why a handler was not called for a request.

use std::{error::Error, fmt};

use axum::response::{IntoResponse, Response};
use countersign::{Delivery, Rejection, Value};
use http::StatusCode;

/// Why [`Webhook`](crate::Webhook), [`Delivery`](crate::Delivery) or [`Events`](crate::Events) did not let a request through
/// to the handler.
///
/// As a response its body is empty: the reason is for the log, and for layers outside, which find the [`Rejection`] in the
/// response's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookRejection {
    /// The delivery is genuine, but its payload is not what the handler takes: 422, or 415 for its media type.
    NotUnderstood(Rejection),
    /// Nothing verified the request: 500, for the mistake is ours.
    NotVerified,
}

impl WebhookRejection {
    /// The status that the sender gets.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotUnderstood(rejection) => rejection.status(),
            Self::NotVerified => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn not_verified(path: &str) -> Self {
        tracing::error!(target: "countersign", path, "{}", Self::NotVerified);
        Self::NotVerified
    }

    pub(crate) fn not_understood(delivery: &Delivery, rejection: Rejection) -> Self {
        let (event_id, event_type) = (delivery.event_id(), delivery.event_type());
        let (event_id, event_type) = (event_id.as_ref().map(Value::as_str), event_type.as_ref().map(Value::as_str));
        // Not the rejection's message: it can quote the payload.
        let (path, media_type) = match &rejection {
            Rejection::Payload { path, .. } => (Some(path.as_str()), None),
            Rejection::UnsupportedMediaType { found } => (None, found.as_deref()),
            _ => (None, None),
        };
        tracing::warn!(
            target: "countersign::payload",
            provider = delivery.provider(),
            event_id,
            event_type,
            code = rejection.code(),
            status = rejection.status().as_u16(),
            path,
            media_type,
            "verified, but not understood"
        );
        Self::NotUnderstood(rejection)
    }
}

impl fmt::Display for WebhookRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood(rejection) => rejection.fmt(f),
            Self::NotVerified => f.write_str(
                "no `Stack` or `VerifyLayer` covers this route, so nothing was verified: add \
                 `.layer(Stack::new(\"name\", verifier)?)` to the router, after the route",
            ),
        }
    }
}

impl Error for WebhookRejection {}

impl IntoResponse for WebhookRejection {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::NotUnderstood(rejection) = self {
            response.extensions_mut().insert(rejection);
        }
        response
    }
}

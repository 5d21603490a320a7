//! `WebhookRejection`: why an extractor or `Events` did not call a handler.

use std::{error::Error, fmt};

use axum::response::{IntoResponse, Response};
use countersign::{Delivery, Rejection, Value};
use http::StatusCode;

/// Why [`Webhook`](crate::Webhook), [`Delivery`](crate::Delivery) or [`Events`](crate::Events) did not call the handler.
///
/// As a response, it has an empty body: the reason is in the log, and in the response's extensions as a [`Rejection`], for outer
/// layers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookRejection {
    /// The delivery is verified, but its payload does not fit the handler's type (422), or its media type is not supported (415).
    NotUnderstood(Rejection),
    /// Nothing verified the request, because the route has no layer: 500.
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
        // Without the rejection's message, which can quote the payload.
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

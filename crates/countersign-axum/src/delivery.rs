//! What is known about a delivery, apart from its payload.

use std::{convert::Infallible, ops::Deref};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, request::Parts};

use crate::rejection::WebhookRejection;

/// The delivery that a handler is called for: provider, key, time, the event's id and type, and the raw body.
///
/// It is the [`Delivery`](countersign::Delivery) of the core, to whose methods it dereferences.
///
/// ```
/// use countersign_axum::Delivery;
///
/// async fn handle(delivery: Delivery) -> String {
///     match delivery.event_type() {
///         Some(kind) if kind.is_covered() => format!("{kind}, signed with {}", delivery.key_label()),
///         Some(kind) => format!("{kind}, or so whoever relayed it says"),
///         None => format!("{} bytes", delivery.body().len()),
///     }
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::post(handle));
/// ```
///
/// Without a [`VerifyLayer`](crate::VerifyLayer) the route answers 500; `Option<Delivery>` is for handlers that also
/// serve routes without one.
#[derive(Clone, Debug)]
pub struct Delivery(pub countersign::Delivery);

impl Delivery {
    pub(crate) fn find(extensions: &Extensions) -> Result<&countersign::Delivery, WebhookRejection> {
        extensions.get().ok_or_else(WebhookRejection::not_verified)
    }
}

impl Deref for Delivery {
    type Target = countersign::Delivery;

    fn deref(&self) -> &countersign::Delivery {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Delivery {
    type Rejection = WebhookRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, WebhookRejection> {
        Self::find(&parts.extensions).cloned().map(Self)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Delivery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

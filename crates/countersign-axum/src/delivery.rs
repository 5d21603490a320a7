//! What is known about a delivery, apart from its payload.

use std::{convert::Infallible, ops::Deref};

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    response::Response,
};
use http::{Extensions, Uri, request::Parts};

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
    /// The answer by which the provider takes the delivery for received; most are content with any 2xx.
    ///
    /// ```
    /// use axum::response::Response;
    /// use countersign_axum::Delivery;
    ///
    /// async fn handle(delivery: Delivery) -> Response {
    ///     delivery.acknowledgement()
    /// }
    /// # let app: axum::Router = axum::Router::new().route("/", axum::routing::post(handle));
    /// ```
    pub fn acknowledgement(&self) -> Response {
        self.0.acknowledgement().map(Body::from)
    }

    pub(crate) fn find<'e>(
        extensions: &'e Extensions,
        uri: &Uri,
    ) -> Result<&'e countersign::Delivery, WebhookRejection> {
        // Where `nest` took a prefix off, as the layers would name it.
        let path = || extensions.get::<OriginalUri>().map_or(uri, |original| &original.0).path();
        extensions.get().ok_or_else(|| WebhookRejection::not_verified(path()))
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
        Self::find(&parts.extensions, &parts.uri).cloned().map(Self)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Delivery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

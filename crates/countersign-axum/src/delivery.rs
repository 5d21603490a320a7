//! `Delivery`: the extractor of what is known about a delivery, apart from its payload.

use std::{convert::Infallible, ops::Deref};

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    response::Response,
};
use http::{Extensions, Uri, request::Parts};

use crate::rejection::WebhookRejection;

/// The verified delivery: provider, key, time, the event's id and type, and the raw body.
///
/// It dereferences to the core's [`Delivery`](countersign::Delivery).
///
/// ```
/// use countersign_axum::Delivery;
///
/// async fn handle(delivery: Delivery) -> String {
///     match delivery.event_type() {
///         Some(kind) if kind.is_covered() => format!("{kind}, signed with {}", delivery.key_label()),
///         Some(kind) => format!("{kind}, which is not signed"),
///         None => format!("{} bytes", delivery.body().len()),
///     }
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::post(handle));
/// ```
///
/// On a route without a [`VerifyLayer`](crate::VerifyLayer), the answer is 500. `Option<Delivery>` is for handlers that also
/// serve routes without one.
#[derive(Clone, Debug)]
pub struct Delivery(pub countersign::Delivery);

impl Delivery {
    /// The answer that the provider counts as success; for most, any 2xx does.
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
        // With the prefix that `nest` removes, as in the layers' log lines.
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

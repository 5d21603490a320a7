//! `Webhook<T>`: the extractor of a verified delivery's payload.

use std::{
    any::Any,
    ops::{Deref, DerefMut},
};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{delivery::Delivery, payload, rejection::WebhookRejection};

/// The payload of a verified delivery, as a `T`.
///
/// The verified bytes are read in the format of the request's content type: JSON (`application/json`, `+json`), a form
/// (`application/x-www-form-urlencoded`) or XML (`application/xml`, `text/xml`, `+xml`). If the content type names no format, they
/// are read as JSON if the scheme reads them so. If the body is a token, its claims are read. [`payload`] has the rules.
/// `Webhook<Bytes>` is the body as it was signed, whatever its content type and encoding: as it arrived, or decompressed if the
/// provider signs it so.
///
/// It does not consume the body, so it can be any of a handler's arguments.
///
/// ```
/// use countersign_axum::{Delivery, Webhook};
///
/// #[derive(serde::Deserialize)]
/// struct Push {
///     r#ref: String,
/// }
///
/// async fn on_push(delivery: Delivery, Webhook(push): Webhook<Push>) {
///     println!("{} was pushed to ({})", push.r#ref, delivery.provider());
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::post(on_push));
/// ```
///
/// A payload that does not fit `T` is answered 422, and another content type 415, both with an empty body; the
/// [`Rejection`](countersign::Rejection) is in the response's extensions. Both are logged at `warn` under a target of their own,
/// `countersign::payload`, because they are no forgeries: the provider has changed what it sends. The log has the path of the field
/// that did not fit, but not its value. It has no path into an internally tagged enum (`#[serde(tag = "type")]`), because serde
/// buffers those; use [`Events`](crate::Events) with a struct for each type of event instead.
///
/// Hardly any scheme signs the content type, so an attacker who relays a delivery can change it. The payload must then fit `T` in
/// the other format too, and a JSON or XML document is never read as a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Webhook<T>(pub T);

impl<T> Deref for Webhook<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Webhook<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: DeserializeOwned + 'static, S: Sync> FromRequestParts<S> for Webhook<T> {
    type Rejection = WebhookRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, WebhookRejection> {
        let delivery = Delivery::find(&parts.extensions, &parts.uri)?;
        if let Some(raw) = raw(delivery.body()) {
            return Ok(Self(raw));
        }
        payload::read_delivery(&parts.headers, delivery)
            .map(Self)
            .map_err(|rejection| WebhookRejection::not_understood(delivery, rejection))
    }
}

/// The body itself, if `T` is [`Bytes`].
fn raw<T: 'static>(body: &Bytes) -> Option<T> {
    let mut raw: Option<T> = None;
    let bytes: &mut Option<Bytes> = (&mut raw as &mut dyn Any).downcast_mut()?;
    *bytes = Some(body.clone());
    raw
}

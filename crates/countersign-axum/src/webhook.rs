//! The payload of a verified delivery.

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
/// It is read from the verified bytes by the request's content type: JSON (`application/json`, `+json`), a form
/// (`application/x-www-form-urlencoded`) or XML (`application/xml`, `text/xml`, `+xml`); where it says nothing of the form, as
/// JSON if the scheme reads it so; from the claims of a token that is the body. [`payload`] has the rules. `Webhook<Bytes>` is the body as it was signed, whatever its
/// content type and encoding: as it arrived, or unpacked where the provider signs it so.
///
/// It takes nothing from the body, so it may stand anywhere among a handler's arguments.
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
/// A payload that does not fit `T` is answered with 422 and another content type with 415, the body empty; the
/// [`Rejection`](countersign::Rejection) is in the response's extensions. Both are logged at `warn` under the target
/// `countersign::payload`, apart from forgeries: the sender is genuine, what it sends has changed. The log has the path of
/// the field that did not fit, but not its value; of an enum that is told apart by a field of its own (`#[serde(tag = "type")]`) it
/// has no path, as serde buffers those: [`Events`](crate::Events) with a struct for each type of event has.
///
/// Hardly any scheme signs the content type, so whoever relays a delivery can name another. The payload must then fit `T`
/// in that other reading, and a document is never read as a form.
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
    let mut slot: Option<T> = None;
    let bytes: &mut Option<Bytes> = (&mut slot as &mut dyn Any).downcast_mut()?;
    *bytes = Some(body.clone());
    slot
}

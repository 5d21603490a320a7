//! An accepted delivery as an owned value, which outlives its request.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::Response;

use crate::{
    json,
    replay::{KeptHead, ReplayKey, ReplayScope},
    scheme::{Field, FieldSource, Scheme, Source},
    timestamp::{Timestamp, Tolerance},
    verified::Value,
};

/// An accepted delivery: its verified body and what is known about it. Cheap to clone.
///
/// Made by [`Verified::into_delivery`](crate::Verified::into_delivery), so it is proof that the delivery was accepted.
#[derive(Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

/// Where the payload of a delivery is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// In the body, in the format of its content type. If that does not name one, the scheme may
    /// ([`reads_json`](crate::scheme::Description::reads_json)).
    Body(&'a Bytes),
    /// In the claims of a token, one JSON object.
    Claims(&'a [u8]),
}

impl fmt::Debug for Payload<'_> {
    /// Only the place and the length: some providers send their secret in the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, bytes) = match self {
            Self::Body(body) => ("Body", body.len()),
            Self::Claims(claims) => ("Claims", claims.len()),
        };
        f.debug_struct(place).field("bytes", &bytes).finish()
    }
}

/// The fields of a delivery, shared by its clones.
pub(crate) struct Inner {
    pub(crate) scheme: Scheme,
    pub(crate) key_label: Arc<str>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) tolerance: Option<Tolerance>,
    /// The signed id, unless the event's id is the same.
    pub(crate) id: Option<String>,
    pub(crate) claims: Vec<u8>,
    /// The replay key under one scope, if it was made already.
    pub(crate) replay_key: Option<(ReplayScope, ReplayKey)>,
    pub(crate) event_id: EventField,
    pub(crate) event_type: EventField,
    pub(crate) head: Option<Box<KeptHead>>,
    pub(crate) is_unpacked: bool,
    pub(crate) body: Bytes,
}

/// The id or type of an event.
pub(crate) enum EventField {
    Known(Option<String>),
    /// To be read from the body on the first call.
    InBody(OnceLock<Option<String>>),
}

impl Delivery {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The provider's id, such as `stripe`.
    pub fn provider(&self) -> &str {
        self.inner.scheme.id()
    }

    /// The scheme that it was verified by.
    pub fn scheme(&self) -> &Scheme {
        &self.inner.scheme
    }

    /// The response that acknowledges the delivery, so that the provider does not retry it. Most providers accept any
    /// 2xx; some require a certain status or body ([`Answers`](crate::scheme::Answers)).
    pub fn acknowledgement(&self) -> Response<Bytes> {
        self.inner.scheme.answers().acknowledgement()
    }

    /// The label of the key that made the signature.
    pub fn key_label(&self) -> &str {
        &self.inner.key_label
    }

    /// The signed timestamp; `None` if the scheme signs none. It is always covered.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.inner.timestamp
    }

    /// How far the signed timestamp may be from the verifier's clock; `None` if the scheme signs none.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.inner.tolerance
    }

    /// The event's id, from the provider's place for it.
    pub fn event_id(&self) -> Option<Value<'_>> {
        self.value(self.inner.scheme.event_id(), &self.inner.event_id)
    }

    /// The event's type, from the provider's place for it.
    pub fn event_type(&self) -> Option<Value<'_>> {
        self.value(self.inner.scheme.event_type(), &self.inner.event_type)
    }

    /// The claims of the token that proved the request, one JSON object; `None` if the scheme has no token.
    pub fn claims(&self) -> Option<&[u8]> {
        Some(self.inner.claims.as_slice()).filter(|claims| !claims.is_empty())
    }

    /// The verified body, byte for byte as it was signed: as it arrived, or without its content coding if the scheme
    /// signs the decoded body. [`covers_body`](crate::scheme::Description::covers_body) says whether the signature
    /// covers it: a token does not.
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// The payload: the body, or the claims of a token that is the whole body.
    pub fn payload(&self) -> Payload<'_> {
        match self.claims() {
            Some(claims) if self.inner.scheme.signature.source == Source::Body => Payload::Claims(claims),
            _ => Payload::Body(&self.inner.body),
        }
    }

    /// Whether the body arrived with a content coding, which is now undone. The request's `Content-Encoding` and
    /// `Content-Length` then do not describe this body.
    pub fn is_unpacked(&self) -> bool {
        self.inner.is_unpacked
    }

    /// The key under which a [`ReplayStore`](crate::replay::ReplayStore) claims this delivery's event. It is made of
    /// what the signature covers, unless the scheme [says otherwise](crate::scheme::ToldApartBy); see [`ReplayKey`].
    /// `None` if nothing tells the event from others.
    pub fn replay_key(&self, scope: &ReplayScope) -> Option<ReplayKey> {
        let inner = &*self.inner;
        if let Some((_, key)) = inner.replay_key.as_ref().filter(|(of, _)| of == scope) {
            return Some(*key);
        }
        let (event_id, event_type) = (|| self.event_id(), || self.event_type());
        let of_event = || inner.event_id.known().filter(|_| inner.scheme.event_is_delivery());
        let id = inner.id.as_deref().or_else(of_event);
        let (head, id) = (inner.head.as_deref(), id.map(str::as_bytes));
        KeptHead::with(head, &inner.scheme, id, &inner.claims, &inner.body, |content| {
            content.key(scope, event_id, event_type)
        })
    }

    fn value<'a>(&'a self, field: Option<&Field>, told: &'a EventField) -> Option<Value<'a>> {
        let field = field?;
        let text = match told {
            EventField::Known(text) => text.as_deref()?,
            EventField::InBody(text) => text.get_or_init(|| field.read_body(&self.inner.body)).as_deref()?,
        };
        Some(Value::new(Cow::Borrowed(text), field.covered))
    }
}

impl EventField {
    fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => text.as_deref(),
            Self::InBody(text) => text.get()?.as_deref(),
        }
    }
}

impl Field {
    /// Whether the field is read on the first call: JSON bodies can be long, and not every handler needs it.
    pub(crate) fn is_read_late(&self) -> bool {
        matches!(&self.source, FieldSource::At(Source::Json(_)))
    }

    fn read_body(&self, body: &[u8]) -> Option<String> {
        let FieldSource::At(Source::Json(pointer)) = &self.source else { return None };
        let value = json::read(body, pointer).ok().flatten()?;
        Some(value.into_text()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("provider", &self.provider())
            .field("key_label", &self.key_label())
            .field("timestamp", &self.timestamp())
            .field("bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}

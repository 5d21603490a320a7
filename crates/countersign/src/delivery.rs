//! An accepted delivery as a value of its own.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    head::Unusable,
    json,
    replay::{KeptHead, ReplayKey, ReplayScope},
    scheme::{Field, FieldSource, Scheme, Source},
    timestamp::{Timestamp, Tolerance},
    verified::Value,
};

/// An accepted delivery: its verified body and what is known about it. Cheap to clone.
///
/// Made by [`Verified::into_delivery`](crate::Verified::into_delivery), so that to have one is proof of a verdict.
#[derive(Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

struct Inner {
    scheme: Scheme,
    key_label: Arc<str>,
    timestamp: Option<Timestamp>,
    tolerance: Option<Tolerance>,
    /// The signed id, unless the event's id is the same.
    id: Option<String>,
    /// Filled at once from the head, or at the first question from the body.
    event_id: OnceLock<Option<String>>,
    event_type: OnceLock<Option<String>>,
    head: Option<Box<KeptHead>>,
    body: Bytes,
}

/// What a delivery is made of.
pub(crate) struct Accepted {
    pub(crate) scheme: Scheme,
    pub(crate) key_label: Arc<str>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) tolerance: Option<Tolerance>,
    pub(crate) id: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) head: Option<Box<KeptHead>>,
    pub(crate) body: Bytes,
}

impl Delivery {
    pub(crate) fn new(accepted: Accepted) -> Self {
        let Accepted { scheme, key_label, timestamp, tolerance, id, event_id, event_type, head, body } = accepted;
        let known = |field: Option<&Field>, value| match field {
            Some(field) if field.is_in_body() => OnceLock::new(),
            _ => OnceLock::from(value),
        };
        let event_id = known(scheme.event_id(), event_id);
        let event_type = known(scheme.event_type(), event_type);
        Self {
            inner: Arc::new(Inner { scheme, key_label, timestamp, tolerance, id, event_id, event_type, head, body }),
        }
    }

    /// The provider's id, such as `stripe`.
    pub fn provider(&self) -> &str {
        self.inner.scheme.id()
    }

    /// The scheme by which it was verified.
    pub fn scheme(&self) -> &Scheme {
        &self.inner.scheme
    }

    /// The label of the key that made the signature.
    pub fn key_label(&self) -> &str {
        &self.inner.key_label
    }

    /// The signed timestamp; `None` if the scheme signs none. It is always covered.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.inner.timestamp
    }

    /// How far the signed timestamp could have lain from the verifier's clock; `None` if the scheme signs none.
    pub fn tolerance(&self) -> Option<Tolerance> {
        self.inner.tolerance
    }

    /// The event's id, where the provider puts it.
    pub fn event_id(&self) -> Option<Value<'_>> {
        self.value(self.inner.scheme.event_id(), &self.inner.event_id)
    }

    /// The event's type, where the provider puts it.
    pub fn event_type(&self) -> Option<Value<'_>> {
        self.value(self.inner.scheme.event_type(), &self.inner.event_type)
    }

    /// The verified body, byte for byte as it arrived. [`covers_body`](crate::scheme::Description::covers_body) tells whether
    /// the signature covers it: a token covers nothing.
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// The key under which a [`ReplayStore`](crate::replay::ReplayStore) claims this delivery's event: made of what the
    /// signature covers and nothing else. See [`ReplayKey`].
    pub fn replay_key(&self, scope: &ReplayScope) -> ReplayKey {
        let inner = &*self.inner;
        let event_id = || self.event_id();
        let of_event = || inner.event_id.get()?.as_deref().filter(|_| inner.scheme.event_is_delivery());
        let id = inner.id.as_deref().or_else(of_event);
        KeptHead::with(inner.head.as_deref(), &inner.scheme, id.map(str::as_bytes), &inner.body, |content| {
            content.key(scope, event_id)
        })
    }

    fn value<'a>(&'a self, field: Option<&Field>, slot: &'a OnceLock<Option<String>>) -> Option<Value<'a>> {
        let field = field?;
        let text = slot.get_or_init(|| field.read_body(&self.inner.body)).as_deref()?;
        Some(Value::new(Cow::Borrowed(text), field.covered))
    }
}

impl Field {
    pub(crate) fn is_in_body(&self) -> bool {
        matches!(&self.source, FieldSource::At(source) if source.is_in_body())
    }

    fn read_body(&self, body: &[u8]) -> Option<String> {
        let read: Result<_, Unusable> = match &self.source {
            FieldSource::At(Source::Json(pointer)) => {
                json::read(body, pointer).map(|value| value.map(json::Scalar::into_text))
            }
            FieldSource::At(Source::Form(name)) => crate::head::parameter(name, body)
                .map(|value| value.and_then(|value| String::from_utf8(value.into_owned()).ok())),
            _ => Ok(None),
        };
        read.ok().flatten().filter(|text| !text.is_empty())
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

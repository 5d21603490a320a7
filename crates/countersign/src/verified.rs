//! The proof that a delivery was accepted, with its body.

use std::{borrow::Cow, fmt, mem, sync::OnceLock};

use bytes::Bytes;

use crate::{
    delivery::{Delivery, EventField, Inner},
    evidence::{Examined, SignedTime},
    handshake::{Asked, Handshake},
    head::{Head, look_up},
    ordinary::OrdinaryEvidence,
    rejection::Rejection,
    replay::{KeptHead, ReplayKey, ReplayScope, SignedContent},
    scheme::{Field, FieldSource, Scheme},
    search::Maker,
    timestamp::Timestamp,
    verifier::Verifier,
};

/// An accepted delivery and its body. Only a verdict can make one.
///
/// `B` is the body as it was given to [`Verifier::verify`], or `()` if it was hashed as it arrived.
#[derive(Clone)]
pub struct Verified<'r, B> {
    verifier: &'r Verifier,
    head: Head<'r>,
    maker: Maker,
    time: SignedTime<'r>,
    id: Option<Cow<'r, [u8]>>,
    claims: Vec<u8>,
    /// The replay key under one scope, if it was made already.
    replay_key: Option<(&'r ReplayScope, ReplayKey)>,
    /// The body without its content coding, if it had one and the scheme signs the decoded body.
    decoded: Option<Bytes>,
    body: B,
}

/// A value of an accepted delivery, and whether the signature covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    text: Cow<'a, str>,
    covered: bool,
}

impl<'a> Value<'a> {
    pub(crate) fn new(text: Cow<'a, str>, covered: bool) -> Self {
        Self { text, covered }
    }

    /// The value.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the signature covers it. If not, anyone who relays a delivery can change it: use it to sort and label,
    /// not to decide.
    pub fn is_covered(&self) -> bool {
        self.covered
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'r, B> Verified<'r, B> {
    pub(crate) fn new(
        verifier: &'r Verifier,
        head: Head<'r>,
        maker: Maker,
        examined: &mut Examined<'r>,
        body: B,
    ) -> Self {
        Self {
            verifier,
            head,
            maker,
            time: mem::take(&mut examined.time),
            id: examined.id.take(),
            claims: mem::take(&mut examined.claims),
            replay_key: None,
            decoded: examined.decoded.take(),
            body,
        }
    }

    #[inline]
    pub(crate) fn ordinary(
        verifier: &'r Verifier,
        head: Head<'r>,
        maker: Maker,
        ordinary: &OrdinaryEvidence<'r>,
        replay_key: Option<(&'r ReplayScope, ReplayKey)>,
        body: B,
    ) -> Self {
        Self {
            verifier,
            head,
            maker,
            time: ordinary.signed_time(),
            id: ordinary.id.map(Cow::Borrowed),
            claims: Vec::new(),
            replay_key,
            decoded: None,
            body,
        }
    }

    /// The provider's id, such as `stripe`.
    pub fn provider(&self) -> &str {
        self.verifier.scheme().id()
    }

    /// The scheme that it was verified by.
    pub fn scheme(&self) -> &Scheme {
        self.verifier.scheme()
    }

    /// The label of the key that made the signature.
    pub fn key_label(&self) -> &str {
        self.verifier.key_label(self.maker.key)
    }

    /// The signed timestamp; `None` if the scheme signs none. It is always covered.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.time.at
    }

    /// The verified body.
    pub fn body(&self) -> &B {
        &self.body
    }

    /// The verified body, by value.
    pub fn into_body(self) -> B {
        self.body
    }

    /// The claims of the token that proved the request, one JSON object; `None` if the scheme has no token.
    pub fn claims(&self) -> Option<&[u8]> {
        Some(self.claims.as_slice()).filter(|claims| !claims.is_empty())
    }

    fn field<'a>(&'a self, field: Option<&Field>, body: &'a [u8]) -> Option<Value<'a>> {
        let field = field?;
        let bytes = match &field.source {
            FieldSource::DeliveryId => Cow::Borrowed(self.id.as_deref()?),
            FieldSource::At(source) => look_up(source, self.head.with_claims(&self.claims), Some(body)).ok()??,
        };
        let text = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        Some(Value::new(text, field.covered)).filter(|value| !value.as_str().is_empty())
    }
}

impl<B: AsRef<[u8]>> Verified<'_, B> {
    /// The body as it was signed: without its content coding, if the scheme signs the decoded body.
    pub fn unpacked_body(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(self.body.as_ref())
    }

    /// The answer to the question that this delivery asks of the endpoint; `None` if it is an ordinary delivery. Most
    /// answers are to be given instead of handing the delivery to a handler.
    ///
    /// # Errors
    ///
    /// If a question was asked, but one of its values is missing, ambiguous or too long, or something that the answer
    /// needs is not configured.
    pub fn handshake(&self) -> Result<Option<Handshake>, Rejection> {
        let asked = Asked::verified(self.verifier, self.head, self.unpacked_body(), self.maker.key);
        asked.answer(|rule| rule.signed)
    }

    /// The event's id, from the provider's place for it. If that is in the body, each call reads the body.
    pub fn event_id(&self) -> Option<Value<'_>> {
        self.field(self.scheme().event_id(), self.unpacked_body())
    }

    /// The event's type, from the provider's place for it. If that is in the body, each call reads the body.
    pub fn event_type(&self) -> Option<Value<'_>> {
        self.field(self.scheme().event_type(), self.unpacked_body())
    }

    /// The key under which a [`ReplayStore`](crate::replay::ReplayStore) claims this delivery's event. It is made of
    /// what the signature covers, unless the scheme [says otherwise](crate::scheme::ToldApartBy); see [`ReplayKey`].
    /// `None` if nothing tells the event from others.
    pub fn replay_key(&self, scope: &ReplayScope) -> Option<ReplayKey> {
        if let Some((_, key)) = self.replay_key.filter(|(of, _)| *of == scope) {
            return Some(key);
        }
        let content = SignedContent {
            scheme: self.scheme(),
            head: self.head.with_claims(&self.claims),
            public_url: self.verifier.public_url(),
            form: self.maker.form,
            time: &self.time.text,
            id: self.id.as_deref(),
            body: self.unpacked_body(),
        };
        content.key(scope, || self.event_id(), || self.event_type())
    }
}

impl Verified<'_, Bytes> {
    /// The proof as an owned value, which outlives the request.
    #[inline]
    pub fn into_delivery(self) -> Delivery {
        let (verifier, scheme) = (self.verifier, self.verifier.scheme());
        let known = |field: Option<&Field>| match field {
            Some(field) if field.is_read_late() => EventField::InBody(OnceLock::new()),
            field => EventField::Known(self.field(field, self.unpacked_body()).map(|value| value.as_str().to_owned())),
        };
        let (event_id, event_type) = (known(scheme.event_id()), known(scheme.event_type()));
        let id = self.id.filter(|_| !scheme.event_is_delivery());
        let id = id.and_then(|id| String::from_utf8(id.into_owned()).ok());
        Delivery::new(Inner {
            scheme: scheme.clone(),
            key_label: verifier.key_label(self.maker.key).clone(),
            timestamp: self.time.at,
            tolerance: verifier.tolerance(),
            id,
            event_id,
            event_type,
            claims: self.claims,
            replay_key: self.replay_key.map(|(scope, key)| (scope.clone(), key)),
            head: KeptHead::of(scheme, self.head, verifier.public_url(), self.maker.form, &self.time.text),
            is_unpacked: self.decoded.is_some(),
            body: self.decoded.unwrap_or(self.body),
        })
    }
}

impl<B> fmt::Debug for Verified<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("provider", &self.provider())
            .field("key_label", &self.key_label())
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}

//! The evidence of a request: tags, timestamp and id. Parsed here, judged by the verifier.

mod tags;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;

pub(crate) use self::tags::{MAX_SIGNATURE, MAX_SIGNATURES, Tags, malformed};
use crate::{
    content::Settings,
    head::{Head, look_up},
    ordinary::OrdinaryEvidence,
    rejection::{Problem, Rejection},
    scheme::{Expected, Scheme, Source, TimestampRule},
    timestamp::{MAX_TEXT, Timestamp},
};

/// The longest delivery id, in bytes. The longest known is a UUID with a prefix.
pub(crate) const MAX_ID: usize = 256;

/// The places that a scheme reads, as text for rejections: made once and shared by all requests.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) signature: Arc<str>,
    pub(crate) timestamp: Arc<str>,
    pub(crate) id: Arc<str>,
    /// The name of our key, if the signature's text names a key for each tag.
    key_name: Option<Arc<str>>,
}

impl Places {
    pub(crate) fn of(scheme: &Scheme, settings: &Settings) -> Self {
        let key_name = scheme.signature.key_name.as_ref().map(|name| match name {
            Expected::Setting(name) => settings.get(name).map_or("", |value| value.as_str()).into(),
            Expected::Text(text) => text.as_str().into(),
            Expected::Url => Arc::default(),
        });
        let signature: Arc<str> = scheme.signature.source.to_string().into();
        let name = |source: Option<&Source>| source.map_or(Arc::clone(&signature), |source| source.to_string().into());
        let timestamp = scheme.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        Self { timestamp: name(timestamp), id: name(scheme.delivery_id.as_ref()), key_name, signature }
    }
}

/// A request whose head passed every check. In some schemes, evidence in the body is read later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examined<'r> {
    pub(crate) tags: Tags<'r>,
    pub(crate) time: SignedTime<'r>,
    pub(crate) id: Option<Cow<'r, [u8]>>,
    /// The payload of the token; empty for schemes without one.
    pub(crate) claims: Vec<u8>,
    /// The body without its content coding, if it had one and the scheme signs the decoded body.
    pub(crate) decoded: Option<Bytes>,
}

impl<'r> Examined<'r> {
    /// Takes over the evidence of an ordinary request.
    pub(crate) fn take(&mut self, ordinary: &OrdinaryEvidence<'r>) {
        self.tags.take(ordinary.tag);
        self.time = ordinary.signed_time();
        self.id = ordinary.id.map(Cow::Borrowed);
    }
}

impl Examined<'_> {
    pub(crate) fn into_owned(self) -> Examined<'static> {
        Examined {
            tags: self.tags.into_owned(),
            time: self.time.into_owned(),
            id: self.id.map(|id| Cow::Owned(id.into_owned())),
            claims: self.claims,
            decoded: self.decoded,
        }
    }
}

/// The signed timestamp: its text, which is signed, and its value.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignedTime<'r> {
    pub(crate) text: Cow<'r, [u8]>,
    pub(crate) at: Option<Timestamp>,
}

impl SignedTime<'_> {
    pub(crate) fn into_owned(self) -> SignedTime<'static> {
        SignedTime { text: Cow::Owned(self.text.into_owned()), at: self.at }
    }
}

/// Reads the timestamp; `tags` are those of the signature, if it was read before.
pub(crate) fn timestamp<'r>(
    rule: &TimestampRule,
    places: &Places,
    head: Head<'r>,
    tags: &Tags<'r>,
    body: Option<&'r [u8]>,
) -> Result<SignedTime<'r>, Rejection> {
    let malformed = |problem| Rejection::MalformedTimestamp {
        place: Arc::clone(&places.timestamp),
        problem,
        expected: rule.format.describe(),
    };
    let text = match &rule.source {
        Some(Source::Json(pointer)) => {
            let number = rule.format.is_number() && !rule.is_string;
            crate::json::read_as(body.unwrap_or_default(), pointer, number)
        }
        Some(source) => look_up(source, head, body),
        None => Ok(tags.timestamp()),
    };
    let text = text.map_err(|unusable| malformed(unusable.into()))?.ok_or_else(|| malformed(Problem::Missing))?;
    if text.is_empty() {
        return Err(malformed(Problem::Empty));
    }
    if text.len() > MAX_TEXT {
        return Err(malformed(Problem::TooLong));
    }
    let at = rule.format.parse(&text).ok_or_else(|| malformed(Problem::Encoding))?;
    Ok(SignedTime { text, at: Some(at) })
}

/// Reads the delivery's id. It must be visible ASCII, so that it can be written into logs and keys as it is.
pub(crate) fn delivery_id<'r>(
    source: Option<&Source>,
    places: &Places,
    head: Head<'r>,
    tags: &Tags<'r>,
    body: Option<&'r [u8]>,
) -> Result<Cow<'r, [u8]>, Rejection> {
    let malformed = |problem| Rejection::MalformedId { place: Arc::clone(&places.id), problem };
    let id = match source {
        Some(source) => look_up(source, head, body).map_err(|unusable| malformed(unusable.into()))?,
        None => tags.id(),
    };
    match id {
        None => Err(malformed(Problem::Missing)),
        Some(id) if id.is_empty() => Err(malformed(Problem::Empty)),
        Some(id) if id.len() > MAX_ID => Err(malformed(Problem::TooLong)),
        Some(id) if !is_visible(&id) => Err(malformed(Problem::Encoding)),
        Some(id) => Ok(id),
    }
}

/// Whether all bytes are visible ASCII. It does not stop early, so that one instruction can check several bytes.
pub(crate) fn is_visible(text: &[u8]) -> bool {
    text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic())
}

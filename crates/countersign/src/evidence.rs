//! What a request brings forward for itself: tags, timestamp, id. Parsed here, judged by the verifier.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    algorithm::{Digest, Tag},
    encoding::Encoding,
    head::{Head, look_up},
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Hole, Mismatch, Scheme, Source},
    timestamp::{MAX_TEXT, Timestamp},
};

/// The most tags that one signature may list. Providers send one or two; a list only grows this long to cost us time.
pub(crate) const MAX_TAGS: usize = 32;

/// The longest text that a signature may have, in bytes: [`MAX_TAGS`] tags of the longest encoding, and their labels.
pub(crate) const MAX_SIGNATURE: usize = 8192;

/// The longest delivery id, in bytes. The longest known is a UUID with a prefix.
pub(crate) const MAX_ID: usize = 256;

/// The places that a scheme reads, as text for rejections: made once, shared by all requests.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) signature: Arc<str>,
    pub(crate) timestamp: Arc<str>,
    pub(crate) id: Arc<str>,
}

impl Places {
    pub(crate) fn of(scheme: &Scheme) -> Self {
        let signature: Arc<str> = scheme.signature.source.to_string().into();
        let name = |source: Option<&Source>| source.map_or(Arc::clone(&signature), |source| source.to_string().into());
        let timestamp = scheme.timestamp.as_ref().and_then(|rule| rule.source.as_ref());
        Self { timestamp: name(timestamp), id: name(scheme.delivery_id.as_ref()), signature }
    }
}

/// The tags of a request, and what its signature's text says beside them.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'r> {
    text: Cow<'r, [u8]>,
    first: Tag,
    count: usize,
    timestamp: Option<Cow<'r, [u8]>>,
    id: Option<Cow<'r, [u8]>>,
}

impl<'r> Tags<'r> {
    /// Reads the signature; `body` is the whole body if it is there.
    pub(crate) fn read(
        scheme: &Scheme,
        places: &Places,
        head: Head<'r>,
        body: Option<&'r [u8]>,
    ) -> Result<Self, Rejection> {
        let malformed = |problem| Rejection::MalformedSignature { place: Arc::clone(&places.signature), problem };
        let text = look_up(&scheme.signature.source, head, body).map_err(|unusable| malformed(unusable.into()))?;
        match text {
            None => Err(Rejection::MissingSignature { place: Arc::clone(&places.signature) }),
            Some(text) if text.is_empty() => Err(malformed(Problem::Empty)),
            Some(text) if text.len() > MAX_SIGNATURE => Err(malformed(Problem::TooLong)),
            Some(Cow::Borrowed(text)) => {
                let found = Found::scan(scheme, text).map_err(|Malformed(problem)| malformed(problem))?;
                found.into_tags(Cow::Borrowed(text), Cow::Borrowed).ok_or_else(|| malformed(Problem::UnknownVersion))
            }
            Some(Cow::Owned(text)) => {
                let found = Found::scan(scheme, &text).map_err(|Malformed(problem)| malformed(problem))?;
                let tags = found.into_tags(Cow::Borrowed(&[]), |value| Cow::Owned(value.to_vec()));
                let tags = tags.ok_or_else(|| malformed(Problem::UnknownVersion))?;
                Ok(Tags { text: Cow::Owned(text), ..tags })
            }
        }
    }

    /// Hands every tag to `visit`, in order.
    pub(crate) fn each(&self, scheme: &Scheme, mut visit: impl FnMut(&Tag)) {
        visit(&self.first);
        if self.count > 1 {
            let mut at = 0;
            // `read` went through the same text without an error.
            let _: Result<(), Malformed> = scheme.signature.syntax.scan(&self.text, &mut |hole, value| {
                if let Some(tag) = tag(scheme, hole, value)? {
                    if at > 0 {
                        visit(&tag);
                    }
                    at += 1;
                }
                Ok(())
            });
        }
    }

    pub(crate) fn into_owned(self) -> Tags<'static> {
        let own = |value: Cow<'_, [u8]>| Cow::Owned(value.into_owned());
        Tags {
            text: own(self.text),
            first: self.first,
            count: self.count,
            timestamp: self.timestamp.map(own),
            id: self.id.map(own),
        }
    }
}

/// What a scan of the signature's text finds.
#[derive(Default)]
struct Found<'a> {
    first: Option<Tag>,
    count: usize,
    timestamp: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn scan(scheme: &Scheme, text: &'a [u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        if scheme.signature.algorithm == Algorithm::Basic {
            found.first = Some(credentials(text)?);
            found.count = 1;
            return Ok(found);
        }
        scheme.signature.syntax.scan(text, &mut |hole, value| {
            match hole {
                Hole::Timestamp => set_once(&mut found.timestamp, value)?,
                Hole::Id => set_once(&mut found.id, value)?,
                Hole::Tag(_) | Hole::Token | Hole::Any => {}
            }
            if let Some(tag) = tag(scheme, hole, value)? {
                found.first.get_or_insert(tag);
                found.count += 1;
                if found.count > MAX_TAGS {
                    return Err(Malformed(Problem::TooMany));
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn into_tags<'r>(self, text: Cow<'r, [u8]>, own: impl Fn(&'a [u8]) -> Cow<'r, [u8]>) -> Option<Tags<'r>> {
        let (timestamp, id) = (self.timestamp.map(&own), self.id.map(&own));
        Some(Tags { text, first: self.first?, count: self.count, timestamp, id })
    }
}

struct Malformed(Problem);

impl From<Mismatch> for Malformed {
    fn from(mismatch: Mismatch) -> Self {
        Self(match mismatch {
            Mismatch::NoKnownItem => Problem::UnknownVersion,
            Mismatch::Literal => Problem::Layout,
        })
    }
}

fn set_once<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), Malformed> {
    match slot.replace(value) {
        Some(before) if before != value => Err(Malformed(Problem::Conflicting)),
        _ => Ok(()),
    }
}

/// The tag that stands in a hole, if a tag stands there.
fn tag(scheme: &Scheme, hole: Hole, value: &[u8]) -> Result<Option<Tag>, Malformed> {
    match (hole, scheme.signature.algorithm) {
        (Hole::Tag(encoding), Algorithm::Hmac(digest) | Algorithm::Hash(digest)) => {
            decode(encoding, value, digest).map(Some).ok_or(Malformed(Problem::Encoding))
        }
        (Hole::Token, _) if value.is_empty() => Err(Malformed(Problem::Empty)),
        (Hole::Token, _) => Ok(Some(Digest::Sha256.of(value))),
        _ => Ok(None),
    }
}

fn decode(encoding: Encoding, value: &[u8], digest: Digest) -> Option<Tag> {
    let len = digest.len();
    Tag::decode(encoding, value, len)
}

/// RFC 7617 section 2: the word `Basic` in any case, one or more spaces, then `user:password` in base64.
fn credentials(text: &[u8]) -> Result<Tag, Malformed> {
    let (word, rest) = text.split_at_checked(6).ok_or(Malformed(Problem::Layout))?;
    if !word.eq_ignore_ascii_case(b"Basic ") {
        return Err(Malformed(Problem::Layout));
    }
    let pair = STANDARD.decode(rest.trim_ascii_start()).map_err(|_| Malformed(Problem::Encoding))?;
    Ok(Digest::Sha256.of(&pair))
}

/// The signed timestamp: its text, which is signed, and what it says.
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

/// Reads the timestamp; `tags` are those of the signature if that has been read.
pub(crate) fn timestamp<'r>(
    scheme: &Scheme,
    places: &Places,
    head: Head<'r>,
    tags: &Tags<'r>,
    body: Option<&'r [u8]>,
) -> Result<SignedTime<'r>, Rejection> {
    let Some(rule) = &scheme.timestamp else {
        return Ok(SignedTime::default());
    };
    let malformed = |problem| Rejection::MalformedTimestamp {
        place: Arc::clone(&places.timestamp),
        problem,
        expected: rule.format.describe(),
    };
    let text = match &rule.source {
        Some(Source::Json(pointer)) => crate::json::read_as(body.unwrap_or_default(), pointer, rule.format.is_number()),
        Some(source) => look_up(source, head, body),
        None => Ok(tags.timestamp.clone()),
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

/// Reads the delivery's id: visible ASCII, so that it can go into logs and keys as it is.
pub(crate) fn delivery_id<'r>(
    scheme: &Scheme,
    places: &Places,
    head: Head<'r>,
    tags: &Tags<'r>,
    body: Option<&'r [u8]>,
) -> Result<Option<Cow<'r, [u8]>>, Rejection> {
    let malformed = |problem| Rejection::MalformedId { place: Arc::clone(&places.id), problem };
    let in_layout = scheme.signature.syntax.holes().any(|hole| hole == Hole::Id);
    let id = match &scheme.delivery_id {
        Some(source) => look_up(source, head, body).map_err(|unusable| malformed(unusable.into()))?,
        None if in_layout => tags.id.clone(),
        None => return Ok(None),
    };
    match id {
        None => Err(malformed(Problem::Missing)),
        Some(id) if id.is_empty() => Err(malformed(Problem::Empty)),
        Some(id) if id.len() > MAX_ID => Err(malformed(Problem::TooLong)),
        Some(id) if !is_visible(&id) => Err(malformed(Problem::Encoding)),
        Some(id) => Ok(Some(id)),
    }
}

/// Whether all bytes are visible ASCII; without an early end, several are looked at with one instruction.
fn is_visible(text: &[u8]) -> bool {
    text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic())
}

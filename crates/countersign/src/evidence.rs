//! What a request brings forward for itself: tags, timestamp, id. Parsed here, judged by the verifier.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{
    algorithm::{Digest, Tag},
    head::{Head, look_up},
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Hole, Mismatch, Scheme, Source, Span, TimestampRule},
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

/// The text of a signature, and where in it things stand.
///
/// Filled in place, in two steps: what is cheap to find first, the tags when all else is found good.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags<'r> {
    text: Cow<'r, [u8]>,
    first: Tag,
    count: usize,
    /// Where the first tag stands, if any does.
    first_at: Span,
    first_hole: Hole,
    timestamp: Option<Span>,
    id: Option<Span>,
}

impl<'r> Tags<'r> {
    /// Finds the signature and what stands where in it; `body` is the whole body if it is there.
    pub(crate) fn find(
        &mut self,
        scheme: &Scheme,
        places: &Places,
        head: Head<'r>,
        body: Option<&'r [u8]>,
    ) -> Result<(), Rejection> {
        let malformed = |problem| malformed(places, problem);
        let text = look_up(&scheme.signature.source, head, body).map_err(|unusable| malformed(unusable.into()))?;
        let Some(text) = text else {
            return Err(Rejection::MissingSignature { place: Arc::clone(&places.signature) });
        };
        self.text = text;
        match self.text.len() {
            0 => Err(malformed(Problem::Empty)),
            1..=MAX_SIGNATURE => self.scan(scheme).map_err(|Malformed(problem)| malformed(problem)),
            _ => Err(malformed(Problem::TooLong)),
        }
    }

    fn scan(&mut self, scheme: &Scheme) -> Result<(), Malformed> {
        let Self { text, count, first_at, first_hole, timestamp, id, .. } = self;
        if scheme.signature.algorithm == Algorithm::Basic {
            return Ok(());
        }
        scheme.signature.syntax.scan(text, &mut |hole, span| {
            match hole {
                Hole::Timestamp => set_once(timestamp, span, text)?,
                Hole::Id => set_once(id, span, text)?,
                Hole::Any => {}
                Hole::Tag(_) | Hole::Token => {
                    if *count == 0 {
                        (*first_at, *first_hole) = (span, hole);
                    }
                    *count += 1;
                }
            }
            if *count > MAX_TAGS { Err(Malformed(Problem::TooMany)) } else { Ok(()) }
        })?;
        if *count == 0 { Err(Malformed(Problem::UnknownVersion)) } else { Ok(()) }
    }

    /// Decodes the first tag, and holds all of them against their encoding.
    pub(crate) fn decode(&mut self, scheme: &Scheme, places: &Places) -> Result<(), Rejection> {
        let decoded = if scheme.signature.algorithm == Algorithm::Basic {
            credentials(&self.text).map(|tag| self.first = tag)
        } else {
            let text = &self.text[self.first_at.range()];
            let first = tag(scheme, self.first_hole, text, &mut self.first);
            first.and_then(|()| if self.count > 1 { self.each_other(scheme, &mut |_| {}) } else { Ok(()) })
        };
        decoded.map_err(|Malformed(problem)| malformed(places, problem))
    }

    /// Hands every tag to `visit`, in order.
    pub(crate) fn each(&self, scheme: &Scheme, mut visit: impl FnMut(&Tag)) {
        visit(&self.first);
        if self.count > 1 {
            // `decode` went through the same text without an error.
            let _: Result<(), Malformed> = self.each_other(scheme, &mut visit);
        }
    }

    fn each_other(&self, scheme: &Scheme, visit: &mut impl FnMut(&Tag)) -> Result<(), Malformed> {
        scheme.signature.syntax.scan(&self.text, &mut |hole, span| {
            if matches!(hole, Hole::Tag(_) | Hole::Token) && span != self.first_at {
                let mut other = Tag::default();
                tag(scheme, hole, &self.text[span.range()], &mut other)?;
                visit(&other);
            }
            Ok(())
        })
    }

    fn part(&self, span: Option<Span>) -> Option<Cow<'r, [u8]>> {
        let range = span?.range();
        Some(match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
            Cow::Owned(text) => Cow::Owned(text[range].to_vec()),
        })
    }

    fn into_owned(self) -> Tags<'static> {
        let Self { text, first, count, first_at, first_hole, timestamp, id } = self;
        Tags { text: Cow::Owned(text.into_owned()), first, count, first_at, first_hole, timestamp, id }
    }
}

fn malformed(places: &Places, problem: Problem) -> Rejection {
    Rejection::MalformedSignature { place: Arc::clone(&places.signature), problem }
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

fn set_once(slot: &mut Option<Span>, span: Span, text: &[u8]) -> Result<(), Malformed> {
    match slot.replace(span) {
        Some(before) if text[before.range()] != text[span.range()] => Err(Malformed(Problem::Conflicting)),
        _ => Ok(()),
    }
}

/// Decodes the tag that stands in a hole.
fn tag(scheme: &Scheme, hole: Hole, value: &[u8], target: &mut Tag) -> Result<(), Malformed> {
    match (hole, scheme.signature.algorithm) {
        (Hole::Tag(encoding), Algorithm::Hmac(digest) | Algorithm::Hash(digest)) => {
            target.decode(encoding, value, digest.len()).ok_or(Malformed(Problem::Encoding))
        }
        _ if value.is_empty() => Err(Malformed(Problem::Empty)),
        _ => {
            *target = Digest::Sha256.of(value);
            Ok(())
        }
    }
}

/// RFC 7617 section 2: the word `Basic` in any case, one or more spaces, then `user:password` in base64.
fn credentials(text: &[u8]) -> Result<Tag, Malformed> {
    let (word, rest) = text.split_at_checked(6).ok_or(Malformed(Problem::Layout))?;
    if !word.eq_ignore_ascii_case(b"Basic ") {
        return Err(Malformed(Problem::Layout));
    }
    let pair = STANDARD.decode(rest.trim_ascii_start()).map_err(|_| Malformed(Problem::Encoding))?;
    let pair = Zeroizing::new(pair);
    Ok(Digest::Sha256.of(&pair))
}

/// A request whose head passed every check. What stands in the body of some schemes is read later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examined<'r> {
    pub(crate) tags: Tags<'r>,
    pub(crate) time: SignedTime<'r>,
    pub(crate) id: Option<Cow<'r, [u8]>>,
}

impl Examined<'_> {
    pub(crate) fn into_owned(self) -> Examined<'static> {
        Examined {
            tags: self.tags.into_owned(),
            time: self.time.into_owned(),
            id: self.id.map(|id| Cow::Owned(id.into_owned())),
        }
    }
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
        Some(Source::Json(pointer)) => crate::json::read_as(body.unwrap_or_default(), pointer, rule.format.is_number()),
        Some(source) => look_up(source, head, body),
        None => Ok(tags.part(tags.timestamp)),
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
    source: Option<&Source>,
    places: &Places,
    head: Head<'r>,
    tags: &Tags<'r>,
    body: Option<&'r [u8]>,
) -> Result<Cow<'r, [u8]>, Rejection> {
    let malformed = |problem| Rejection::MalformedId { place: Arc::clone(&places.id), problem };
    let id = match source {
        Some(source) => look_up(source, head, body).map_err(|unusable| malformed(unusable.into()))?,
        None => tags.part(tags.id),
    };
    match id {
        None => Err(malformed(Problem::Missing)),
        Some(id) if id.is_empty() => Err(malformed(Problem::Empty)),
        Some(id) if id.len() > MAX_ID => Err(malformed(Problem::TooLong)),
        Some(id) if !is_visible(&id) => Err(malformed(Problem::Encoding)),
        Some(id) => Ok(id),
    }
}

/// Whether all bytes are visible ASCII; without an early end, several are looked at with one instruction.
fn is_visible(text: &[u8]) -> bool {
    text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic())
}

//! What a request brings forward for itself: tags, timestamp, id. Parsed here, judged by the verifier.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::{
    algorithm::{Digest, Tag},
    content::Settings,
    head::{Head, look_up},
    http_signature::HttpSignature,
    ordinary::OrdinaryEvidence,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Expected, Hole, Mismatch, Scheme, Source, Span, Syntax, TimestampRule, Unwrap, trim_ows},
    timestamp::{MAX_TEXT, Timestamp},
};

/// The most tags that one signature may list. Providers send one or two; nobody but an attacker sends a longer list.
pub(crate) const MAX_TAGS: usize = 32;

/// The longest text that a signature may have, in bytes: [`MAX_TAGS`] tags of the longest encoding, and their labels.
pub(crate) const MAX_SIGNATURE: usize = 8192;

/// The most public-key signatures that one request may bring: each costs tens of microseconds under each key.
pub(crate) const MAX_SIGNATURES: usize = 4;

/// The longest token, in bytes: its own limit, and the text around it.
const MAX_TOKEN: usize = crate::jws::MAX_SIGNED + 2048;

/// The longest delivery id, in bytes. The longest known is a UUID with a prefix.
pub(crate) const MAX_ID: usize = 256;

/// The places that a scheme reads, as text for rejections: made once, shared by all requests.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) signature: Arc<str>,
    pub(crate) timestamp: Arc<str>,
    pub(crate) id: Arc<str>,
    /// The name of our key, if the signature's text names the key of each tag.
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
    key_name: Option<Arc<str>>,
    /// What stands for all of that in a scheme of RFC 9421.
    http: Option<Box<HttpSignature>>,
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
        let source = &scheme.signature.source;
        let text = match source {
            _ if scheme.signature.every => Ok(every_line(source, head)),
            // A tag is a string: a number that looks alike is something else to every other reader.
            Source::Json(pointer) => crate::json::read_as(body.unwrap_or_default(), pointer, false),
            _ => look_up(source, head, body),
        };
        // An empty field of a body is how many senders write that there is nothing.
        let text = text.map(|text| text.filter(|text| !(text.is_empty() && source.is_in_body())));
        let Some(text) = text.map_err(|unusable| malformed(unusable.into()))? else {
            return Err(Rejection::MissingSignature { place: Arc::clone(&places.signature) });
        };
        self.text = match &scheme.signature.unwrap {
            None => text,
            Some(unwrap) => Cow::Owned(unwrapped(unwrap, &text).map_err(|Malformed(problem)| malformed(problem))?),
        };
        self.key_name.clone_from(&places.key_name);
        let longest = if matches!(scheme.signature.algorithm, Algorithm::Jwt) { MAX_TOKEN } else { MAX_SIGNATURE };
        match self.text.len() {
            0 => Err(malformed(Problem::Empty)),
            len if len <= longest => self.scan(scheme, places),
            _ => Err(malformed(Problem::TooLong)),
        }
    }

    #[inline]
    fn scan(&mut self, scheme: &Scheme, places: &Places) -> Result<(), Rejection> {
        if matches!(scheme.signature.algorithm, Algorithm::Basic) {
            return Ok(());
        }
        let mut skipped = 0;
        self.scan_tags(scheme, &mut skipped).map_err(|Malformed(problem)| malformed(places, problem))?;
        match self.count {
            0 if skipped > 0 => Err(Rejection::UnknownKey),
            0 => Err(malformed(places, Problem::UnknownVersion)),
            _ => Ok(()),
        }
    }

    /// Notes where everything stands, and counts the tags that other keys than ours are said to have made.
    fn scan_tags(&mut self, scheme: &Scheme, skipped: &mut usize) -> Result<(), Malformed> {
        let Self { text, count, first_at, first_hole, timestamp, id, key_name, .. } = self;
        let most = match scheme.signature.algorithm {
            Algorithm::PublicKey(_) => MAX_SIGNATURES,
            _ => MAX_TAGS,
        };
        let mut ours = true;
        scan_lines(scheme, text, &mut |hole, span| {
            match hole {
                Hole::KeyName => ours = key_name.as_deref().is_none_or(|name| name.as_bytes() == &text[span.range()]),
                hole if hole.carries_proof() && !ours => {
                    *skipped += 1;
                    ours = true;
                }
                Hole::Timestamp => set_once(timestamp, span, text)?,
                Hole::Id => set_once(id, span, text)?,
                Hole::Any => {}
                Hole::Tag(_) | Hole::Token | Hole::Jwt => {
                    if *count == 0 {
                        (*first_at, *first_hole) = (span, hole);
                    }
                    *count += 1;
                }
            }
            if *count + *skipped > most { Err(Malformed(Problem::TooMany)) } else { Ok(()) }
        })
    }

    /// Hands out every tag that our key may have made.
    fn each_proof<E: From<Mismatch>>(
        &self,
        scheme: &Scheme,
        visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ours = true;
        scan_lines(scheme, &self.text, &mut |hole, span| {
            if hole == Hole::KeyName {
                ours = self.key_name.as_deref().is_none_or(|name| name.as_bytes() == &self.text[span.range()]);
            } else if hole.carries_proof() && std::mem::replace(&mut ours, true) {
                visit(hole, span)?;
            }
            Ok(())
        })
    }

    /// Decodes the first tag, and holds all of them against their encoding.
    #[inline]
    pub(crate) fn decode(&mut self, scheme: &Scheme, places: &Places) -> Result<(), Rejection> {
        let decoded = if matches!(scheme.signature.algorithm, Algorithm::Basic) {
            credentials(&self.text).map(|tag| self.first = tag)
        } else {
            let text = &self.text[self.first_at.range()];
            let first = tag(scheme, self.first_hole, text, &mut self.first);
            first.and_then(|()| if self.count > 1 { self.each_other(scheme, &mut |_| {}) } else { Ok(()) })
        };
        decoded.map_err(|Malformed(problem)| malformed(places, problem))
    }

    /// Hands every tag to `visit`, in order.
    #[inline]
    pub(crate) fn each(&self, scheme: &Scheme, mut visit: impl FnMut(&Tag)) {
        visit(&self.first);
        if self.count > 1 {
            // `decode` went through the same text without an error.
            let _: Result<(), Malformed> = self.each_other(scheme, &mut visit);
        }
    }

    fn each_other(&self, scheme: &Scheme, visit: &mut impl FnMut(&Tag)) -> Result<(), Malformed> {
        self.each_proof(scheme, &mut |hole, span| {
            if span != self.first_at {
                let mut other = Tag::default();
                tag(scheme, hole, &self.text[span.range()], &mut other)?;
                visit(&other);
            }
            Ok(())
        })
    }

    /// The evidence of a scheme of RFC 9421.
    pub(crate) fn of_http(signature: HttpSignature) -> Self {
        Self { http: Some(Box::new(signature)), ..Self::default() }
    }

    pub(crate) fn http(&self) -> Option<&HttpSignature> {
        self.http.as_deref()
    }

    /// The text of the first tag: all that a token is.
    pub(crate) fn token(&self) -> &[u8] {
        &self.text[self.first_at.range()]
    }

    /// Hands the bytes of every signature to `visit`, for those that are longer than a [`Tag`].
    pub(crate) fn each_signature(&self, scheme: &Scheme, mut visit: impl FnMut(&[u8])) {
        // `decode` went through the same text without an error.
        let _: Result<(), Malformed> = self.each_proof(scheme, &mut |hole, span| {
            if let Hole::Tag(encoding) = hole
                && let Some(signature) = encoding.decode(&self.text[span.range()])
            {
                visit(&signature);
            }
            Ok(())
        });
    }

    fn part(&self, span: Option<Span>) -> Option<Cow<'r, [u8]>> {
        let range = span?.range();
        Some(match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
            Cow::Owned(text) => Cow::Owned(text[range].to_vec()),
        })
    }

    fn into_owned(self) -> Tags<'static> {
        let Self { text, first, count, first_at, first_hole, timestamp, id, key_name, http } = self;
        let text = Cow::Owned(text.into_owned());
        Tags { text, first, count, first_at, first_hole, timestamp, id, key_name, http }
    }
}

/// Matches the signature's text, line by line where a scheme takes every header line.
fn scan_lines<E: From<Mismatch>>(
    scheme: &Scheme,
    text: &[u8],
    visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
) -> Result<(), E> {
    if !scheme.signature.every {
        return scheme.signature.syntax.scan(text, visit);
    }
    // Proxies join lines by a comma (RFC 9110 section 5.3), which no encoding of a tag has.
    let is_one_tag = matches!(scheme.signature.syntax, Syntax::Value(_))
        && scheme.signature.syntax.holes().all(|hole| matches!(hole, Hole::Tag(_)));
    let mut start = 0;
    for line in text.split(|byte| *byte == b'\n' || (is_one_tag && *byte == b',')) {
        let before = line.len() - line.trim_ascii_start().len();
        scheme.signature.syntax.scan(trim_ows(line), &mut |hole, span| visit(hole, span.behind(start + before)))?;
        start += line.len() + 1;
    }
    Ok(())
}

/// The lines of all headers of a place, which a line break parts: no header can have one.
fn every_line<'r>(source: &Source, head: Head<'r>) -> Option<Cow<'r, [u8]>> {
    let Source::Header(names) = source else { return None };
    let mut lines = names.iter().flat_map(|name| head.headers.get_all(name)).map(|line| trim_ows(line.as_bytes()));
    let mut text = Cow::Borrowed(lines.next()?);
    for line in lines {
        let text = text.to_mut();
        text.push(b'\n');
        text.extend_from_slice(line);
    }
    Some(text)
}

/// The signature's text out of what it is wrapped in.
fn unwrapped(unwrap: &Unwrap, text: &[u8]) -> Result<Vec<u8>, Malformed> {
    if text.len() > MAX_SIGNATURE {
        return Err(Malformed(Problem::TooLong));
    }
    let text = match unwrap.encoding {
        Some(encoding) => encoding.decode(text).ok_or(Malformed(Problem::Encoding))?,
        None => text.to_vec(),
    };
    match &unwrap.json {
        Some(pointer) => match crate::json::read(&text, pointer) {
            Ok(Some(value)) => Ok(value.into_text().into_bytes()),
            Ok(None) => Err(Malformed(Problem::Missing)),
            Err(unusable) => Err(Malformed(unusable.into())),
        },
        None => Ok(text),
    }
}

pub(crate) fn malformed(places: &Places, problem: Problem) -> Rejection {
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
#[inline]
fn tag(scheme: &Scheme, hole: Hole, value: &[u8], target: &mut Tag) -> Result<(), Malformed> {
    match (hole, &scheme.signature.algorithm) {
        (Hole::Tag(encoding), Algorithm::Hmac(digest) | Algorithm::Hash(digest)) => {
            target.decode(encoding, value, digest.len()).ok_or(Malformed(Problem::Encoding))
        }
        (Hole::Tag(encoding), _) => {
            let signature = encoding.decode(value).filter(|signature| !signature.is_empty());
            signature.map(drop).ok_or(Malformed(Problem::Encoding))
        }
        // A token is read as one.
        (Hole::Jwt, _) => Ok(()),
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
    /// The payload of the token; empty for all schemes without one.
    pub(crate) claims: Vec<u8>,
    /// The body without its content coding, if it had one and the scheme signs it so.
    pub(crate) decoded: Option<Bytes>,
}

impl<'r> Examined<'r> {
    /// Takes what an ordinary request has, where nothing is yet.
    pub(crate) fn take(&mut self, ordinary: &OrdinaryEvidence<'r>) {
        (self.tags.first, self.tags.count) = (ordinary.tag, 1);
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
        Some(Source::Json(pointer)) => {
            let number = rule.format.is_number() && !rule.is_string;
            crate::json::read_as(body.unwrap_or_default(), pointer, number)
        }
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
pub(crate) fn is_visible(text: &[u8]) -> bool {
    text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic())
}

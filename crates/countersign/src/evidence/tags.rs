//! The text of a signature, and the tags in it.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::Places;
use crate::{
    algorithm::{Digest, Tag},
    head::{Head, look_up},
    http_signature::HttpSignature,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Hole, Mismatch, Scheme, Source, Span, Syntax, Unwrap, trim_ows},
};

/// The most tags that one signature may list. Providers send one or two.
pub(crate) const MAX_TAGS: usize = 32;

/// The longest text of a signature, in bytes: [`MAX_TAGS`] tags of the longest encoding, and their labels.
pub(crate) const MAX_SIGNATURE: usize = 8192;

/// The most public-key signatures of one request: each costs tens of microseconds per key.
pub(crate) const MAX_SIGNATURES: usize = 4;

/// The longest token, in bytes: the limit of the token itself, and the text around it.
const MAX_TOKEN: usize = crate::jws::MAX_SIGNED + 2048;

/// The text of a signature, and the positions of its values.
///
/// It is filled in place, in two steps: first what is cheap to find, and the tags after every other check has passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags<'r> {
    text: Cow<'r, [u8]>,
    first: Tag,
    count: usize,
    /// The position of the first tag, if there is one.
    first_at: Span,
    first_hole: Hole,
    timestamp: Option<Span>,
    id: Option<Span>,
    key_name: Option<Arc<str>>,
    /// The signature of a scheme of RFC 9421, which uses none of the other fields.
    http: Option<Box<HttpSignature>>,
}

impl<'r> Tags<'r> {
    /// Finds the signature and the positions of its values; `body` is the whole body, if it is there.
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
            // A tag must be a string: other readers would not take a number for one.
            Source::Json(pointer) => crate::json::read_as(body.unwrap_or_default(), pointer, false),
            _ => look_up(source, head, body),
        };
        // Many senders write an empty field in the body when they have no value.
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

    /// Notes the positions of all values, and counts the tags that other keys are said to have made.
    fn scan_tags(&mut self, scheme: &Scheme, skipped: &mut usize) -> Result<(), Malformed> {
        let Self { text, count, first_at, first_hole, timestamp, id, key_name, .. } = self;
        let most = match scheme.signature.algorithm {
            Algorithm::PublicKey(_) => MAX_SIGNATURES,
            _ => MAX_TAGS,
        };
        scan_ours(scheme, text, key_name.as_deref(), &mut |hole, span, ours| {
            match hole {
                Hole::Timestamp => set_once(timestamp, span, text)?,
                Hole::Id => set_once(id, span, text)?,
                Hole::Any | Hole::KeyName => {}
                Hole::Tag(_) | Hole::Token | Hole::Jwt if !ours => *skipped += 1,
                // With several tokens, it would be unclear which one proves the request.
                Hole::Jwt if *count > 0 => return Err(Malformed(Problem::Conflicting)),
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

    /// Passes every tag that our key may have made to `visit`.
    fn each_proof<E: From<Mismatch>>(
        &self,
        scheme: &Scheme,
        visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
    ) -> Result<(), E> {
        scan_ours(scheme, &self.text, self.key_name.as_deref(), &mut |hole, span, ours| {
            if ours && hole.carries_proof() { visit(hole, span) } else { Ok(()) }
        })
    }

    /// Decodes the first tag, and checks the encoding of all of them.
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

    /// Passes every tag to `visit`, in order.
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

    /// Takes over the only tag of an ordinary request.
    pub(super) fn take(&mut self, tag: Tag) {
        (self.first, self.count) = (tag, 1);
    }

    /// The evidence of a scheme of RFC 9421.
    pub(crate) fn of_http(signature: HttpSignature) -> Self {
        Self { http: Some(Box::new(signature)), ..Self::default() }
    }

    pub(crate) fn http(&self) -> Option<&HttpSignature> {
        self.http.as_deref()
    }

    /// The text of the first tag: a token, if the scheme has one.
    pub(crate) fn token(&self) -> &[u8] {
        &self.text[self.first_at.range()]
    }

    /// Passes the bytes of every signature to `visit`, for signatures that are longer than a [`Tag`].
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

    pub(super) fn timestamp(&self) -> Option<Cow<'r, [u8]>> {
        self.part(self.timestamp)
    }

    pub(super) fn id(&self) -> Option<Cow<'r, [u8]>> {
        self.part(self.id)
    }

    fn part(&self, span: Option<Span>) -> Option<Cow<'r, [u8]>> {
        let range = span?.range();
        Some(match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
            Cow::Owned(text) => Cow::Owned(text[range].to_vec()),
        })
    }

    pub(super) fn into_owned(self) -> Tags<'static> {
        let Self { text, first, count, first_at, first_hole, timestamp, id, key_name, http } = self;
        let text = Cow::Owned(text.into_owned());
        Tags { text, first, count, first_at, first_hole, timestamp, id, key_name, http }
    }
}

/// Matches the signature's text, and says for each tag whether our key may have made it: the text can name another key.
fn scan_ours<E: From<Mismatch>>(
    scheme: &Scheme,
    text: &[u8],
    key_name: Option<&str>,
    visit: &mut impl FnMut(Hole, Span, bool) -> Result<(), E>,
) -> Result<(), E> {
    let mut ours = true;
    scan_lines(scheme, text, &mut |hole, span| {
        if hole == Hole::KeyName {
            ours = key_name.is_none_or(|name| name.as_bytes() == &text[span.range()]);
        }
        visit(hole, span, if hole.carries_proof() { std::mem::replace(&mut ours, true) } else { true })
    })
}

/// Matches the signature's text, line by line if the scheme accepts several header lines.
fn scan_lines<E: From<Mismatch>>(
    scheme: &Scheme,
    text: &[u8],
    visit: &mut impl FnMut(Hole, Span) -> Result<(), E>,
) -> Result<(), E> {
    if !scheme.signature.every {
        return scheme.signature.syntax.scan(text, visit);
    }
    // Proxies join lines with a comma (RFC 9110 section 5.3), which no encoding of a tag contains.
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

/// All lines of the headers of a place, separated by a line break, which no header can contain.
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

/// The signature's text without its wrapping.
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

/// Decodes the tag in a hole of the layout.
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
        // The token parser decodes tokens.
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

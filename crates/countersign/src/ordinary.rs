//! A fast path for the head of an ordinary request, whose layout is derived from the scheme once.
//!
//! In most schemes, one header has one tag, and the other signed values are before the body or in headers of their own.
//! In most requests, each of these occurs exactly once and well formed. Reading such a head takes a quarter of the work
//! of a general one.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use crate::{
    algorithm::Tag,
    encoding::Encoding,
    evidence::{MAX_ID, Places, SignedTime, is_visible, malformed},
    head::Head,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, LoneTag, Scheme, Source, TimestampRule, first_of, trim_ows},
    timestamp::{Timestamp, TimestampFormat, Tolerance},
};

/// Where an ordinary request has its evidence.
pub(crate) struct Ordinary {
    /// The header of the signature, followed by those of the timestamp and the id, if they have headers of their own.
    headers: Vec<HeaderName>,
    /// The text before the tag.
    prefix: Box<[u8]>,
    encoding: Encoding,
    /// The length of the tag, in bytes.
    tag_len: usize,
    /// The length of the tag's text, in characters.
    tag_text_len: usize,
    separators: Box<[u8]>,
    time: Option<(TimePlace, TimestampFormat)>,
    /// The index of its header.
    id: Option<usize>,
}

enum TimePlace {
    /// In the second of the headers.
    Header,
    /// In the signature's header, between this prefix and separator, before the tag's prefix.
    InFront { prefix: Box<[u8]>, separator: u8 },
}

/// Up to this many headers, comparing all names takes less time than hashing one.
const FEW: usize = 24;

/// The evidence of an ordinary request.
#[derive(Clone, Copy, Default)]
pub(crate) struct OrdinaryEvidence<'r> {
    pub(crate) tag: Tag,
    pub(crate) time: Option<(&'r [u8], Timestamp)>,
    pub(crate) id: Option<&'r [u8]>,
}

impl<'r> OrdinaryEvidence<'r> {
    pub(crate) fn signed_time(&self) -> SignedTime<'r> {
        let time = self.time.map(|(text, at)| SignedTime { text: Cow::Borrowed(text), at: Some(at) });
        time.unwrap_or_default()
    }
}

impl Ordinary {
    /// `None` if the scheme has other evidence, or has it elsewhere.
    pub(crate) fn of(scheme: &Scheme) -> Option<Self> {
        let signature = &scheme.signature;
        let Algorithm::Hmac(digest) = signature.algorithm else { return None };
        let is_more = !signature.optional_end.is_empty() || signature.carries_id;
        if is_more || signature.every || signature.unwrap.is_some() || signature.key_name.is_some() {
            return None;
        }
        let LoneTag { prefix, encoding, separators, time } = signature.syntax.lone_tag()?;
        let literals = [&b"+/=-_"[..], prefix, time.map_or(b"", |(prefix, _)| prefix)];
        let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || literals.iter().any(|text| text.contains(byte));
        if separators.iter().any(is_text) {
            return None;
        }
        let mut headers = vec![only_header(&signature.source)?];
        let time = match (&scheme.timestamp, time) {
            (None, None) => None,
            (Some(TimestampRule { source: Some(source), format, .. }), None) => {
                headers.push(only_header(source)?);
                Some((TimePlace::Header, *format))
            }
            // The timestamp has only digits, so it does not contain the separator.
            (Some(TimestampRule { source: None, format, .. }), Some((prefix, separator))) if format.is_number() => {
                Some((TimePlace::InFront { prefix: prefix.into(), separator }, *format))
            }
            _ => return None,
        };
        let id = match &scheme.delivery_id {
            None => None,
            Some(source) => {
                headers.push(only_header(source)?);
                Some(headers.len() - 1)
            }
        };
        Some(Self {
            headers,
            prefix: prefix.into(),
            encoding,
            tag_len: digest.len(),
            tag_text_len: encoding.encoded_len(digest.len()),
            separators: separators.into(),
            time,
            id,
        })
    }

    /// Makes every check of an ordinary head. Returns `false` if the head is not ordinary and needs the general path.
    /// Both paths refuse the same heads for the same reasons. Fills `examined` in place, because moving it costs as
    /// much as a lookup.
    #[inline]
    pub(crate) fn examine<'r>(
        &self,
        places: &Places,
        tolerance: Option<Tolerance>,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut OrdinaryEvidence<'r>,
    ) -> Result<bool, Rejection> {
        // A name that occurs twice may be one of ours.
        if head.headers.len() != head.headers.keys_len() {
            return Ok(false);
        }
        let mut values = [None; 3];
        self.look_up(head.headers, &mut values);
        let Some((front, tag)) = values[0].and_then(|text| self.split(text)) else { return Ok(false) };
        if let (Some((place, format)), Some(tolerance)) = (&self.time, tolerance) {
            let text = match place {
                TimePlace::Header => values[1],
                TimePlace::InFront { .. } => Some(front),
            };
            let Some(text) = text else { return Ok(false) };
            let Some(at) = format.parse(text) else { return Ok(false) };
            tolerance.check(at, now)?;
            examined.time = Some((text, at));
        }
        if let Some(at) = self.id {
            let Some(id) = values[at] else { return Ok(false) };
            if id.is_empty() || id.len() > MAX_ID || !is_visible(id) {
                return Ok(false);
            }
            examined.id = Some(id);
        }
        // This comes last, because `false` may not be returned once the tag is taken.
        if examined.tag.decode(self.encoding, tag, self.tag_len).is_none() {
            let is_list = first_of(&self.separators, tag).is_some();
            return if is_list { Ok(false) } else { Err(malformed(places, Problem::Encoding)) };
        }
        Ok(true)
    }

    /// Reads the values of the headers, each of which occurs at most once.
    #[inline]
    fn look_up<'r>(&self, headers: &'r HeaderMap, values: &mut [Option<&'r [u8]>; 3]) {
        if headers.len() <= FEW {
            for (name, value) in headers {
                for (wanted, found) in self.headers.iter().zip(&mut *values) {
                    if wanted == name {
                        *found = Some(trim_ows(value.as_bytes()));
                    }
                }
            }
        } else {
            for (wanted, found) in self.headers.iter().zip(values) {
                *found = headers.get(wanted).map(|value| trim_ows(value.as_bytes()));
            }
        }
    }

    /// The text of the timestamp, if it is before the tag, and the text of the tag.
    #[inline]
    fn split<'r>(&self, text: &'r [u8]) -> Option<(&'r [u8], &'r [u8])> {
        let (front, tag) = text.split_at_checked(text.len().checked_sub(self.tag_text_len)?)?;
        let front = front.strip_suffix(&*self.prefix)?;
        match &self.time {
            Some((TimePlace::InFront { prefix, separator }, _)) => match front.split_last()? {
                (last, front) if last == separator => Some((front.strip_prefix(&**prefix)?, tag)),
                _ => None,
            },
            _ => front.is_empty().then_some((front, tag)),
        }
    }
}

fn only_header(source: &Source) -> Option<HeaderName> {
    match source {
        Source::Header(names) => match names.as_slice() {
            [name] => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

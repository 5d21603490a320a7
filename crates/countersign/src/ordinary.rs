//! The head of an ordinary request, read without a question to the scheme.
//!
//! Most schemes have one tag in one header, and what is signed beside the body in front of it or in headers of its own. Of
//! most requests all of them stand there once and as they should. Reading such a head takes a quarter of the work that it
//! takes to ask for all that a scheme could have.

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
    /// Of the signature first, and behind it of the timestamp and the id if they have headers of their own.
    headers: Vec<HeaderName>,
    /// What stands in front of the tag.
    prefix: Box<[u8]>,
    encoding: Encoding,
    /// Of the tag, in bytes.
    tag_len: usize,
    /// Of its text, in characters.
    tag_text_len: usize,
    separators: Box<[u8]>,
    time: Option<(TimePlace, TimestampFormat)>,
    /// Which of the headers has it.
    id: Option<usize>,
}

enum TimePlace {
    /// The second of the headers.
    Header,
    /// Between these two, in front of the tag's prefix.
    InFront { prefix: Box<[u8]>, separator: u8 },
}

/// As many headers as take less time to go through than it takes to compute the hash of a name.
const FEW: usize = 24;

/// What an ordinary request brings forward for itself.
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
    /// `None` if the scheme has its evidence elsewhere, or more of it.
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
            // Digits, so that no separator is among them.
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

    /// Makes every check of an ordinary head; `false` if it is none: then the scheme has to be asked. What is refused here is
    /// refused there, and for the same reason. Fills `examined` in place, because a move of it costs as much as a look-up.
    #[inline]
    pub(crate) fn examine<'r>(
        &self,
        places: &Places,
        tolerance: Option<Tolerance>,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut OrdinaryEvidence<'r>,
    ) -> Result<bool, Rejection> {
        // A name that stands there twice may be one of ours.
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
        // Last: once a tag is taken, nothing may be left to be asked.
        if examined.tag.decode(self.encoding, tag, self.tag_len).is_none() {
            let is_list = first_of(&self.separators, tag).is_some();
            return if is_list { Ok(false) } else { Err(malformed(places, Problem::Encoding)) };
        }
        Ok(true)
    }

    /// Reads the values of the headers, each of which stands there once at most.
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

    /// The text of the timestamp, if it stands in front of the tag, and that of the tag.
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

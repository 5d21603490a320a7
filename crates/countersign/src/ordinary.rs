//! The head of an ordinary request, read without a question to the scheme.
//!
//! Most schemes have one tag in one header, and what is signed beside the body in headers of its own. Of most requests all
//! of them stand there once and as they should. That takes a quarter of the work that it takes to ask for all that a scheme
//! could have.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use crate::{
    encoding::Encoding,
    evidence::{Examined, MAX_ID, Places, SignedTime, is_visible, malformed},
    head::Head,
    rejection::{Problem, Rejection},
    scheme::{Algorithm, Scheme, Source, trim_ows},
    timestamp::{Timestamp, TimestampFormat, Tolerance},
};

/// Where an ordinary request has its evidence.
pub(crate) struct Ordinary {
    signature: HeaderName,
    /// What stands in front of the tag.
    prefix: Box<[u8]>,
    encoding: Encoding,
    /// In bytes.
    tag: usize,
    /// In characters.
    tag_text: usize,
    separators: Box<[u8]>,
    timestamp: Option<(HeaderName, TimestampFormat)>,
    id: Option<HeaderName>,
}

impl Ordinary {
    /// `None` if the scheme has its evidence elsewhere, or more of it.
    pub(crate) fn of(scheme: &Scheme) -> Option<Self> {
        let signature = &scheme.signature;
        let Algorithm::Hmac(digest) = signature.algorithm else { return None };
        if signature.every || signature.unwrap.is_some() || signature.key_name.is_some() || signature.carries_id {
            return None;
        }
        let (prefix, encoding, separators) = signature.syntax.lone_tag()?;
        let is_in_tags = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte) || prefix.contains(byte);
        if separators.iter().any(is_in_tags) {
            return None;
        }
        let timestamp = match &scheme.timestamp {
            None => None,
            Some(rule) => Some((only_header(rule.source.as_ref()?)?, rule.format)),
        };
        let id = match &scheme.delivery_id {
            None => None,
            Some(source) => Some(only_header(source)?),
        };
        Some(Self {
            signature: only_header(&signature.source)?,
            prefix: prefix.into(),
            encoding,
            tag: digest.len(),
            tag_text: encoding.encoded_len(digest.len()),
            separators: separators.into(),
            timestamp,
            id,
        })
    }

    /// Examines a head: fills `examined` if it is an ordinary one, and otherwise answers `false`: then the scheme has to be
    /// asked. What is refused here is refused there, and for the same reason.
    pub(crate) fn examine<'r>(
        &self,
        places: &Places,
        tolerance: Option<Tolerance>,
        head: Head<'r>,
        now: Timestamp,
        examined: &mut Examined<'r>,
    ) -> Result<bool, Rejection> {
        let headers = head.headers;
        // A name that stands there twice may be one of ours.
        if headers.len() != headers.keys_len() {
            return Ok(false);
        }
        let tag = value(headers, &self.signature).and_then(|text| text.strip_prefix(&*self.prefix));
        let Some(tag) = tag.filter(|tag| tag.len() == self.tag_text) else { return Ok(false) };
        if let (Some((name, format)), Some(tolerance)) = (&self.timestamp, tolerance) {
            let Some(text) = value(headers, name) else { return Ok(false) };
            let Some(at) = format.parse(text) else { return Ok(false) };
            tolerance.check(at, now)?;
            examined.time = SignedTime { text: Cow::Borrowed(text), at: Some(at) };
        }
        if let Some(name) = &self.id {
            let Some(id) = value(headers, name) else { return Ok(false) };
            if id.is_empty() || id.len() > MAX_ID || !is_visible(id) {
                return Ok(false);
            }
            examined.id = Some(Cow::Borrowed(id));
        }
        // Last: once a tag is taken, nothing may be left to be asked.
        if examined.tags.take_only(tag, self.encoding, self.tag).is_none() {
            let is_list = tag.iter().any(|byte| self.separators.contains(byte));
            return if is_list { Ok(false) } else { Err(malformed(places, Problem::Encoding)) };
        }
        Ok(true)
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

/// The value of a header that stands there once at most.
#[inline]
fn value<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<&'r [u8]> {
    headers.get(name).map(|value| trim_ows(value.as_bytes()))
}

//! Writes the signed content of a request: one pass over the parts, never by substituting into a string.

use std::sync::Arc;

use memchr::memchr;

use crate::{
    head::{Head, Unusable, look_up},
    public_url::PublicUrl,
    rejection::{Problem, Rejection},
    scheme::{Guard, Part, Scheme, UrlForm},
};

/// Everything that the parts of one request are made of.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) head: Head<'a>,
    pub(crate) public_url: Option<&'a PublicUrl>,
    pub(crate) timestamp: &'a [u8],
    pub(crate) id: &'a [u8],
    /// What [`sorted_form`] makes of the body, once for all keys; empty if the scheme does not sign it.
    pub(crate) form: &'a [u8],
}

impl Content<'_> {
    /// Writes `parts` in order. `body` must be there if one of them reads it.
    pub(crate) fn write(
        &self,
        parts: &[Part],
        form: UrlForm,
        secret: &[u8],
        body: Option<&[u8]>,
        write: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Rejection> {
        let uri = self.head.uri;
        for part in parts {
            match part {
                Part::Literal(text) => write(text),
                Part::Secret => write(secret),
                Part::Timestamp => write(self.timestamp),
                Part::Id => write(self.id),
                Part::Method => write(self.head.method.as_str().as_bytes()),
                Part::Path => write(self.path().as_bytes()),
                Part::Query => write(uri.query().unwrap_or_default().as_bytes()),
                Part::PathAndQuery => {
                    write(self.path().as_bytes());
                    if let Some(query) = uri.query() {
                        write(b"?");
                        write(query.as_bytes());
                    }
                }
                Part::Url => {
                    if let Some(url) = self.public_url {
                        url.write_url(uri, form, &self.scheme.url, write);
                    }
                }
                Part::Host => {
                    if let Some(url) = self.public_url {
                        url.write_host(write);
                    }
                }
                Part::Value(source) => {
                    let value = look_up(source, self.head, body).map_err(Problem::from);
                    let value = value.and_then(|value| value.ok_or(Problem::Missing));
                    write(&value.map_err(|problem| malformed_value(source.to_string(), problem))?);
                }
                Part::FormSorted => write(self.form),
                Part::Body => write(body.unwrap_or_default()),
                Part::BodyHash(digest, encoding) => {
                    let hash = digest.of(body.unwrap_or_default());
                    write(encoding.encode(hash.as_bytes()).as_bytes());
                }
            }
        }
        Ok(())
    }

    fn path(&self) -> &str {
        self.public_url.map_or(self.head.uri.path(), |url| url.path(self.head.uri))
    }

    /// Holds the request against the rules that give its parts one reading. `first` is the first byte of the body.
    pub(crate) fn obeys(&self, guard: &Guard, body: Option<&[u8]>, first: Option<u8>) -> Result<(), Rejection> {
        let ambiguous = |rule| Err(Rejection::AmbiguousContent { rule });
        match guard {
            Guard::TimestampLen(len) if self.timestamp.len() != *len => {
                ambiguous("the timestamp does not have the number of digits that tells it from its neighbour")
            }
            Guard::IdSegments { separator } if has_time_segment(self.id, separator) => {
                ambiguous("the id contains the separator and something like a timestamp behind it")
            }
            Guard::IdWithout { separator } if ends_early(self.id, separator) => {
                ambiguous("the id contains the separator that ends it")
            }
            Guard::ValueWithout { source, separator } => match look_up(source, self.head, body) {
                Ok(Some(value)) if ends_early(&value, separator) => {
                    ambiguous("a signed value contains the separator that ends it")
                }
                _ => Ok(()),
            },
            Guard::PlainUrl if !self.url_is_plain() => ambiguous("the URL contains a character that could end it"),
            Guard::BodyEndsUrl if first.is_some_and(crate::scheme::is_url_byte) => {
                ambiguous("the body begins like a part of the URL in front of it")
            }
            Guard::BodyEndsUrl if !self.url_is_plain() => {
                ambiguous("the URL contains a character that only a body can begin with")
            }
            _ => Ok(()),
        }
    }

    fn url_is_plain(&self) -> bool {
        let bytes = |text: &str| text.bytes().all(crate::scheme::is_url_byte);
        bytes(self.path()) && self.head.uri.query().is_none_or(bytes)
    }
}

/// The most parameters of a form that is sorted; Twilio sends about forty. Sorting takes longer than hashing.
const MAX_PARAMETERS: usize = 1000;

/// The names and values of a form in order, as the scheme signs them; empty if it does not.
pub(crate) fn sorted_form(scheme: &Scheme, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    if !scheme.signature.parts.contains(&Part::FormSorted) {
        return Ok(Vec::new());
    }
    // What is not UTF-8 is replaced: the SDKs of those who sort their forms sign and verify it so.
    let mut pairs: Vec<_> = form_urlencoded::parse(body).take(MAX_PARAMETERS + 1).collect();
    if pairs.len() > MAX_PARAMETERS {
        return Err(malformed_value("the form".to_owned(), Problem::TooMany));
    }
    pairs.sort_unstable();
    if scheme.form.dedupe {
        pairs.dedup();
    }
    let mut text = Vec::with_capacity(body.len());
    for (name, value) in pairs {
        for piece in [&*name, &scheme.form.between, &*value, &scheme.form.after] {
            text.extend_from_slice(piece.as_bytes());
        }
    }
    Ok(text)
}

pub(crate) fn malformed_value(place: String, problem: Problem) -> Rejection {
    Rejection::MalformedValue { place: Arc::from(place), problem }
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Conflicting => Self::Conflicting,
            Unusable::NotJson => Self::NotJson,
            Unusable::NotText => Self::Encoding,
        }
    }
}

/// Whether the separator behind `text` begins within it already: `a.` in front of `..`.
fn ends_early(text: &[u8], separator: &[u8]) -> bool {
    let begins = |at: usize| text[at..].iter().chain(separator).take(separator.len()).eq(separator);
    match separator {
        [_] => find(text, separator).is_some(),
        _ => (0..text.len()).any(begins),
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        // What nearly every separator is.
        [byte] => memchr(*byte, text),
        _ => text.windows(wanted.len()).position(|window| window == wanted),
    }
}

/// Whether any segment behind a separator could be read as the timestamp, which would move the id's end there.
fn has_time_segment(id: &[u8], separator: &[u8]) -> bool {
    let mut rest = id;
    while let Some(at) = find(rest, separator) {
        rest = &rest[at + separator.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = &rest[digits..];
        if digits > 0 && (behind.is_empty() || behind.starts_with(separator)) {
            return true;
        }
    }
    false
}

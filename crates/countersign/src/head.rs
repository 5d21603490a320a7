//! The head of a request, and the lookup of a scheme's values in a request.

use std::{borrow::Cow, fmt};

use http::{HeaderMap, HeaderName, Method, Request, Uri, request::Parts};
use percent_encoding::percent_decode;

use crate::{
    json, multipart,
    scheme::{Source, trim_ows},
};

/// The head of a request, borrowed: everything that is known before the body arrives.
///
/// Made from [`http::request::Parts`], from an [`http::Request`] or from its parts.
#[derive(Clone, Copy)]
pub struct Head<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    /// The payload of the request's token, once it is read; empty for schemes without one.
    pub(crate) claims: &'r [u8],
    /// Whether the request can only be a question of a handshake, and so may have its method.
    pub(crate) is_question: bool,
}

impl<'r> Head<'r> {
    /// A head from its three parts.
    pub fn new(method: &'r Method, uri: &'r Uri, headers: &'r HeaderMap) -> Self {
        Self { method, uri, headers, claims: &[], is_question: false }
    }

    pub(crate) fn as_question(self) -> Self {
        Self { is_question: true, ..self }
    }

    pub(crate) fn with_claims<'c>(self, claims: &'c [u8]) -> Head<'c>
    where
        'r: 'c,
    {
        Head { claims, ..self }
    }
}

impl fmt::Debug for Head<'_> {
    /// Without the values of the headers and the query, which may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("method", self.method).field("path", &self.uri.path()).finish_non_exhaustive()
    }
}

impl<'r> From<&'r Parts> for Head<'r> {
    fn from(parts: &'r Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }
}

impl<'r, B> From<&'r Request<B>> for Head<'r> {
    fn from(request: &'r Request<B>) -> Self {
        Self::new(request.method(), request.uri(), request.headers())
    }
}

/// Why a value of the request cannot be used, although it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It occurs several times, so two readers could read different values.
    Conflicting,
    /// URL-encoded text that does not decode to UTF-8: its replacement would be the same for other bytes.
    NotText,
    /// The body that should contain it is not one JSON document, or nests deeper than `serde_json`'s 128 levels.
    NotJson,
    /// The body that should contain it does not have the layout of its content type.
    NotMultipart,
    /// It is a JSON value of another type.
    OtherType,
}

/// The value at `source`; `body` is the whole body, if it has arrived.
pub(crate) fn look_up<'r>(
    source: &Source,
    head: Head<'r>,
    body: Option<&'r [u8]>,
) -> Result<Option<Cow<'r, [u8]>>, Unusable> {
    match source {
        Source::Header(names) => header(names, head.headers).map(|value| value.map(Cow::Borrowed)),
        Source::Query(name) => parameter(name, head.uri.query().unwrap_or_default().as_bytes()),
        Source::Form(name) => form_value(name, body.unwrap_or_default()),
        Source::Json(pointer) => json_value(body.unwrap_or_default(), pointer),
        Source::FormJson(name, pointer) => match form_value(name, body.unwrap_or_default())? {
            Some(text) => json_value(&text, pointer),
            None => Ok(None),
        },
        Source::Claim(pointer) => json_value(head.claims, pointer),
        Source::Body => Ok(body.map(Cow::Borrowed)),
    }
}

fn json_value(document: &[u8], pointer: &json::Pointer) -> Result<Option<Cow<'static, [u8]>>, Unusable> {
    let value = json::read(document, pointer)?;
    Ok(value.map(|value| Cow::Owned(value.into_text().into_bytes())))
}

/// A parameter of a form body, which is URL-encoded or multipart.
fn form_value<'r>(name: &str, body: &'r [u8]) -> Result<Option<Cow<'r, [u8]>>, Unusable> {
    match multipart::boundary(body) {
        Some(boundary) => multipart::field(name, boundary, body).map(|value| value.map(Cow::Borrowed)),
        None => parameter(name, body),
    }
}

/// The value of the first of `names` that is present. It must be a single line. Most servers join several lines into
/// one, which is another value even if the lines are equal.
#[inline]
fn header<'r>(names: &[HeaderName], headers: &'r HeaderMap) -> Result<Option<&'r [u8]>, Unusable> {
    let Some((name, value)) = names.iter().find_map(|name| Some((name, headers.get(name)?))) else {
        return Ok(None);
    };
    // Usually no name has a second line, so there is no need to look for one.
    let may_repeat = headers.len() > headers.keys_len();
    if may_repeat && headers.get_all(name).iter().nth(1).is_some() {
        return Err(Unusable::Conflicting);
    }
    Ok(Some(trim_ows(value.as_bytes())))
}

/// The value of a parameter in URL-encoded text. If the name occurs several times, all values must be equal.
pub(crate) fn parameter<'r>(wanted: &str, encoded: &'r [u8]) -> Result<Option<Cow<'r, [u8]>>, Unusable> {
    let mut values = pairs(encoded)?.filter(|(name, _)| name == wanted).map(|(_, value)| value);
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|value| value != first) {
        return Err(Unusable::Conflicting);
    }
    Ok(Some(match first {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }))
}

/// Whether it is a character of a token: RFC 9110 section 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The names and values of URL-encoded text, decoded.
pub(crate) fn pairs(encoded: &[u8]) -> Result<form_urlencoded::Parse<'_>, Unusable> {
    // No UTF-8 sequence contains `&` or `=`, so the whole text can be checked at once.
    percent_decode(encoded).decode_utf8().map_err(|_| Unusable::NotText)?;
    Ok(form_urlencoded::parse(encoded))
}

//! The format of a body, by the request's content type and content encoding.

use countersign::Rejection;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

/// The formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    Form,
    Json,
    Xml,
    /// There is no content type, or one that names no format: `text/plain`, `application/octet-stream`.
    Unnamed,
}

impl MediaType {
    /// The format that the headers name, if they name one only and the body is not encoded.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Rejection> {
        let encoded = headers.get_all(CONTENT_ENCODING).into_iter().find(|value| !is_identity(value));
        if let Some(encoding) = encoded {
            return Err(unsupported("Content-Encoding: ", encoding));
        }
        let mut types = headers.get_all(CONTENT_TYPE).into_iter();
        let Some(first) = types.next() else { return Ok(Self::Unnamed) };
        if let Some(other) = types.find(|other| *other != first) {
            return Err(unsupported("a second Content-Type: ", other));
        }
        first.to_str().ok().and_then(Self::parse).ok_or_else(|| unsupported("", first))
    }

    fn parse(text: &str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let found = Self::of_essence(&essence.trim().to_ascii_lowercase())?;
        // RFC 8259, section 11: JSON has no charset parameter, so one has no effect.
        (found == Self::Json || is_utf8(parameters)).then_some(found)
    }

    fn of_essence(essence: &str) -> Option<Self> {
        match essence.strip_prefix("application/") {
            Some("json") => Some(Self::Json),
            Some("x-www-form-urlencoded") => Some(Self::Form),
            Some("xml") => Some(Self::Xml),
            Some(subtype) if subtype.ends_with("+json") => Some(Self::Json),
            Some(subtype) if subtype.ends_with("+xml") => Some(Self::Xml),
            Some("octet-stream") => Some(Self::Unnamed),
            Some(_) => None,
            None => match essence {
                "text/xml" => Some(Self::Xml),
                "text/plain" => Some(Self::Unnamed),
                _ => None,
            },
        }
    }
}

/// The rejection of a payload whose content type names no format.
pub(super) fn unnamed(headers: &HeaderMap) -> Rejection {
    headers
        .get(CONTENT_TYPE)
        .map_or(Rejection::UnsupportedMediaType { found: None }, |content_type| unsupported("", content_type))
}

fn is_identity(encoding: &HeaderValue) -> bool {
    encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
}

/// Whether every charset that is named is UTF-8 or a subset of it.
fn is_utf8(parameters: &str) -> bool {
    let named = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut charsets = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    charsets.all(|charset| {
        let charset = charset.trim().trim_matches('"');
        ["utf-8", "utf8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
    })
}

fn unsupported(what: &str, value: &HeaderValue) -> Rejection {
    Rejection::UnsupportedMediaType { found: value.to_str().ok().map(|value| format!("{what}{value}")) }
}

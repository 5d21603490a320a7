//! The components of a request that a message signature can cover, RFC 9421 section 2.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{CONTENT_DIGEST, joined, missing};
use crate::{
    content::{Content, malformed_value},
    encoding::Encoding,
    head::pairs,
    public_url::PublicUrl,
    rejection::{Problem, Rejection},
    scheme::{Source, trim_ows},
    structured_fields::{self, Bare, Item},
};

/// A covered component, with its identifier as the header has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    name: ComponentName,
    identifier: String,
}

/// The part of the request that a component covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ComponentName {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// A parameter of the query, by its decoded name.
    QueryParam(String),
    Header(HeaderName, HeaderForm),
}

/// How the value of a header is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderForm {
    /// Its lines without white space around them, joined with commas.
    Plain,
    /// As a structured field, serialized again (`sf`).
    Structured,
    /// Each line in base64 (`bs`).
    Bytes,
    /// One member of a dictionary (`key`).
    Member(String),
}

impl Component {
    /// Reads an identifier; `None` if it is unknown, is of the response or the trailers, or has parameters that exclude
    /// each other.
    pub(super) fn read(item: &Item) -> Option<Self> {
        let Bare::Text(name) = &item.bare else { return None };
        let parameters: Vec<_> = item.parameters.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let name = match (name.as_str(), parameters.as_slice()) {
            ("@method", []) => ComponentName::Method,
            ("@target-uri", []) => ComponentName::TargetUri,
            ("@authority", []) => ComponentName::Authority,
            ("@scheme", []) => ComponentName::Scheme,
            ("@request-target", []) => ComponentName::RequestTarget,
            ("@path", []) => ComponentName::Path,
            ("@query", []) => ComponentName::Query,
            ("@query-param", [("name", Bare::Text(name))]) => {
                let decoded = percent_decode_str(name).decode_utf8().ok()?;
                // Otherwise one parameter could be covered under several names.
                ComponentName::QueryParam(Some(decoded.into_owned()).filter(|decoded| encoded(decoded) == *name)?)
            }
            (name, parameters) => ComponentName::Header(header_name(name)?, HeaderForm::read(parameters)?),
        };
        Some(Self { name, identifier: item.text.clone() })
    }

    /// Reads an identifier as scheme files write it: as in the header, but without quotation marks around the name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
        Self::read(&structured_fields::item(&format!("\"{name}\"{parameters}"))?)
    }

    pub(crate) fn identifier(&self) -> &str {
        &self.identifier
    }

    pub(crate) fn is_content_digest(&self) -> bool {
        self.name == ComponentName::Header(CONTENT_DIGEST, HeaderForm::Plain)
    }

    /// Whether it tells one event from another, apart from the body. A time does not: it changes from retry to retry.
    pub(crate) fn tells_events_apart(&self) -> bool {
        !self.is_content_digest() && !matches!(&self.name, ComponentName::Header(name, _) if name == header::DATE)
    }

    /// The header that it covers, if it covers one.
    pub(crate) fn header_name(&self) -> Option<&HeaderName> {
        match &self.name {
            ComponentName::Header(name, _) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn needs_public_url(&self) -> bool {
        matches!(self.name, ComponentName::TargetUri | ComponentName::Authority | ComponentName::Scheme)
    }

    /// Whether it covers the value at `source`.
    pub(crate) fn covers(&self, source: &Source) -> bool {
        match (&self.name, source) {
            (ComponentName::Header(name, HeaderForm::Plain), Source::Header(names)) => {
                names.as_slice() == [name.clone()]
            }
            (ComponentName::TargetUri | ComponentName::RequestTarget | ComponentName::Query, Source::Query(_)) => true,
            (ComponentName::QueryParam(name), Source::Query(own)) => name == own,
            _ => false,
        }
    }

    /// Its value in a request.
    pub(crate) fn value(&self, content: &Content<'_>) -> Result<Vec<u8>, Rejection> {
        let uri = content.head.uri;
        let path = || if content.path().is_empty() { "/" } else { content.path() };
        let path_and_query = || match uri.query() {
            Some(query) => format!("{}?{query}", path()),
            None => path().to_owned(),
        };
        let text = match &self.name {
            ComponentName::Method => content.head.method.as_str().to_owned(),
            ComponentName::TargetUri => {
                let url = self.public_url(content)?;
                format!("{}://{}{}", url.scheme(), url.authority(), path_and_query())
            }
            ComponentName::Authority => self.public_url(content)?.authority(),
            ComponentName::Scheme => self.public_url(content)?.scheme().to_owned(),
            ComponentName::RequestTarget => path_and_query(),
            ComponentName::Path => path().to_owned(),
            // Section 2.2.7: an absent query is written like an empty one.
            ComponentName::Query => format!("?{}", uri.query().unwrap_or_default()),
            ComponentName::QueryParam(name) => self.query_parameter(name, uri.query().unwrap_or_default())?,
            ComponentName::Header(name, form) => return self.header(name, form, content),
        };
        Ok(text.into_bytes())
    }

    /// Host, port and scheme come from the receiver's configuration, because the sender chooses the `Host` header.
    fn public_url<'a>(&self, content: &Content<'a>) -> Result<&'a PublicUrl, Rejection> {
        content
            .public_url
            .ok_or_else(|| missing(&format!("the public URL, which component {} is part of", self.identifier)))
    }

    fn query_parameter(&self, name: &str, query: &str) -> Result<String, Rejection> {
        // The same pairs that the event's id is read from. If that parser could not read them, the replay key would be
        // made without the id.
        let pairs = pairs(query.as_bytes()).map_err(|unusable| self.malformed(unusable.into()))?;
        let mut values = pairs.filter(|(other, _)| other == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(encoded(&value)),
            // Section 2.2.8: a name that occurs several times cannot be signed.
            (Some(_), Some(_)) => Err(self.malformed(Problem::Conflicting)),
            (None, _) => Err(self.malformed(Problem::Missing)),
        }
    }

    fn header(&self, name: &HeaderName, form: &HeaderForm, content: &Content<'_>) -> Result<Vec<u8>, Rejection> {
        let headers = content.head.headers;
        let value = joined(headers, name).ok_or_else(|| self.malformed(Problem::Missing))?;
        let is_parsed = matches!(form, HeaderForm::Structured | HeaderForm::Member(_));
        if is_parsed && value.len() > MAX_PARSED {
            return Err(self.malformed(Problem::TooLong));
        }
        let printed = match form {
            // The replay key reads its id from a single line only. With two lines, it would be made of something else.
            HeaderForm::Plain if content.scheme.event_is_told_by(name) && has_lines(headers, name) => {
                return Err(self.malformed(Problem::Conflicting));
            }
            HeaderForm::Plain if repeats(headers, name) => {
                return Err(Rejection::AmbiguousContent {
                    rule: "a signed header occurs twice with one value, which reads like a single header with both values",
                });
            }
            HeaderForm::Plain => return Ok(value),
            HeaderForm::Structured => structured_fields::reserialized(&value),
            HeaderForm::Member(key) => structured_fields::member_of(&value, key),
            HeaderForm::Bytes => {
                let lines = headers.get_all(name).iter().map(|line| trim_ows(line.as_bytes()));
                let lines: Vec<_> = lines.map(|line| format!(":{}:", Encoding::Base64.encode(line))).collect();
                Some(lines.join(", "))
            }
        };
        printed.map(String::into_bytes).ok_or_else(|| self.malformed(Problem::Layout))
    }

    fn malformed(&self, problem: Problem) -> Rejection {
        malformed_value(format!("component {}", self.identifier), problem)
    }
}

impl HeaderForm {
    fn read(parameters: &[(&str, &Bare)]) -> Option<Self> {
        Some(match parameters {
            [] => Self::Plain,
            [("sf", Bare::True)] => Self::Structured,
            [("bs", Bare::True)] => Self::Bytes,
            [("key", Bare::Text(key))] => Self::Member(key.clone()),
            // `req` and `tr` are of responses and trailers; others are unknown, or exclude each other.
            _ => return None,
        })
    }
}

/// A header's name, which must be in lower case (section 2.1).
fn header_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_lowercase(name.as_bytes()).ok()
}

/// The longest header that is parsed for a component, in bytes. It is parsed again for each component that is one of
/// its members.
const MAX_PARSED: usize = 2048;

fn has_lines(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

/// Whether a header has several lines that are all equal. Elsewhere they count as one line: one signature would cover
/// `a, a`, while the reader of the header gets `a`.
fn repeats(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    let mut others = lines.peekable();
    others.peek().is_some() && others.all(|line| Some(line) == first)
}

/// Section 2.2.8: the percent-encode set of `application/x-www-form-urlencoded`, a space as `%20`.
fn encoded(text: &str) -> String {
    const SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
    Cow::from(utf8_percent_encode(text, SET)).into_owned()
}

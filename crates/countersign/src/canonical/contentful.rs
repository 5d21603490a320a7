//! Contentful's canonical form: method, path, headers and body, one per line.
//!
//! Source: `lib/requests/index.cjs` of `@contentful/node-apps-toolkit` 3.16.1.

use http::HeaderName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{header, header_names};
use crate::{
    content::{Content, malformed_value},
    rejection::{Problem, Rejection},
    scheme::{Scheme, Source},
};

const TIMESTAMP: HeaderName = HeaderName::from_static("x-contentful-timestamp");
const SIGNED_HEADERS: HeaderName = HeaderName::from_static("x-contentful-signed-headers");

/// The characters that `querystring.escape` of Node.js does not escape.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The characters that `encodeURI` does not escape (ECMA-262 section 19.2.6.4).
const IN_URI: &AsciiSet = &IN_QUERY
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');

/// The only header that is always signed as it is. The request lists the other signed headers; the list itself is not
/// signed as it is, because the sender sorts it.
pub(super) fn covers(source: &Source) -> bool {
    match source {
        Source::Header(_) => is_timestamp(source),
        Source::Query(_) => true,
        source => source.is_in_body(),
    }
}

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut text = format!("{}\n{}\n", content.head.method, path(content)?).into_bytes();
    text.extend_from_slice(&headers(content)?);
    text.push(b'\n');
    text.extend_from_slice(body);
    Ok(text)
}

/// The path, and the query escaped twice.
fn path(content: &Content<'_>) -> Result<String, Rejection> {
    let query = content.head.uri.query().unwrap_or_default();
    if query.contains('?') {
        // The sender's code drops the text after a second question mark.
        return Err(Rejection::AmbiguousContent {
            rule: "the query contains a question mark, which ends what is signed",
        });
    }
    let mut path = content.path().to_owned();
    if !query.is_empty() {
        path = format!("{path}?{}", utf8_percent_encode(query, IN_QUERY));
    }
    Ok(utf8_percent_encode(&path, IN_URI).to_string())
}

/// The headers that the request lists, and the two that are always signed: `name:value`, sorted, separated by
/// semicolons.
fn headers(content: &Content<'_>) -> Result<Vec<u8>, Rejection> {
    let place = format!("header `{SIGNED_HEADERS}`");
    let list =
        if content.head.headers.contains_key(SIGNED_HEADERS) { header(content, &SIGNED_HEADERS)? } else { Vec::new() };
    let list = String::from_utf8(list).map_err(|_| malformed_value(place.clone(), Problem::Encoding))?;
    let listed = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut names: Vec<HeaderName> = header_names(listed, &place)?.into_iter().map(|(_, name)| name).collect();
    for name in [TIMESTAMP, SIGNED_HEADERS] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    let mut text = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let value = match name {
            name if *name == SIGNED_HEADERS => {
                names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",").into_bytes()
            }
            // Empty if the time is left out of the replay key.
            name if *name == TIMESTAMP && reads_timestamp(content.scheme) => content.timestamp.to_vec(),
            name => header(content, name)?,
        };
        // The list of header names is signed, so only a listed name could begin another header within a value.
        let is_border = |other: &HeaderName| contains(&value, format!(";{other}:").as_bytes());
        if names.iter().any(is_border) {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains what begins the next one" });
        }
        text.extend_from_slice(if at == 0 { b"" } else { b";" });
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(&value);
    }
    Ok(text)
}

fn is_timestamp(source: &Source) -> bool {
    matches!(source, Source::Header(names) if names[..] == [TIMESTAMP])
}

/// Whether the scheme reads its signed time from that header.
fn reads_timestamp(scheme: &Scheme) -> bool {
    scheme.timestamp.as_ref().and_then(|rule| rule.source.as_ref()).is_some_and(is_timestamp)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

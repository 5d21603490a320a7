//! `TrueLayer`'s canonical form: method and path on one line, a line for each header that the token's header lists, and
//! the body.
//!
//! The number of lines is signed with the token's header, and none of them can contain a line break, so each part has
//! one place.
//!
//! Source: `lib/lib.js` of `truelayer-signing` 0.2.3.

use super::{header, header_names, signature};
use crate::{
    content::{Content, malformed_value},
    jws::DetachedJws,
    rejection::{Problem, Rejection},
};

/// The version that this file implements.
pub(super) const PARAMETERS: &[(&str, &str)] = &[("tl_version", "2")];

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let place = content.scheme.signature.source.to_string();
    let token = signature(content)?;
    let jws = match token.as_str() {
        // The signer calls this before there is a signature.
        "" => None,
        token => Some(
            DetachedJws::parse(token.as_bytes(), &content.scheme.jwt.algorithms, content.scheme.jwt.b64)
                .map_err(|problem| malformed_value(place.clone(), problem.into()))?,
        ),
    };
    let is_known = |jws: &DetachedJws<'_>| PARAMETERS.iter().all(|(name, value)| jws.parameter(name) == Some(value));
    if !jws.as_ref().is_none_or(is_known) {
        return Err(malformed_value(place, Problem::UnknownVersion));
    }
    let list = jws.as_ref().and_then(|jws| jws.parameter("tl_headers")).unwrap_or_default();
    let mut text = format!("{} {}\n", content.head.method, content.path()).into_bytes();
    for (written, name) in header_names(list.split(',').filter(|name| !name.is_empty()), &place)? {
        text.extend_from_slice(written.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(&header(content, &name)?);
        text.push(b'\n');
    }
    text.extend_from_slice(body);
    Ok(text)
}

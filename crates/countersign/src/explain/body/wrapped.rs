//! Bodies inside of what a gateway, a queue or the transport put around them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{BodyMistake, BodyVariant};

/// Every text that stands near the top of a JSON document, and what is left of a body without the marks of its chunks.
pub(super) fn variants(body: &[u8]) -> Vec<BodyVariant> {
    let mut variants: Vec<_> = dechunked(body)
        .map(|body| BodyVariant::new(body, BodyMistake::Encoded { encoding: "with the marks of its chunks" }))
        .into_iter()
        .collect();
    let Ok(document) = serde_json::from_slice::<Json>(body) else { return variants };
    let mut add = |body: Vec<u8>, place: &str| {
        // The names are the sender's: they are told as they are only where they are short and plain.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
        let place = if place.len() <= MAX_PLACE && place.chars().all(is_plain) { place } else { "member" };
        variants.push(BodyVariant::new(body, BodyMistake::Wrapped { place: place.to_owned() }));
    };
    for (place, text) in texts(&document, "", 0).into_iter().take(MAX_TEXTS) {
        if let Some(decoded) = STANDARD.decode(text).ok().filter(|decoded| !decoded.is_empty()) {
            add(decoded, &place);
        }
        add(text.as_bytes().to_vec(), &place);
    }
    variants
}

/// The texts of a document with their places, down to the first record of a list.
fn texts<'d>(document: &'d Json, place: &str, depth: usize) -> Vec<(String, &'d str)> {
    match document {
        Json::String(text) if depth > 0 && text.len() >= SHORTEST => vec![(place.to_owned(), text)],
        Json::Object(members) if depth < MAX_DEPTH => {
            let inner = members.iter().flat_map(|(name, json)| texts(json, &format!("{place}/{name}"), depth + 1));
            inner.collect()
        }
        Json::Array(items) if depth < MAX_DEPTH => {
            items.first().map(|first| texts(first, &format!("{place}/0"), depth + 1)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The content of chunks, RFC 9112 section 7.1, without extensions and trailers.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).take(MAX_SIZE_LINE).position(|window| window == b"\r\n")?;
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let (chunk, after) = rest[end + 2..].split_at_checked(len)?;
        rest = after.strip_prefix(b"\r\n")?;
        if chunk.is_empty() {
            return (!body.is_empty()).then_some(body);
        }
        body.extend_from_slice(chunk);
    }
}

/// The events of serverless functions have their body as deep as this, in the first of their records.
const MAX_DEPTH: usize = 4;
const MAX_TEXTS: usize = 32;
const MAX_PLACE: usize = 40;

/// Eight hexadecimal digits and a line end are more than any chunk needs.
const MAX_SIZE_LINE: usize = 10;

/// A body that is shorter is hardly one.
const SHORTEST: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_and_what_is_none_is_left() {
        assert_eq!(dechunked(b"4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n").as_deref(), Some(&b"abcde"[..]));
        for text in [&b"{}"[..], b"", b"0\r\n\r\n", b"4\r\nabc", b"ffffffffffffffff\r\na", b"-1\r\n\r\n\r\n"] {
            assert_eq!(dechunked(text), None, "{text:?}");
        }
    }
}

//! Bodies inside of what a gateway, a queue or the transport put around them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{BodyMistake, variants::BodyVariants};

/// Every text that stands near the top of a JSON document, and what is left of a body without the marks of its chunks.
pub(super) fn add(body: &[u8], variants: &mut BodyVariants) {
    if let Some(body) = dechunked(body) {
        variants.add(body, BodyMistake::Encoded { encoding: "in chunked transfer coding" });
    }
    let Ok(document) = serde_json::from_slice::<Json>(body) else { return };
    let mut found = Vec::new();
    texts(&document, Some(String::new()), 0, &mut found);
    for (place, text) in found {
        let place = place.unwrap_or_else(|| "member".to_owned());
        if let Some(decoded) = STANDARD.decode(text).ok().filter(|decoded| !decoded.is_empty()) {
            variants.add(decoded, BodyMistake::Wrapped { place: place.clone() });
        }
        variants.add(text, BodyMistake::Wrapped { place });
    }
}

/// A text with its place, if that can be told.
type Found<'d> = (Option<String>, &'d str);

/// The first texts of a document with their places, down to the first record of a list.
fn texts<'d>(document: &'d Json, place: Option<String>, depth: usize, found: &mut Vec<Found<'d>>) {
    match document {
        _ if found.len() == MAX_TEXTS => {}
        Json::String(text) if depth > 0 && text.len() >= SHORTEST => found.push((place, text)),
        Json::Object(members) if depth < MAX_DEPTH => {
            for (name, json) in members {
                texts(json, inside(place.as_deref(), name), depth + 1, found);
            }
        }
        Json::Array(items) if depth < MAX_DEPTH => {
            if let Some(first) = items.first() {
                texts(first, inside(place.as_deref(), "0"), depth + 1, found);
            }
        }
        _ => {}
    }
}

/// The place of a member. The names are the sender's: they are told as they are only where they are short and plain.
fn inside(place: Option<&str>, name: &str) -> Option<String> {
    let place = place.filter(|place| place.len() + name.len() < MAX_PLACE)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    name.chars().all(is_plain).then(|| format!("{place}/{name}"))
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

//! Bodies that a gateway, a queue or the transport wrapped.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{BodyMistake, variants::BodyVariants};

/// Adds the content of a chunked body, and every text near the top of a JSON document.
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

/// A text with its place, if the place can be shown.
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

/// The place of a member. The sender chooses the names, so they are shown only if they are short and plain.
fn inside(place: Option<&str>, name: &str) -> Option<String> {
    let place = place.filter(|place| place.len() + name.len() < MAX_PLACE)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    name.chars().all(is_plain).then(|| format!("{place}/{name}"))
}

/// The content of chunks (RFC 9112 section 7.1) without extensions and trailers.
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

/// Events of serverless functions have their body at this depth, in the first record.
const MAX_DEPTH: usize = 4;
const MAX_TEXTS: usize = 32;
const MAX_PLACE: usize = 40;

/// In bytes: eight hexadecimal digits, more than any chunk needs, and a line end.
const MAX_SIZE_LINE: usize = 10;

/// Shorter texts are unlikely to be a body. In bytes.
const SHORTEST: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_other_text_is_not_dechunked() {
        assert_eq!(dechunked(b"4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n").as_deref(), Some(&b"abcde"[..]));
        for text in [&b"{}"[..], b"", b"0\r\n\r\n", b"4\r\nabc", b"ffffffffffffffff\r\na", b"-1\r\n\r\n\r\n"] {
            assert_eq!(dechunked(text), None, "{text:?}");
        }
    }
}

//! What the targets share: how raw bytes become requests.

use std::{collections::HashSet, fmt};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};

/// The item that two bytes choose, and the rest of the data.
pub fn choose<'e, 'd, T>(items: &'e [T], data: &'d [u8]) -> Option<(&'e T, &'d [u8])> {
    let (number, rest) = data.split_first_chunk()?;
    let number = usize::from(u16::from_le_bytes(*number));
    Some((items.get(number.checked_rem(items.len())?)?, rest))
}

/// Reads a request as text: request line, header lines, an empty line, the body. Lines that no server would hand on are
/// left out, so that every input is some request.
pub fn request(data: &[u8]) -> Request<Bytes> {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &b""[..]),
    };
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::POST;
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    if let Some(method) = first.next().and_then(|method| Method::from_bytes(method).ok()) {
        *request.method_mut() = method;
    }
    if let Some(uri) = first.next().and_then(|uri| Uri::try_from(uri).ok()) {
        *request.uri_mut() = uri;
    }
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    request
}

/// Whether a JSON object names a member twice, so that two readers could read two things.
pub fn has_name_twice(object: &[u8]) -> bool {
    serde_json::from_slice::<Names>(object).is_ok_and(|names| names.twice)
}

struct Names {
    twice: bool,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let (mut names, mut twice) = (HashSet::new(), false);
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            twice |= !names.insert(name);
        }
        Ok(Names { twice })
    }
}

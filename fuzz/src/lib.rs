//! The library of the targets: raw bytes choose an endpoint and become a request.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};

/// Items on a ring, each at the hash of its name.
///
/// An input chooses a position, and with it the first item at or after that. So an input that was found for one
/// provider stays with it when others are added: a new one takes over only the positions between its predecessor and
/// itself.
pub struct Ring<T>(BTreeMap<u32, T>);

impl<T> Ring<T> {
    /// A ring of items and their names.
    ///
    /// # Panics
    ///
    /// If two names have the same hash.
    pub fn new<N: AsRef<str>>(items: impl IntoIterator<Item = (N, T)>) -> Self {
        let mut ring = BTreeMap::new();
        for (name, item) in items {
            let name = name.as_ref();
            assert!(ring.insert(position(name), item).is_none(), "`{name}` has the hash of another one");
        }
        Self(ring)
    }

    /// The item that four bytes choose, and the rest of the data.
    pub fn choose<'d>(&self, data: &'d [u8]) -> Option<(&T, &'d [u8])> {
        let (position, rest) = data.split_first_chunk()?;
        let mut behind = self.0.range(u32::from_be_bytes(*position)..);
        let (_, item) = behind.next().or_else(|| self.0.first_key_value())?;
        Some((item, rest))
    }
}

/// FNV-1a, as `seed.py` has it.
fn position(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The item of a fixed list that two bytes choose, and the rest of the data.
pub fn choose<'e, 'd, T>(items: &'e [T], data: &'d [u8]) -> Option<(&'e T, &'d [u8])> {
    let (number, rest) = data.split_first_chunk()?;
    let number = usize::from(u16::from_le_bytes(*number));
    Some((items.get(number.checked_rem(items.len())?)?, rest))
}

/// Reads a request as text: request line, header lines, an empty line, the body. It skips lines that no server would
/// pass on, so that every input is some request.
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

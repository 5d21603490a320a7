//! Reads single values out of a JSON body by pointer (RFC 6901), without building the document.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::head::Unusable;

/// A JSON pointer, split into its unescaped tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Reads a pointer such as `/data/0/id`; `None` if it breaks RFC 6901 section 3.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tokens = text.strip_prefix('/')?.split('/').map(unescape).collect::<Option<_>>()?;
        Some(Self { tokens })
    }

    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut plain = String::with_capacity(token.len());
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('~') {
        plain.push_str(before);
        plain.push(match after.bytes().next()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        rest = &after[1..];
    }
    plain.push_str(rest);
    Some(plain)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// A value that a scheme can sign or use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    /// A whole number, in decimal digits.
    Integer(String),
    Boolean(bool),
}

impl Scalar {
    /// The text of the value in signed content and metadata.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Integer(text) => text,
            Self::Boolean(value) => value.to_string(),
        }
    }
}

/// The string at `pointer`, or the whole number if `number` is set. An error if the value has another type, even if it
/// looks alike.
pub(crate) fn read_as(body: &[u8], pointer: &Pointer, number: bool) -> Result<Option<Cow<'static, [u8]>>, Unusable> {
    let mut found = Found::default();
    match (read_into(body, pointer, &mut found)?, number) {
        (Some(Scalar::Integer(text)), true) | (Some(Scalar::Text(text)), false) => {
            Ok(Some(Cow::Owned(text.into_bytes())))
        }
        (None, _) if !found.other => Ok(None),
        _ => Err(Unusable::OtherType),
    }
}

/// The value at `pointer`; `None` if there is none, or none that is text, a whole number or a boolean.
pub(crate) fn read(body: &[u8], pointer: &Pointer) -> Result<Option<Scalar>, Unusable> {
    read_into(body, pointer, &mut Found::default())
}

fn read_into(body: &[u8], pointer: &Pointer, found: &mut Found) -> Result<Option<Scalar>, Unusable> {
    // Strings that are skipped may contain bytes that are not UTF-8. Some senders let them through, and the signature
    // covers them like all others.
    let mut deserializer = serde_json::Deserializer::from_slice(without_mark(body));
    let seed = At { tokens: &pointer.tokens, found: &mut *found };
    let read = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match read {
        _ if found.repeated => Err(Unusable::Conflicting),
        Ok(()) => Ok(found.value.take()),
        Err(_) => Err(Unusable::NotJson),
    }
}

/// The bytes of the value at `pointer`, as in the body.
pub(crate) fn raw<'b>(body: &'b [u8], pointer: &Pointer) -> Result<Option<&'b [u8]>, Unusable> {
    let mut value = without_mark(body);
    for token in &pointer.tokens {
        let Some(within) = Within::find(value, token)? else { return Ok(None) };
        value = within.get().as_bytes();
    }
    Ok(Some(value))
}

/// Skips a byte order mark, as RFC 8259 section 8.1 allows: some senders write one.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Finds the raw text of one member or element.
struct Within<'a, 'de> {
    token: &'a str,
    value: Option<&'de RawValue>,
    repeated: bool,
}

impl<'de> Within<'_, 'de> {
    fn find(outer: &'de [u8], token: &str) -> Result<Option<&'de RawValue>, Unusable> {
        let mut within = Within { token, value: None, repeated: false };
        let mut deserializer = serde_json::Deserializer::from_slice(outer);
        let read = Deserializer::deserialize_any(&mut deserializer, &mut within).and_then(|()| deserializer.end());
        match read {
            _ if within.repeated => Err(Unusable::Conflicting),
            Ok(()) => Ok(within.value),
            // Only an object or a list has something within it.
            Err(error) if error.is_data() => Ok(None),
            Err(_) => Err(Unusable::NotJson),
        }
    }
}

impl<'de> Visitor<'de> for &mut Within<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_wanted) = map.next_key_seed(Is(self.token))? {
            if is_wanted {
                self.repeated |= self.value.replace(map.next_value()?).is_some();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let wanted = index(self.token);
        for at in 0.. {
            let is_there = if wanted == Some(at) {
                self.value = seq.next_element()?;
                self.value.is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !is_there {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Found {
    value: Option<Scalar>,
    /// Whether the value is an object, a list or a fraction.
    other: bool,
    repeated: bool,
}

/// Follows `tokens` down the document, and skips everything else.
struct At<'a> {
    tokens: &'a [String],
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    fn set(self, value: Scalar) {
        if self.tokens.is_empty() {
            self.found.value = Some(value);
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.tokens.split_first() else {
            self.found.other = true;
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut seen = false;
        while let Some(is_wanted) = map.next_key_seed(Is(wanted))? {
            if is_wanted && seen {
                self.found.repeated = true;
                return Err(A::Error::custom("a key stands twice"));
            } else if is_wanted {
                seen = true;
                map.next_value_seed(At { tokens: rest, found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.found.other |= self.tokens.is_empty();
        if let Some((index, rest)) = self.tokens.split_first().and_then(|(token, rest)| Some((index(token)?, rest))) {
            for _ in 0..index {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            seq.next_element_seed(At { tokens: rest, found: self.found })?;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.set(Scalar::Text(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.set(Scalar::Integer(number.to_string()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.set(Scalar::Integer(number.to_string()));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.set(Scalar::Boolean(value));
        Ok(())
    }

    /// Not set: a fraction has no single text, so it cannot be signed.
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.found.other |= self.tokens.is_empty();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// RFC 6901 section 4: digits without leading zeros.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with(['0', '+']);
    token.parse().ok().filter(|_| canonical)
}

/// Deserializes the next key to whether it is the wanted one, without allocating for the others.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at(body: &str, pointer: &str) -> Result<Option<Scalar>, Unusable> {
        read(body.as_bytes(), &Pointer::parse(pointer).unwrap())
    }

    #[test]
    fn values_are_found_by_name_and_index() {
        let body = r#"{"a":[{"b~/":"x"},{"n":-7}],"t":true}"#;
        assert_eq!(read_at(body, "/a/0/b~0~1"), Ok(Some(Scalar::Text("x".into()))));
        assert_eq!(read_at(body, "/a/1/n"), Ok(Some(Scalar::Integer("-7".into()))));
        assert_eq!(read_at(body, "/t"), Ok(Some(Scalar::Boolean(true))));
        assert_eq!(read_at(&format!("\u{feff}{body}"), "/t"), Ok(Some(Scalar::Boolean(true))));
        assert_eq!(read_at(body, "/a/01/n"), Ok(None));
        assert_eq!(read_at(body, "/a/2"), Ok(None));
        assert_eq!(read_at(body, "/a"), Ok(None));
    }

    #[test]
    fn a_value_under_a_duplicate_key_is_refused() {
        assert_eq!(read_at(r#"{"a":1,"a":2}"#, "/a"), Err(Unusable::Conflicting));
        assert_eq!(read_at(r#"{"a":1,"\u0061":2}"#, "/a"), Err(Unusable::Conflicting));
        assert_eq!(read_at(r#"{"b":1,"b":2,"a":3}"#, "/a"), Ok(Some(Scalar::Integer("3".into()))));
    }

    #[test]
    fn raw_values_are_the_bytes_of_the_body() {
        let at = |body: &'static str, pointer| raw(body.as_bytes(), &Pointer::parse(pointer).unwrap());
        assert_eq!(at(r#"{"a": {"b":[1, 2 ]} }"#, "/a/b"), Ok(Some(&b"[1, 2 ]"[..])));
        assert_eq!(at(r#"{"a":1}"#, "/b"), Ok(None));
        assert_eq!(at(r#"[0, {"a": 17 }]"#, "/1/a"), Ok(Some(&b"17"[..])));
        assert_eq!(at("[1]", "/1"), Ok(None));
        assert_eq!(at("7", "/a"), Ok(None));
        assert_eq!(at("\u{feff}{\"a\": \"x\\n\" }", "/a"), Ok(Some(&br#""x\n""#[..])));
        assert_eq!(at(r#"{"a":1,"\u0061":1}"#, "/a"), Err(Unusable::Conflicting));
        for body in ["", "{", r#"{"a":1} x"#, r#"{"a":1,}"#, "[1"] {
            assert_eq!(at(body, "/a"), Err(Unusable::NotJson), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_json_document_is_refused() {
        for body in ["", "{", "{} x", "{\"a\":1}{", "\u{feff}"] {
            assert_eq!(read_at(body, "/a"), Err(Unusable::NotJson), "{body}");
        }
        assert_eq!(read_at(&"[".repeat(100_000), "/a"), Err(Unusable::NotJson));
    }
}

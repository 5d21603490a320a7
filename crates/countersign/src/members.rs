//! Reads a JSON object without duplicate names.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The members of a JSON object, by name.
///
/// Parsers treat duplicate names differently (RFC 8259 section 4). An object that two readers understand differently is
/// refused: RFC 7515 section 4, RFC 7519 section 4 and RFC 8725 section 2.6.
pub(crate) struct Members<V>(BTreeMap<String, V>);

impl<V: for<'de> Deserialize<'de>> Members<V> {
    /// Reads `text`; `None` if it is not one JSON object in UTF-8, or if two of its own members have the same name.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_str(std::str::from_utf8(text).ok()?).ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.0.get(name)
    }
}

impl Members<serde_json::Value> {
    /// The member of that name; `Err` if it is there but not a string.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ()> {
        self.get(name).map(|value| value.as_str().ok_or(())).transpose()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Unique(PhantomData))
    }
}

struct Unique<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
    type Value = Members<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, V>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn a_duplicate_name_is_refused_even_if_it_is_escaped_differently() {
        assert!(Members::<IgnoredAny>::read(br#"{"a":1,"b":{"a":1,"a":2}}"#).is_some());
        assert!(Members::<IgnoredAny>::read(br#"{"a":1,"a":1}"#).is_none());
        assert!(Members::<IgnoredAny>::read(br#"{"a":1,"\u0061":1}"#).is_none());
    }

    #[test]
    fn only_a_single_object_in_utf_8_is_read() {
        for text in [&b""[..], b"[]", b"1", b"{}{}", b"{} x", b"{\"a\":\"\xff\"}", b"\xef\xbb\xbf{}", b"{\"a\":1,}"] {
            assert!(Members::<IgnoredAny>::read(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn deeply_nested_members_are_refused_if_they_are_read_and_skipped_otherwise() {
        let deep = |depth| [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat();
        assert!(Members::<serde_json::Value>::read(&deep(127)).is_some());
        assert!(Members::<serde_json::Value>::read(&deep(100_000)).is_none());
        assert!(Members::<IgnoredAny>::read(&deep(100_000)).is_some());
    }
}

//! The secrets of an endpoint in the configuration file. No error here repeats what stands there.

use std::{fmt, path::Path};

use countersign::{Key, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::{Spanned, value::Datetime};

use crate::{moment, secrets::SecretSource};

pub(super) struct Secrets(pub(super) Vec<Spanned<SecretEntry>>);

/// `"env:NAME"`, or a table with `from`, which may add a label and a time of validity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    from: String,
    label: Option<String>,
    not_before: Option<Datetime>,
    not_after: Option<Datetime>,
}

pub(super) struct SecretEntry(SecretTable);

impl SecretEntry {
    /// Where the secret is.
    pub(super) fn source(&self, folder: &Path) -> Result<SecretSource, String> {
        SecretSource::parse(&self.0.from, folder)
    }

    /// Reads the secret. The error says what is wrong, without the place.
    pub(super) fn key(&self, source: &SecretSource) -> Result<Key, String> {
        let Self(table) = self;
        let label = table.label.clone().unwrap_or_else(|| source.label());
        let mut key = Key::new(label, source.read().map_err(|failure| failure.to_string())?);
        if let Some(start) = &table.not_before {
            key = key.not_before(time("not_before", start)?);
        }
        if let Some(end) = &table.not_after {
            key = key.not_after(time("not_after", end)?);
        }
        Ok(key)
    }
}

fn time(name: &str, at: &Datetime) -> Result<Timestamp, String> {
    moment::parse(&at.to_string())
        .map_err(|_| format!("`{name}` needs a date, a time and an offset, such as 2026-12-31T23:59:59Z"))
}

const EXPECTED: &str = "a list such as [\"env:WEBHOOK_SECRET\"] or [\"file:/run/secrets/webhook\"]";

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Secrets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Secrets, E> {
        Err(E::custom(format_args!("expected {EXPECTED}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Secrets, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Secrets(entries))
    }
}

impl<'de> Deserialize<'de> for SecretEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = SecretEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`env:NAME`, `file:PATH`, or a table with `from`, `label`, `not_before` and `not_after`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretEntry, E> {
        let from = text.to_owned();
        Ok(SecretEntry(SecretTable { from, label: None, not_before: None, not_after: None }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretEntry, A::Error> {
        SecretTable::deserialize(MapAccessDeserializer::new(map)).map(SecretEntry)
    }
}

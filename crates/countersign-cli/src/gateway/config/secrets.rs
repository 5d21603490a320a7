//! The secrets of an endpoint in the configuration file. No error repeats a value of the file.

use std::{
    fmt, mem,
    path::{Path, PathBuf},
};

use countersign::{ConfigError, Key, MAX_KEYS, Scheme, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::{Spanned, value::Datetime};

use super::{Reader, file::EndpointEntry};
use crate::{failure::Failure, gateway::SentSecret, moment, secrets::SecretSource};

pub(super) struct Secrets(pub(super) Vec<Spanned<SecretEntry>>);

/// `"env:NAME"`, or a table with `from` or `handshake`, and optionally a label, an id and times of validity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    from: Option<String>,
    /// The file for the secret that the provider sends.
    handshake: Option<PathBuf>,
    label: Option<String>,
    /// The id with which deliveries name the key, if the scheme has such ids.
    key_id: Option<String>,
    not_before: Option<Datetime>,
    not_after: Option<Datetime>,
}

pub(super) struct SecretEntry(SecretTable);

impl SecretEntry {
    /// The source of the secret.
    fn source(&self, folder: &Path) -> Result<SecretSource, String> {
        match (&self.0.from, &self.0.handshake) {
            (Some(from), None) => SecretSource::parse(from, folder),
            (None, Some(file)) => Ok(SecretSource::File(folder.join(file))),
            _ => {
                Err("expected either `from`, where the secret is, or `handshake`, where to store the secret that the \
                      provider sends"
                    .to_owned())
            }
        }
    }

    fn label(&self, source: &SecretSource) -> String {
        self.0.label.clone().unwrap_or_else(|| source.label())
    }

    /// Reads the secret. The error does not say the place.
    fn key(&self, source: &SecretSource) -> Result<Key, String> {
        let Self(table) = self;
        let mut key = Key::new(self.label(source), source.read().map_err(|failure| failure.to_string())?);
        if let Some(id) = &table.key_id {
            key = key.with_id(id);
        }
        if let Some(start) = &table.not_before {
            key = key.not_before(time("not_before", start)?);
        }
        if let Some(end) = &table.not_after {
            key = key.not_after(time("not_after", end)?);
        }
        Ok(key)
    }
}

/// The secrets of an endpoint.
#[derive(Default)]
pub(super) struct Found {
    pub(super) keys: Vec<Key>,
    /// Stores the secret that the provider will send, if it has not sent it yet.
    pub(super) sent: Option<SentSecret>,
}

impl Reader<'_> {
    pub(super) fn secrets(&self, entry: &EndpointEntry, scheme: &Scheme) -> Result<Found, Failure> {
        let (mut found, mut is_sent, mut awaited) = (Found::default(), false, None);
        let mut labels = Vec::new();
        for secret in entry.secrets.as_ref().map_or(&[][..], |secrets| &secrets.as_ref().0) {
            let wrong = |message| self.wrong_at(secret, message);
            let source = secret.as_ref().source(&self.folder).map_err(wrong)?;
            self.reads(&source);
            let file = secret.as_ref().0.handshake.as_ref().map(|file| self.folder.join(file));
            if file.is_some() && !scheme.sends_secret() {
                return Err(wrong("this provider sends no secret in a handshake: use `from` instead".to_owned()));
            }
            if file.is_some() && mem::replace(&mut is_sent, true) {
                return Err(wrong("an endpoint stores only one secret from the provider: remove this".to_owned()));
            }
            let label = secret.as_ref().label(&source);
            if let Some(file) = file.filter(|file| !file.exists()) {
                found.sent = Some(SentSecret::new(file, self.with.reload.clone()).map_err(wrong)?);
                awaited = Some((secret, label));
            } else {
                found.keys.push(secret.as_ref().key(&source).map_err(wrong)?);
                labels.push(label);
            }
        }
        if let Some((secret, label)) = awaited {
            fits_beside(&labels, label).map_err(|error| self.wrong_at(secret, error.to_string()))?;
        }
        Ok(found)
    }

    /// Adds the file of a secret to the files of this configuration.
    pub(super) fn reads(&self, source: &SecretSource) {
        if let SecretSource::File(path) = source {
            self.with.sources.add(path);
        }
    }
}

/// Whether a secret with this label, which is yet to be sent, can be added to those with the other labels. Checked before it is
/// sent: anybody can send one, and must not make the configuration invalid by it.
fn fits_beside(labels: &[String], label: String) -> Result<(), ConfigError> {
    if labels.contains(&label) {
        Err(ConfigError::SameLabel { label })
    } else if labels.len() >= MAX_KEYS {
        Err(ConfigError::TooManySecrets)
    } else {
        Ok(())
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
        f.write_str(
            "`env:NAME`, `file:PATH`, or a table with `from` or `handshake`, `label`, `key_id`, `not_before` and `not_after`",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretEntry, E> {
        let from = text.to_owned();
        Ok(SecretEntry(SecretTable {
            from: Some(from),
            handshake: None,
            label: None,
            key_id: None,
            not_before: None,
            not_after: None,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretEntry, A::Error> {
        SecretTable::deserialize(MapAccessDeserializer::new(map)).map(SecretEntry)
    }
}

//! `operators` in the configuration file: who may have an event handled again.

use std::collections::{BTreeMap, HashSet};

use countersign::{Key, Secret};
use toml::Spanned;

use super::Reader;
use crate::{failure::Failure, gateway::Operators, secrets::SecretSource};

impl Reader<'_> {
    pub(super) fn operators(&self, entries: &BTreeMap<String, Spanned<String>>) -> Result<Operators, Failure> {
        let mut known = HashSet::new();
        let tokens = entries.iter().map(|(name, entry)| {
            let token = self.token(entry)?;
            if !known.insert(token.clone()) {
                return Err(self.wrong_at(entry, "another operator has this token: give each their own"));
            }
            let secret = Secret::new(token).map_err(|error| self.wrong_at(entry, error.to_string()))?;
            Ok(Key::new(name.as_str(), secret))
        });
        let tokens = tokens.collect::<Result<_, _>>()?;
        Operators::new(tokens).map_err(|failure| self.wrong_in(entries.values().next(), failure.to_string()))
    }

    fn token(&self, entry: &Spanned<String>) -> Result<String, Failure> {
        let source = SecretSource::parse(entry.as_ref(), &self.folder).map_err(|error| self.wrong_at(entry, error))?;
        self.reads(&source);
        let text = source.text().map_err(|failure| self.wrong_at(entry, failure.to_string()))?;
        let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() < Operators::SHORTEST_TOKEN || !is_sendable {
            let expected = format!(
                "expected a token of at least {} random letters, digits and punctuation marks: `openssl rand -hex 32` makes one",
                Operators::SHORTEST_TOKEN
            );
            return Err(self.wrong_at(entry, expected));
        }
        Ok(text)
    }
}

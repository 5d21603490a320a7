//! `operators` in the configuration file: who may have an event handled again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use toml::Spanned;

use super::Reader;
use crate::{
    failure::Failure,
    gateway::{Operators, Token},
    secrets::SecretSource,
};

impl Reader<'_> {
    pub(super) fn operators(&self, entries: &BTreeMap<String, Spanned<String>>) -> Result<Operators, Failure> {
        let mut tokens = HashSet::new();
        let operators = entries.iter().map(|(name, entry)| {
            let token = self.token(entry)?;
            if !tokens.insert(token) {
                return Err(self.wrong_at(entry, "another operator has this token: give each an own"));
            }
            Ok((Arc::from(name.as_str()), token))
        });
        Ok(Operators::new(operators.collect::<Result<Vec<_>, _>>()?))
    }

    fn token(&self, entry: &Spanned<String>) -> Result<Token, Failure> {
        let source = SecretSource::parse(entry.as_ref(), &self.folder).map_err(|error| self.wrong_at(entry, error))?;
        self.reads(&source);
        let text = source.text().map_err(|failure| self.wrong_at(entry, failure.to_string()))?;
        let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() < Token::SHORTEST || !is_sendable {
            let expected = format!(
                "expected a token of at least {} letters, digits and signs that nobody can guess, such as `openssl rand -hex 32` \
                 makes",
                Token::SHORTEST
            );
            return Err(self.wrong_at(entry, expected));
        }
        Ok(Token::new(text.as_bytes()))
    }
}

//! Reads `[secret]`: how a pasted secret becomes a key.

use toml::Spanned;

use super::{Reader, Result};
use crate::{
    encoding::Encoding,
    scheme::{SecretRule, file::SecretTable},
};

impl Reader<'_> {
    pub(super) fn secret(&self, table: SecretTable) -> Result<SecretRule> {
        let encoding = table.encoding.map(|name| self.secret_encoding(&name)).transpose()?.flatten();
        let around = table.prepend.as_ref().or(table.append.as_ref());
        if let (Some(text), Some(_)) = (around, encoding) {
            return self.fail(text.span(), "`prepend` and `append` are only for a `utf8` secret");
        }
        if let Some(text) =
            [&table.prepend, &table.append].into_iter().flatten().find(|text| text.get_ref().contains(['{', '}']))
        {
            return self.fail(text.span(), "this text is added unchanged: it cannot have placeholders");
        }
        if let (Some(required), None) = (&table.prefix_required, &table.strip) {
            return self.fail(required.span(), "expected `strip` as well: the required prefix");
        }
        Ok(SecretRule {
            verbatim: table
                .verbatim
                .map(|prefix| self.verbatim(prefix, encoding, table.strip.as_deref()))
                .transpose()?,
            begins: table.begins.map(|prefix| self.begins(prefix, encoding, table.strip.as_deref())).transpose()?,
            strip: table.strip,
            prefix_required: table.prefix_required.is_some_and(Spanned::into_inner),
            encoding,
            bytes: table.bytes.map(|bytes| self.key_bytes(&bytes, encoding)).transpose()?,
            hash: table.hash.map(|name| self.digest(&name)).transpose()?,
            prepend: table.prepend.map(Spanned::into_inner).unwrap_or_default(),
            append: table.append.map(Spanned::into_inner).unwrap_or_default(),
            excludes_api_keys: table.api_key == Some(false),
        })
    }

    /// A prefix that no secret in the encoding can have, so that each text has only one reading.
    fn verbatim(&self, prefix: Spanned<String>, encoding: Option<Encoding>, strip: Option<&str>) -> Result<String> {
        let begins_stripped = strip.is_some_and(|strip| strip.starts_with(prefix.get_ref()));
        let cannot_be = |encoding: Encoding| prefix.get_ref().bytes().any(|byte| !encoding.takes(byte));
        match encoding {
            Some(encoding) if cannot_be(encoding) && !begins_stripped => Ok(prefix.into_inner()),
            _ => self
                .fail(prefix.span(), "expected an `encoding`, and a prefix that no secret in that encoding can have"),
        }
    }

    fn key_bytes(&self, bytes: &Spanned<usize>, encoding: Option<Encoding>) -> Result<usize> {
        match (encoding, *bytes.get_ref()) {
            (None, _) => {
                self.fail(bytes.span(), "expected an `encoding` as well: `bytes` is how many bytes it decodes to")
            }
            (_, 0) => self.fail(bytes.span(), "expected how many bytes a key has, such as 32"),
            (Some(_), bytes) => Ok(bytes),
        }
    }

    /// A prefix that stays in the key, so it cannot also be stripped or decoded.
    fn begins(&self, prefix: Spanned<String>, encoding: Option<Encoding>, strip: Option<&str>) -> Result<String> {
        if prefix.get_ref().is_empty() {
            return self.fail(prefix.span(), "expected the text that the provider's secrets begin with");
        }
        if strip.is_some() {
            return self.fail(
                prefix.span(),
                "expected one of `begins` (the prefix belongs to the key) and `strip` (it does not)",
            );
        }
        if encoding.is_some() {
            return self.fail(prefix.span(), "`begins` is only for a `utf8` secret; expected `strip`");
        }
        Ok(prefix.into_inner())
    }

    fn secret_encoding(&self, name: &Spanned<String>) -> Result<Option<Encoding>> {
        match name.get_ref().as_str() {
            "utf8" => Ok(None),
            _ => self.encoding(name).map(Some),
        }
    }
}

//! `SecretRule`: how a pasted secret becomes a key.

use zeroize::Zeroizing;

use crate::{algorithm::Digest, credential, encoding::Encoding, placeholder::is_placeholder, secret::SecretError};

/// How the pasted text becomes a key; by default unchanged.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretRule {
    /// A secret with this prefix is the key, unchanged.
    pub(crate) verbatim: Option<String>,
    /// A prefix that is part of the key.
    pub(crate) begins: Option<String>,
    pub(crate) strip: Option<String>,
    pub(crate) prefix_required: bool,
    pub(crate) encoding: Option<Encoding>,
    /// The number of decoded bytes. A secret that decodes to another number is the key unchanged, with its prefix.
    pub(crate) bytes: Option<usize>,
    pub(crate) hash: Option<Digest>,
    pub(crate) prepend: String,
    pub(crate) append: String,
    /// Whether the secret is certainly none of the provider's API keys.
    pub(crate) excludes_api_keys: bool,
}

impl SecretRule {
    /// The rule for a secret whose prefix is removed and whose encoding is decoded.
    pub(crate) fn of_bare(&self) -> Self {
        let (prepend, append) = (self.prepend.clone(), self.append.clone());
        Self { hash: self.hash, prepend, append, ..Self::default() }
    }

    /// The prefix of the provider's secrets, if it is known.
    pub(crate) fn prefix(&self) -> Option<&str> {
        self.begins.as_deref().or(self.strip.as_deref())
    }

    /// Makes the key from a pasted secret.
    pub(crate) fn key(&self, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        if let Some(prefix) = &self.verbatim
            && let Some(rest) = secret.strip_prefix(prefix.as_bytes())
        {
            refuse_none(prefix, rest)?;
            return Ok(Zeroizing::new(secret.to_vec()));
        }
        let mut text = secret;
        if let Some(prefix) = self.prefix() {
            match secret.strip_prefix(prefix.as_bytes()) {
                Some(rest) => {
                    refuse_none(prefix, rest)?;
                    if self.strip.is_some() {
                        text = rest;
                    }
                }
                None => self.refuse_another_kind(secret, prefix)?,
            }
        }
        let plain = match self.encoding {
            Some(encoding) => {
                let key = encoding.decode(text).map(Zeroizing::new);
                let count = key.as_ref().map_or(0, |key| key.len());
                if self.bytes.is_some_and(|bytes| bytes != count) {
                    return Ok(Zeroizing::new(secret.to_vec()));
                }
                let key = key.filter(|_| count > 0).ok_or(SecretError::NotDecodable { encoding: encoding.name() })?;
                refuse_zeros(&key)?;
                key
            }
            None => Zeroizing::new([self.prepend.as_bytes(), text, self.append.as_bytes()].concat()),
        };
        Ok(match self.hash {
            Some(digest) => Zeroizing::new(Zeroizing::new(digest.of(&plain)).as_bytes().to_vec()),
            None => plain,
        })
    }

    fn refuse_another_kind(&self, secret: &[u8], prefix: &str) -> Result<(), SecretError> {
        let hint = [
            (&b"v1,whsec_"[..], "drop the `v1,` in front of it"),
            (b"whpk_", "`whpk_` is a public key; the signing secret begins with `whsec_`"),
            (b"whsec_", "`whsec_` begins another provider's secret"),
        ];
        if let Some((_, hint)) = hint.into_iter().find(|(start, _)| secret.starts_with(start)) {
            return Err(SecretError::LooksLike { hint });
        }
        if let Some(kind) = credential::likely(secret) {
            return Err(SecretError::OtherCredential { kind });
        }
        if self.prefix_required {
            return Err(SecretError::MissingPrefix { prefix: prefix.to_owned() });
        }
        Ok(())
    }
}

/// Refuses text after a prefix that cannot be a secret.
fn refuse_none(prefix: &str, rest: &[u8]) -> Result<(), SecretError> {
    if rest.is_empty() {
        return Err(SecretError::PrefixOnly { prefix: prefix.to_owned() });
    }
    refuse_zeros(rest)?;
    if std::str::from_utf8(rest).is_ok_and(is_placeholder) {
        return Err(SecretError::Placeholder);
    }
    Ok(())
}

/// HMAC pads a short key with zeros, so a key of zeros is the same as the empty key, with which anybody can sign.
fn refuse_zeros(key: &[u8]) -> Result<(), SecretError> {
    // The empty key is refused earlier, except for `Signer::of_nobody`, which uses it on purpose.
    if !key.is_empty() && key.iter().all(|byte| *byte == 0) { Err(SecretError::OnlyZeros) } else { Ok(()) }
}

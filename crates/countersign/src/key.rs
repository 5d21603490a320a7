//! Secrets made ready to compute with.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    algorithm::{Digest, Mac, Tag},
    scheme::{Algorithm, Scheme},
    secret::{Secret, SecretError},
    timestamp::Timestamp,
};

/// A secret with the label by which logs call it and, if it has one, its time of validity.
///
/// ```
/// use countersign::{Key, Secret, Timestamp};
///
/// let old = Key::new("2025", Secret::new("the-secret-of-last-year")?)
///     .not_after(Timestamp::from_unix_seconds(1_767_225_600));
/// # Ok::<(), countersign::SecretError>(())
/// ```
#[derive(Debug)]
pub struct Key {
    label: Arc<str>,
    secret: Secret,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl Key {
    /// A key that is always valid. The label appears in logs and in the proof.
    pub fn new(label: impl Into<Arc<str>>, secret: Secret) -> Self {
        Self { label: label.into(), secret, not_before: None, not_after: None }
    }

    /// Makes the key valid from `time` on.
    pub fn not_before(mut self, time: impl Into<Timestamp>) -> Self {
        self.not_before = Some(time.into());
        self
    }

    /// Makes the key valid up to and including `time`.
    pub fn not_after(mut self, time: impl Into<Timestamp>) -> Self {
        self.not_after = Some(time.into());
        self
    }
}

/// A key made ready for one scheme.
pub(crate) struct ReadyKey {
    pub(crate) label: Arc<str>,
    pub(crate) material: Material,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

pub(crate) enum Material {
    /// HMAC, both of its states keyed.
    Keyed(Mac),
    /// A plain hash, and the secret that goes into it.
    Plain(Mac, Zeroizing<Vec<u8>>),
    /// The SHA-256 of a token or password: digests have one length, whatever is sent.
    Token(Zeroizing<Tag>),
}

impl Material {
    /// The hash that a request's content goes into, and the secret if that is a part of the content.
    pub(crate) fn start(&self) -> Option<(&Mac, &[u8])> {
        match self {
            Self::Keyed(mac) => Some((mac, b"")),
            Self::Plain(hash, secret) => Some((hash, secret)),
            Self::Token(_) => None,
        }
    }
}

impl ReadyKey {
    pub(crate) fn new(key: &Key, scheme: &Scheme) -> Result<Self, SecretError> {
        let bytes = scheme.secret.key(key.secret.expose())?;
        let material = match scheme.signature.algorithm {
            Algorithm::Hmac(digest) => Material::Keyed(digest.start_hmac(&bytes)),
            Algorithm::Hash(digest) => Material::Plain(digest.start(), bytes),
            Algorithm::Basic if !bytes.contains(&b':') => return Err(SecretError::WithoutColon),
            Algorithm::Token | Algorithm::Basic => Material::Token(Zeroizing::new(Digest::Sha256.of(&bytes))),
        };
        let (not_before, not_after) = (key.not_before, key.not_after);
        Ok(Self { label: Arc::clone(&key.label), material, not_before, not_after })
    }

    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.not_after.is_none_or(|end| now <= end)
    }
}

impl fmt::Debug for ReadyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyKey").field("label", &self.label).finish_non_exhaustive()
    }
}

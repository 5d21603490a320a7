//! Keys: secrets with a label and a time of validity, prepared for computing.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    algorithm::{Digest, Mac, Tag},
    http_signature::HttpAlgorithm,
    jws::{JwsAlgorithm, JwsKey},
    jwt::takes_secret,
    public_key::{KeyError, KeyPolicy, PublicKey, PublicKeyAlgorithm, PublicKeyKind},
    scheme::{Algorithm, Scheme},
    secret::{Secret, SecretError},
    timestamp::Timestamp,
};

/// A secret with its label for logs and, optionally, a time of validity.
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
    id: Option<String>,
    given: Given,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

#[derive(Debug)]
enum Given {
    Secret(Secret),
    Public(PublicKey),
}

impl Key {
    /// A key that is always valid. The label appears in logs and in [`Verified`](crate::Verified).
    pub fn new(label: impl Into<Arc<str>>, secret: Secret) -> Self {
        let given = Given::Secret(secret);
        Self { label: label.into(), id: None, given, not_before: None, not_after: None }
    }

    /// A key from a provider's public key that the caller fetched and checked. For the text of a public key,
    /// [`new`](Self::new) works as well.
    pub fn from_public_key(label: impl Into<Arc<str>>, key: PublicKey) -> Self {
        let given = Given::Public(key);
        Self { label: label.into(), id: None, given, not_before: None, not_after: None }
    }

    /// Gives the key the id that the parameter `keyid` of an HTTP Message Signature (RFC 9421 section 2.3) names it by,
    /// in place of the scheme's id. So a new key can be valid beside the old one. A signature that names another key is
    /// not tried with this one.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
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

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Whether its validity ends before it begins.
    pub(crate) fn is_never_valid(&self) -> bool {
        self.not_before.zip(self.not_after).is_some_and(|(start, end)| end < start)
    }
}

/// A key prepared for one scheme.
pub(crate) struct ReadyKey {
    pub(crate) label: Arc<str>,
    /// Its own id, if it has one in place of the scheme's.
    pub(crate) id: Option<String>,
    pub(crate) material: Material,
    /// The first and the last time at which it is valid; the ends of the range if they were not set.
    first: Timestamp,
    last: Timestamp,
}

pub(crate) enum Material {
    /// HMAC, with both states keyed.
    Keyed(Mac),
    /// A hash, plain or keyed, and the secret, which is part of what is hashed.
    Signed(Mac, Zeroizing<Vec<u8>>),
    /// The SHA-256 of a token or password: all digests have the same length, whatever is sent.
    Token(Zeroizing<Tag>),
    /// The provider's public key.
    Public(PublicKey),
    /// The secret that signs tokens.
    TokenSecret(TokenSecret),
}

/// The secret that signs tokens, with any HMAC that a token names and the scheme allows.
pub(crate) struct TokenSecret(Zeroizing<Vec<u8>>);

impl TokenSecret {
    /// The keyed state for an algorithm; `None` if that takes a public key.
    pub(crate) fn keyed(&self, algorithm: JwsAlgorithm) -> Option<Mac> {
        match algorithm.key() {
            JwsKey::Secret(digest) => Some(digest.start_hmac(&self.0)),
            JwsKey::Public(_) => None,
        }
    }
}

impl Material {
    /// The keyed hash that takes a request's content, if that is the only use of the secret.
    pub(crate) fn keyed(&self) -> Option<&Mac> {
        match self {
            Self::Keyed(mac) => Some(mac),
            _ => None,
        }
    }

    /// The hash that takes a request's content, and the secret if that is part of the content.
    pub(crate) fn start(&self) -> Option<(&Mac, &[u8])> {
        match self {
            Self::Keyed(mac) => Some((mac, b"")),
            Self::Signed(hash, secret) => Some((hash, secret)),
            Self::Token(_) | Self::Public(_) | Self::TokenSecret(_) => None,
        }
    }

    fn of(secret: &Secret, scheme: &Scheme, policy: KeyPolicy) -> Result<Self, SecretError> {
        let text = secret.expose();
        match &scheme.signature.algorithm {
            Algorithm::PublicKey(choice) => {
                // All algorithms of a choice take the same kind of key.
                let kind = choice.algorithms().next().map(PublicKeyAlgorithm::kind);
                return public_key(scheme, text, kind, policy).map(Self::Public);
            }
            Algorithm::Jwt | Algorithm::DetachedJws if !takes_secret(&scheme.jwt.algorithms) => {
                return public_key(scheme, text, None, policy).map(Self::Public);
            }
            Algorithm::HttpSignature if scheme.takes_public_key() => {
                let kind = match scheme.http.algorithms.as_slice() {
                    [HttpAlgorithm::Public(algorithm)] => Some(algorithm.kind()),
                    _ => None,
                };
                return public_key(scheme, text, kind, policy).map(Self::Public);
            }
            _ => {}
        }
        let bytes = scheme.secret.key(text)?;
        Ok(match scheme.signature.algorithm {
            Algorithm::Hmac(digest) if scheme.signs_secret() => Self::Signed(digest.start_hmac(&bytes), bytes),
            Algorithm::Hmac(digest) => Self::Keyed(digest.start_hmac(&bytes)),
            Algorithm::HttpSignature => Self::Keyed(Digest::Sha256.start_hmac(&bytes)),
            Algorithm::Hash(digest) => Self::Signed(digest.start(), bytes),
            Algorithm::Basic if !bytes.contains(&b':') => return Err(SecretError::WithoutColon),
            Algorithm::Jwt | Algorithm::DetachedJws => Self::TokenSecret(TokenSecret(bytes)),
            Algorithm::Token | Algorithm::Basic | Algorithm::PublicKey(_) => {
                Self::Token(Zeroizing::new(Digest::Sha256.of(&bytes)))
            }
        })
    }
}

/// The public key in a secret's text: its bytes, if the scheme says how they are encoded, or the text of a key file.
fn public_key(
    scheme: &Scheme,
    text: &[u8],
    kind: Option<PublicKeyKind>,
    policy: KeyPolicy,
) -> Result<PublicKey, SecretError> {
    let is_file = text.starts_with(b"-----") || text.starts_with(b"{");
    let key = match kind {
        Some(kind) if scheme.secret.encoding.is_some() && !is_file => {
            PublicKey::from_raw(kind, &scheme.secret.key(text)?)
        }
        _ => match std::str::from_utf8(text) {
            Ok(text) => PublicKey::parse(text, policy),
            Err(_) => PublicKey::from_spki_der(text, policy),
        },
    };
    key.map_err(SecretError::PublicKey)
}

/// The public key in a text, as if it had been pasted as the secret.
pub(crate) fn public_key_of_text(scheme: &Scheme, text: &[u8], policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    let kind = match &scheme.signature.algorithm {
        Algorithm::PublicKey(choice) => choice.algorithms().next().map(PublicKeyAlgorithm::kind),
        _ => None,
    };
    public_key(scheme, text, kind, policy).map_err(|error| match error {
        SecretError::PublicKey(problem) => problem,
        _ => KeyError::Malformed { format: "a public key" },
    })
}

impl ReadyKey {
    pub(crate) fn new(key: Key, scheme: &Scheme, policy: KeyPolicy) -> Result<Self, SecretError> {
        let Key { label, id, given, not_before, not_after } = key;
        let material = match given {
            Given::Secret(secret) => Material::of(&secret, scheme, policy)?,
            Given::Public(key) if scheme.takes_public_key() => Material::Public(key),
            Given::Public(_) => return Err(SecretError::PublicKeyForSecret),
        };
        if let Material::Public(key) = &material
            && !scheme.public_key_algorithms().any(|algorithm| key.fits(algorithm))
        {
            return Err(SecretError::OtherKindOfKey { algorithm: scheme.algorithm() });
        }
        let (first, last) = (not_before.unwrap_or(BEGINNING), not_after.unwrap_or(END));
        Ok(Self { label, id, material, first, last })
    }

    /// Whether a signature that names its key by `named` means this key. `common` is the id of keys without their own.
    pub(crate) fn is_meant_by(&self, named: Option<&str>, common: Option<&str>) -> bool {
        self.id.as_deref().or(common).is_none_or(|id| named == Some(id))
    }

    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.first <= now && now <= self.last
    }
}

/// The longest id of a key that a request may name, in bytes.
pub(crate) const MAX_KEY_ID: usize = 256;

const BEGINNING: Timestamp = Timestamp::from_unix_millis(i64::MIN);
const END: Timestamp = Timestamp::from_unix_millis(i64::MAX);

impl fmt::Debug for ReadyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyKey").field("label", &self.label).finish_non_exhaustive()
    }
}

//! Key sets: the documents in which providers publish their keys, read and checked.

use std::fmt;

use serde_json::value::RawValue;

use crate::{
    json,
    key::{Key, public_key_of_text},
    members::Members,
    public_key::{KeyError, KeyPolicy, PublicKey},
    scheme::{KeyFormat, KeySource, Scheme},
    timestamp::Timestamp,
    trust::{CertificateProblem, TrustRoots},
};

/// The keys of a published document, read and checked. Lookups are cheap. Made by
/// [`Unkeyed::read`](crate::Unkeyed::read).
#[derive(Clone, Debug)]
pub struct KeySet {
    entries: Vec<Entry>,
    /// For a certificate: its time of validity.
    validity: Option<(Timestamp, Timestamp)>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: Option<String>,
    key: PublicKey,
}

/// Why a document has no usable keys. It quotes nothing of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// A certificate is not trusted.
    Certificate(CertificateProblem),
    /// A key is unusable.
    Key(KeyError),
    /// The document does not have the format that the scheme declares.
    Malformed {
        /// The format that was expected.
        format: &'static str,
    },
    /// None of its keys can verify a signature of this scheme.
    NoKey,
    /// More than 65536 bytes.
    TooLarge,
    /// More than 64 keys.
    TooMany,
}

/// The longest document, in bytes. Google's, with two or three keys, has 1500.
const MAX_DOCUMENT: usize = 64 * 1024;

/// The most keys of a set.
const MAX_SET: usize = 64;

/// The most keys that are tried for a request that does not name its key. Each costs up to 300 µs.
pub const MAX_KEYS_TRIED: usize = 8;

impl KeySet {
    pub(crate) fn read(
        document: &[u8],
        scheme: &Scheme,
        source: &KeySource,
        reading: &Reading<'_>,
    ) -> Result<Self, KeySetError> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeySetError::TooLarge);
        }
        let mut set = match &source.format {
            KeyFormat::Jwks => jwks(text(document, "a set of JSON Web Keys")?, reading.policy)?,
            KeyFormat::Certificate => certificate(text(document, "a certificate in PEM")?, source, reading)?,
            KeyFormat::Pem => one(text(document, "a key in PEM")?, scheme, reading.policy)?,
            KeyFormat::Json(pointer) => match json::read(document, pointer) {
                Ok(Some(json::Scalar::Text(key))) => one(&key, scheme, reading.policy)?,
                _ => return Err(KeySetError::Malformed { format: "a JSON document with the key as a text" }),
            },
        };
        set.entries.retain(|entry| scheme.public_key_algorithms().any(|algorithm| entry.key.fits(algorithm)));
        if set.entries.is_empty() { Err(KeySetError::NoKey) } else { Ok(set) }
    }

    /// The ids of its keys, for those that have one. An id may occur twice.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| entry.id.as_deref())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Always `false`: a document without keys is refused.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When its certificate expires; `None` if the keys came without one.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.validity.map(|(_, end)| end)
    }

    /// The keys with that id, or every key that may have signed if there is no id. The label is the id, with a number
    /// if another key has the same.
    pub(crate) fn keys(&self, id: Option<&str>) -> Vec<Key> {
        let fits = |entry: &&Entry| id.is_none() || entry.id.as_deref() == id;
        let mut keys: Vec<Key> = Vec::new();
        for (at, entry) in self.entries.iter().filter(fits).take(MAX_KEYS_TRIED).enumerate() {
            let mut label = entry.id.clone().unwrap_or_else(|| format!("fetched-{}", at + 1));
            while keys.iter().any(|other| other.label() == label) {
                label = format!("{label} ({})", at + 1);
            }
            let mut key = Key::from_public_key(label, entry.key.clone());
            if let Some((start, end)) = self.validity {
                key = key.not_before(start).not_after(end);
            }
            keys.push(key);
        }
        keys
    }
}

/// The rules for reading a document.
#[cfg_attr(not(feature = "public-key"), expect(dead_code, reason = "only certificates need some fields"))]
pub(crate) struct Reading<'a> {
    pub(crate) roots: &'a TrustRoots,
    pub(crate) now: Timestamp,
    pub(crate) policy: KeyPolicy,
}

fn text<'d>(document: &'d [u8], format: &'static str) -> Result<&'d str, KeySetError> {
    std::str::from_utf8(document).map_err(|_| KeySetError::Malformed { format })
}

fn one(text: &str, scheme: &Scheme, policy: KeyPolicy) -> Result<KeySet, KeySetError> {
    let key = public_key_of_text(scheme, text.trim().as_bytes(), policy).map_err(KeySetError::Key)?;
    Ok(KeySet { entries: vec![Entry { id: None, key }], validity: None })
}

/// RFC 7517 section 5: keys that are not understood, or not for signatures, are skipped.
fn jwks(text: &str, policy: KeyPolicy) -> Result<KeySet, KeySetError> {
    let malformed = KeySetError::Malformed { format: "a set of JSON Web Keys" };
    let document = Members::<Box<RawValue>>::read(text.as_bytes()).ok_or_else(|| malformed.clone())?;
    let keys = document.get("keys").ok_or_else(|| malformed.clone())?;
    let keys: Vec<&RawValue> = serde_json::from_str(keys.get()).map_err(|_| malformed)?;
    if keys.len() > MAX_SET {
        return Err(KeySetError::TooMany);
    }
    let entry = |jwk: &&RawValue| {
        let key = PublicKey::from_jwk(jwk.get(), policy).ok()?;
        let members = Members::<serde_json::Value>::read(jwk.get().as_bytes())?;
        let id = members.text("kid").ok()?.map(str::to_owned);
        Some(Entry { id, key })
    };
    Ok(KeySet { entries: keys.iter().filter_map(entry).collect(), validity: None })
}

#[cfg(feature = "public-key")]
fn certificate(text: &str, source: &KeySource, reading: &Reading<'_>) -> Result<KeySet, KeySetError> {
    let chain = crate::public_key::CertificateChain::from_pem(text, reading.policy).map_err(KeySetError::Key)?;
    reading.roots.judge(&chain, source.issued_to.as_deref(), reading.now).map_err(KeySetError::Certificate)?;
    let validity = Some((chain.not_before, chain.not_after));
    Ok(KeySet { entries: vec![Entry { id: None, key: chain.key }], validity })
}

#[cfg(not(feature = "public-key"))]
fn certificate(_: &str, _: &KeySource, _: &Reading<'_>) -> Result<KeySet, KeySetError> {
    Err(KeySetError::Certificate(CertificateProblem::FeatureOff))
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(problem) => problem.fmt(f),
            Self::Key(problem) => problem.fmt(f),
            Self::Malformed { format } => write!(f, "the document is not {format}"),
            Self::NoKey => f.write_str("the document has no key that can verify a signature of this scheme"),
            Self::TooLarge => write!(f, "the document is longer than {MAX_DOCUMENT} bytes"),
            Self::TooMany => write!(f, "the document has more than {MAX_SET} keys"),
        }
    }
}

impl std::error::Error for KeySetError {}

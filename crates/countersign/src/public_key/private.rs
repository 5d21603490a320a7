//! Private keys: read, and used to sign.

use std::fmt;

#[cfg(not(feature = "public-key"))]
use super::NO_KEYS;
#[cfg(feature = "ecdsa")]
use super::ecdsa;
#[cfg(feature = "ed25519")]
use super::ed25519;
#[cfg(feature = "public-key")]
use super::parse;
use super::{KeyError, KeyPolicy, PublicKey, PublicKeyAlgorithm, PublicKeyKind, SignatureForm, armour};
#[cfg(feature = "rsa")]
use super::{pss, rsa};
use crate::algorithm::Tag;

/// A private key. It is never printed, compared or cloned, and is wiped from memory when dropped.
///
/// Keys are not generated here, because that needs randomness: `openssl genpkey` writes PEM, and any 32 random bytes
/// are an Ed25519 key.
pub struct PrivateKey(Inner);

enum Inner {
    #[cfg(feature = "ed25519")]
    Ed25519(Box<ed25519_dalek::SigningKey>),
    #[cfg(feature = "ecdsa")]
    P256(Box<p256::ecdsa::SigningKey>),
    #[cfg(feature = "p384")]
    P384(Box<p384::ecdsa::SigningKey>),
    #[cfg(feature = "p521")]
    P521(Box<p521::ecdsa::SigningKey>),
    #[cfg(feature = "rsa")]
    Rsa(Box<::rsa::PrivateKey>),
}

impl PrivateKey {
    /// Reads a key in PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    ///
    /// If the text is in none of these formats or has several keys; if the key is encrypted, public, unsound, or of a
    /// kind that is not supported or whose feature is off; or if the policy does not allow the RSA key.
    pub fn from_pem(text: &str, policy: KeyPolicy) -> Result<Self, KeyError> {
        let mut blocks = armour::blocks(text)?;
        // `openssl ecparam -genkey` writes the curve's name before the key, which contains it too.
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let [block] = blocks.as_slice() else {
            return Err(KeyError::Several);
        };
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.der, policy),
            "RSA PRIVATE KEY" => Self::from_pkcs1(&block.der, policy),
            "EC PRIVATE KEY" => Self::from_sec1(&block.der),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            "CERTIFICATE" | "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(KeyError::Public),
            _ => Err(KeyError::Unsupported { what: "PEM may hold PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY" }),
        }
    }

    /// A key from its raw bytes: the 32 bytes of an Ed25519 key (the seed, RFC 8032 section 5.1.5), or the secret
    /// number of a key on a curve, big-endian and in full length. RSA keys have no such form.
    ///
    /// # Errors
    ///
    /// If the length is wrong, the number is not between 1 and the order of the curve's group, or the kind's feature is
    /// off.
    pub fn from_raw(kind: PublicKeyKind, bytes: &[u8]) -> Result<Self, KeyError> {
        let inner = match kind {
            PublicKeyKind::Rsa => Err(KeyError::Unsupported { what: "RSA keys are given in PEM" }),
            #[cfg(feature = "ed25519")]
            PublicKeyKind::Ed25519 => ed25519::private(bytes).map(|key| Inner::Ed25519(Box::new(key))),
            #[cfg(feature = "ecdsa")]
            PublicKeyKind::P256 => ecdsa::private::<ecdsa::P256>(bytes).map(|key| Inner::P256(Box::new(key))),
            #[cfg(feature = "p384")]
            PublicKeyKind::P384 => ecdsa::private::<ecdsa::P384>(bytes).map(|key| Inner::P384(Box::new(key))),
            #[cfg(feature = "p521")]
            PublicKeyKind::P521 => ecdsa::private::<ecdsa::P521>(bytes).map(|key| Inner::P521(Box::new(key))),
            #[allow(unreachable_patterns, reason = "reached if a feature is off")]
            kind => Err(kind.feature_off()),
        }?;
        Ok(Self(inner))
    }

    /// The key that verifies what this one signs.
    pub fn public_key(&self) -> PublicKey {
        let inner = match self.0 {
            #[cfg(feature = "ed25519")]
            Inner::Ed25519(ref key) => super::Inner::Ed25519(key.verifying_key()),
            #[cfg(feature = "ecdsa")]
            Inner::P256(ref key) => super::Inner::P256(Box::new(*key.verifying_key())),
            #[cfg(feature = "p384")]
            Inner::P384(ref key) => super::Inner::P384(Box::new(*key.verifying_key())),
            #[cfg(feature = "p521")]
            Inner::P521(ref key) => super::Inner::P521(Box::new(*key.verifying_key())),
            #[cfg(feature = "rsa")]
            Inner::Rsa(ref key) => super::Inner::Rsa(Box::new(key.as_ref().as_ref().clone())),
        };
        PublicKey { inner, only: None }
    }

    /// The signature of the message, always the same for one message; `None` if the key does not fit. The form matters
    /// only to ECDSA: a salt is always as long as the hash.
    pub(crate) fn sign(&self, algorithm: PublicKeyAlgorithm, form: SignatureForm, message: &[u8]) -> Option<Vec<u8>> {
        if !self.public_key().fits(algorithm) {
            return None;
        }
        let hash = algorithm.digest();
        let digest = hash.map(|hash| hash.of(message));
        let digest = digest.as_ref().map(Tag::as_bytes);
        match self.0 {
            #[cfg(feature = "ed25519")]
            Inner::Ed25519(ref key) => Some(ed25519::sign(key, message)),
            #[cfg(feature = "ecdsa")]
            Inner::P256(ref key) => ecdsa::sign::<ecdsa::P256>(key, form, digest?),
            #[cfg(feature = "p384")]
            Inner::P384(ref key) => ecdsa::sign::<ecdsa::P384>(key, form, digest?),
            #[cfg(feature = "p521")]
            Inner::P521(ref key) => ecdsa::sign::<ecdsa::P521>(key, form, digest?),
            #[cfg(feature = "rsa")]
            Inner::Rsa(ref key) if algorithm.is_pss() => pss::sign(key, hash?, digest?),
            #[cfg(feature = "rsa")]
            Inner::Rsa(ref key) => rsa::sign(key, hash?, digest?),
        }
    }

    fn from_pkcs8(der: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        #[cfg(feature = "public-key")]
        return parse::pkcs8(der, policy);
        #[cfg(not(feature = "public-key"))]
        Err(NO_KEYS)
    }

    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        #[cfg(feature = "public-key")]
        return parse::sec1(der, None);
        #[cfg(not(feature = "public-key"))]
        Err(NO_KEYS)
    }

    pub(super) fn from_pkcs1(der: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        #[cfg(feature = "rsa")]
        return rsa::private(der, policy).map(|key| Self(Inner::Rsa(Box::new(key))));
        #[cfg(not(feature = "rsa"))]
        Err(PublicKeyKind::Rsa.feature_off())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

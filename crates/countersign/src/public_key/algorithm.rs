//! The asymmetric signature algorithms, and what this build knows of them.

use super::PublicKeyKind;
use crate::algorithm::Digest;

/// A way to sign with a private and verify with a public key: the key's kind and the hash together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKeyAlgorithm {
    /// Ed25519, RFC 8032 section 5.1. Neither the `ph` nor the `ctx` variant.
    Ed25519,
    /// ECDSA on P-256 with SHA-1, for senders that never moved on.
    EcdsaP256Sha1,
    /// ECDSA on P-256 with SHA-256; `ES256` in RFC 7518.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; `ES384` in RFC 7518.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512; `ES512` in RFC 7518.
    EcdsaP521Sha512,
    /// RSASSA-PKCS1-v1_5 with SHA-1, for senders that never moved on.
    RsaPkcs1Sha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2); `RS256` in RFC 7518.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384; `RS384` in RFC 7518.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512; `RS512` in RFC 7518.
    RsaPkcs1Sha512,
}

/// How the two numbers of an ECDSA signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EcdsaForm {
    /// A DER sequence of two integers, RFC 3279 section 2.2.3.
    Der,
    /// `r || s`, each as long as the curve's order, RFC 7518 section 3.4.
    Fixed,
}

impl PublicKeyAlgorithm {
    pub(crate) const ALL: [Self; 9] = [
        Self::Ed25519,
        Self::EcdsaP256Sha1,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::RsaPkcs1Sha1,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
    ];

    /// The word for it in scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha1 => "ecdsa-p256-sha1",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::EcdsaP521Sha512 => "ecdsa-p521-sha512",
            Self::RsaPkcs1Sha1 => "rsa-sha1",
            Self::RsaPkcs1Sha256 => "rsa-sha256",
            Self::RsaPkcs1Sha384 => "rsa-sha384",
            Self::RsaPkcs1Sha512 => "rsa-sha512",
        }
    }

    /// The algorithm of that name, even if this build lacks it: see [`missing_feature`](Self::missing_feature).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether signatures under it may have been forged: collisions of SHA-1 can be made.
    pub(crate) fn is_legacy(self) -> bool {
        matches!(self, Self::EcdsaP256Sha1 | Self::RsaPkcs1Sha1)
    }

    /// The cargo feature that has to be turned on before the algorithm can be used, if it is off.
    pub(crate) fn missing_feature(self) -> Option<&'static str> {
        let legacy = (self.is_legacy() && !cfg!(feature = "legacy")).then_some("legacy");
        self.kind().missing_feature().or(legacy)
    }

    /// The kind of key that it takes.
    pub(crate) fn kind(self) -> PublicKeyKind {
        match self {
            Self::Ed25519 => PublicKeyKind::Ed25519,
            Self::EcdsaP256Sha1 | Self::EcdsaP256Sha256 => PublicKeyKind::P256,
            Self::EcdsaP384Sha384 => PublicKeyKind::P384,
            Self::EcdsaP521Sha512 => PublicKeyKind::P521,
            Self::RsaPkcs1Sha1 | Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => {
                PublicKeyKind::Rsa
            }
        }
    }

    /// The hash that the message goes into first; `None` for Ed25519, which reads the whole message twice when it signs
    /// and cannot begin to verify before it has the signature.
    pub(crate) fn digest(self) -> Option<Digest> {
        match self {
            Self::Ed25519 => None,
            Self::EcdsaP256Sha1 | Self::RsaPkcs1Sha1 => Some(Digest::Sha1),
            Self::EcdsaP256Sha256 | Self::RsaPkcs1Sha256 => Some(Digest::Sha256),
            Self::EcdsaP384Sha384 | Self::RsaPkcs1Sha384 => Some(Digest::Sha384),
            Self::EcdsaP521Sha512 | Self::RsaPkcs1Sha512 => Some(Digest::Sha512),
        }
    }
}

//! The asymmetric signature algorithms, and which of them this build supports.

use super::PublicKeyKind;
use crate::algorithm::Digest;

/// An asymmetric signature algorithm: the kind of key and the hash together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKeyAlgorithm {
    /// Ed25519, RFC 8032 section 5.1; neither the `ph` nor the `ctx` variant.
    Ed25519,
    /// ECDSA on P-256 with SHA-1, for senders that still use it.
    EcdsaP256Sha1,
    /// ECDSA on P-256 with SHA-256; `ES256` in RFC 7518.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; `ES384` in RFC 7518.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512; `ES512` in RFC 7518.
    EcdsaP521Sha512,
    /// RSASSA-PKCS1-v1_5 with SHA-1, for senders that still use it.
    RsaPkcs1Sha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2); `RS256` in RFC 7518.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384; `RS384` in RFC 7518.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512; `RS512` in RFC 7518.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, also in the mask (RFC 8017 section 8.1); `PS256` in RFC 7518.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384; `PS384` in RFC 7518.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512; `PS512` in RFC 7518.
    RsaPssSha512,
}

/// The form of a signature, if its algorithm allows several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureForm {
    /// As cryptographic libraries write it. ECDSA: a DER sequence of two integers (RFC 3279 section 2.2.3). RSASSA-PSS:
    /// a salt of any length, because some libraries use the longest that fits, and providers do not say.
    Usual,
    /// As JSON Web Signatures and HTTP Message Signatures demand it. ECDSA: `r || s`, each as long as the curve's order
    /// (RFC 7518 section 3.4). RSASSA-PSS: a salt as long as the hash (section 3.5; RFC 9421 section 3.3.1).
    Jose,
}

impl PublicKeyAlgorithm {
    pub(crate) const ALL: [Self; 12] = [
        Self::Ed25519,
        Self::EcdsaP256Sha1,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::RsaPkcs1Sha1,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
    ];

    /// Its name in scheme files.
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
            Self::RsaPssSha256 => "rsa-pss-sha256",
            Self::RsaPssSha384 => "rsa-pss-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }

    /// The algorithm of that name, even if this build lacks it: see [`missing_feature`](Self::missing_feature).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether its signatures may be forged: collisions of SHA-1 are feasible.
    pub(crate) fn is_legacy(self) -> bool {
        matches!(self, Self::EcdsaP256Sha1 | Self::RsaPkcs1Sha1)
    }

    /// The cargo feature that the algorithm needs, if it is off.
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
            Self::RsaPkcs1Sha1
            | Self::RsaPkcs1Sha256
            | Self::RsaPkcs1Sha384
            | Self::RsaPkcs1Sha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => PublicKeyKind::Rsa,
        }
    }

    /// Whether it is RSASSA-PSS.
    #[cfg(feature = "rsa")]
    pub(super) fn is_pss(self) -> bool {
        matches!(self, Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512)
    }

    /// The hash that the message is reduced to first. `None` for Ed25519, which reads the whole message twice to sign,
    /// and cannot begin to verify without the signature.
    pub(crate) fn digest(self) -> Option<Digest> {
        match self {
            Self::Ed25519 => None,
            Self::EcdsaP256Sha1 | Self::RsaPkcs1Sha1 => Some(Digest::Sha1),
            Self::EcdsaP256Sha256 | Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => Some(Digest::Sha256),
            Self::EcdsaP384Sha384 | Self::RsaPkcs1Sha384 | Self::RsaPssSha384 => Some(Digest::Sha384),
            Self::EcdsaP521Sha512 | Self::RsaPkcs1Sha512 | Self::RsaPssSha512 => Some(Digest::Sha512),
        }
    }
}

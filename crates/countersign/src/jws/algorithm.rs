//! The algorithms of JSON Web Signatures.

use crate::{algorithm::Digest, public_key::PublicKeyAlgorithm};

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsAlgorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// The kind of key of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsKey {
    /// HMAC with that hash.
    Secret(Digest),
    /// A public key.
    Public(PublicKeyAlgorithm),
}

impl JwsAlgorithm {
    pub(crate) const ALL: [Self; 13] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The value of the header `alg`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, in its only spelling.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        // RFC 9864 section 2.2 gives a separate name to the only kind of EdDSA in use.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The kind of key that it takes.
    pub(crate) fn key(self) -> JwsKey {
        match self {
            Self::Hs256 => JwsKey::Secret(Digest::Sha256),
            Self::Hs384 => JwsKey::Secret(Digest::Sha384),
            Self::Hs512 => JwsKey::Secret(Digest::Sha512),
            Self::Rs256 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha256),
            Self::Rs384 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha384),
            Self::Rs512 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha512),
            Self::Ps256 => JwsKey::Public(PublicKeyAlgorithm::RsaPssSha256),
            Self::Ps384 => JwsKey::Public(PublicKeyAlgorithm::RsaPssSha384),
            Self::Ps512 => JwsKey::Public(PublicKeyAlgorithm::RsaPssSha512),
            Self::Es256 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP256Sha256),
            Self::Es384 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP384Sha384),
            Self::Es512 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP521Sha512),
            Self::EdDsa => JwsKey::Public(PublicKeyAlgorithm::Ed25519),
        }
    }
}

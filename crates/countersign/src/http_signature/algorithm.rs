//! The algorithms of HTTP Message Signatures.

use crate::public_key::PublicKeyAlgorithm;

/// An algorithm of RFC 9421 section 3.3. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAlgorithm {
    HmacSha256,
    Public(PublicKeyAlgorithm),
}

impl HttpAlgorithm {
    pub(crate) const ALL: [Self; 6] = [
        Self::HmacSha256,
        Self::Public(PublicKeyAlgorithm::Ed25519),
        Self::Public(PublicKeyAlgorithm::EcdsaP256Sha256),
        Self::Public(PublicKeyAlgorithm::EcdsaP384Sha384),
        Self::Public(PublicKeyAlgorithm::RsaPkcs1Sha256),
        Self::Public(PublicKeyAlgorithm::RsaPssSha512),
    ];

    /// Its name in the IANA registry "HTTP Signature Algorithms", the value of the parameter `alg`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Public(PublicKeyAlgorithm::RsaPkcs1Sha256) => "rsa-v1_5-sha256",
            Self::Public(algorithm) => algorithm.name(),
        }
    }

    /// The algorithm of that name, in its only spelling.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

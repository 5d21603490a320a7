//! `Algorithm`: how a signature is made.

use std::fmt;

use super::Source;
use crate::{algorithm::Digest, public_key::PublicKeyAlgorithm};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac(Digest),
    /// A plain hash over parts, one of which is the secret.
    Hash(Digest),
    /// A signature that the provider's public key verifies.
    PublicKey(Choice),
    /// A JSON Web Token.
    Jwt,
    /// A JSON Web Signature with a detached payload, the signed content.
    DetachedJws,
    /// A signature by RFC 9421.
    HttpSignature,
    /// The secret itself is sent.
    Token,
    /// HTTP Basic (RFC 7617): a user and password are sent.
    Basic,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(digest) => write!(f, "hmac-{}", digest.name()),
            Self::Hash(digest) => f.write_str(digest.name()),
            Self::PublicKey(choice) => {
                let names: Vec<_> = choice.algorithms().map(PublicKeyAlgorithm::name).collect();
                f.write_str(&names.join(" or "))
            }
            Self::Jwt => f.write_str("jwt"),
            Self::DetachedJws => f.write_str("jws-detached"),
            Self::HttpSignature => f.write_str("http-signature"),
            Self::Token => f.write_str("token"),
            Self::Basic => f.write_str("basic"),
        }
    }
}

/// One public-key algorithm, or several, of which the request names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    One(PublicKeyAlgorithm),
    Named(Source, Vec<(String, PublicKeyAlgorithm)>),
}

impl Choice {
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = PublicKeyAlgorithm> {
        let (one, named) = match self {
            Self::One(algorithm) => (Some(*algorithm), [].as_slice()),
            Self::Named(_, named) => (None, named.as_slice()),
        };
        one.into_iter().chain(named.iter().map(|(_, algorithm)| *algorithm))
    }
}

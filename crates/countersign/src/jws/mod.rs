//! Compact JSON Web Signatures (RFC 7515), as strict as RFC 8725 advises.
//!
//! The caller says which algorithms may be used. An HMAC secret and a public key have different types and different
//! functions, so a token cannot make one pass for the other; and there is no `none`. Keys in a token (`jwk`, `jku`,
//! `x5c`, `x5u`) are ignored.

mod algorithm;
mod header;
mod problem;
#[cfg(test)]
mod tests;
mod write;
#[cfg(test)]
#[cfg(all(feature = "p521", feature = "rsa"))]
mod wycheproof;

use serde::de::IgnoredAny;
use subtle::Choice;

pub(crate) use self::header::B64;
use self::header::Header;
pub(crate) use self::{
    algorithm::{JwsAlgorithm, JwsKey},
    problem::JwsProblem,
    write::{write, write_detached},
};
use crate::{
    algorithm::{Mac, Tag},
    encoding::Encoding,
    members::Members,
    public_key::{PublicKey, SignatureForm},
};

/// The most characters of header and payload together, including the full stop between them.
///
/// A token may be the whole body of a delivery, with JSON in JSON in base64. HTTP servers allow far less in a header.
pub(crate) const MAX_SIGNED: usize = 1024 * 1024;

/// The most characters of a signature: that of an RSA key of 8192 bits.
const MAX_SIGNATURE: usize = 1366;

/// A JWS that contains its payload; well-formed, but not verified.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    header: Header,
    parts: Parts<'a>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Parses `header.payload.signature`, if its algorithm is among the allowed.
    ///
    /// RFC 7797 section 7 excludes unencoded payloads from JSON Web Tokens, so no extension is understood here.
    pub(crate) fn parse(text: &'a [u8], allowed: &[JwsAlgorithm]) -> Result<Self, JwsProblem> {
        let parts = Parts::split(text)?;
        if parts.payload.is_empty() {
            return Err(JwsProblem::Payload);
        }
        let header = Header::read(parts.header, allowed, B64::Critical)?;
        if header.has_critical || !header.encodes_payload {
            return Err(JwsProblem::Critical);
        }
        let payload = decode(parts.payload)?;
        Ok(Self { header, parts, payload })
    }

    pub(crate) fn algorithm(&self) -> JwsAlgorithm {
        self.header.algorithm
    }

    /// The header `kid`: visible ASCII, and a hint only.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.text("kid")
    }

    /// Any other member of the header, such as `typ`, if it is a string. It is signed, like the whole header.
    #[cfg(test)]
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.header.text(name)
    }

    /// The signed bytes: header and payload, as the token has them.
    #[cfg(test)]
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        self.parts.signed
    }

    /// The decoded payload. It proves nothing until one of the two functions below has returned true.
    #[cfg(test)]
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, if it is one JSON object without duplicate names.
    pub(crate) fn claims(&self) -> Result<&[u8], JwsProblem> {
        let object = Members::<IgnoredAny>::read(&self.payload);
        object.map(|_| &*self.payload).ok_or(JwsProblem::Claims)
    }

    /// Whether the token was signed with the HMAC secret; false if its algorithm is not HMAC with that hash.
    pub(crate) fn is_signed_with_secret(&self, keyed: &Mac) -> Choice {
        is_hmac(self.algorithm(), self.parts.signature, keyed, |mac| mac.update(self.parts.signed))
    }

    /// Whether the token was signed with the private key of this public key; false if the key does not fit its
    /// algorithm.
    pub(crate) fn is_signed_with_private_key_of(&self, key: &PublicKey) -> bool {
        is_by_public_key(self.algorithm(), self.parts.signature, key, self.parts.signed)
    }
}

/// A JWS with a detached payload, RFC 7515 appendix F; well-formed, but not verified.
#[derive(Debug)]
pub(crate) struct DetachedJws<'a> {
    header: Header,
    parts: Parts<'a>,
}

impl<'a> DetachedJws<'a> {
    /// Parses `header..signature`, if its algorithm is among the allowed.
    ///
    /// Only the extension of RFC 7797 is understood, an unencoded payload: `b64` as a boolean. `b64` says whether
    /// `crit` must name it.
    pub(crate) fn parse(text: &'a [u8], allowed: &[JwsAlgorithm], b64: B64) -> Result<Self, JwsProblem> {
        let parts = Parts::split(text)?;
        if !parts.payload.is_empty() {
            return Err(JwsProblem::Payload);
        }
        Ok(Self { header: Header::read(parts.header, allowed, b64)?, parts })
    }

    pub(crate) fn algorithm(&self) -> JwsAlgorithm {
        self.header.algorithm
    }

    /// The header `kid`: visible ASCII, and a hint only.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.text("kid")
    }

    /// Any other member of the header, if it is a string. It is signed, like the whole header.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.header.text(name)
    }

    /// Whether the payload is signed in base64url, as usual, or as it is (RFC 7797 section 3).
    pub(crate) fn encodes_payload(&self) -> bool {
        self.header.encodes_payload
    }

    /// The signed bytes before the payload: the header as the token has it, and a full stop.
    #[cfg(test)]
    pub(crate) fn signed_prefix(&self) -> &'a [u8] {
        self.parts.signed
    }

    /// The signed bytes: the header, a full stop, and the payload in the form that the header demands.
    pub(crate) fn signing_input(&self, payload: &[u8]) -> Vec<u8> {
        if self.encodes_payload() {
            [self.parts.signed, Encoding::Base64UrlUnpadded.encode(payload).as_bytes()].concat()
        } else {
            [self.parts.signed, payload].concat()
        }
    }

    /// Whether header and payload were signed with the HMAC secret; false if the algorithm is not HMAC with that hash.
    pub(crate) fn is_signed_with_secret(&self, payload: &[u8], keyed: &Mac) -> Choice {
        is_hmac(self.algorithm(), self.parts.signature, keyed, |mac| mac.update(&self.signing_input(payload)))
    }

    /// Whether header and payload were signed with the private key of this public key; false if the key does not fit.
    pub(crate) fn is_signed_with_private_key_of(&self, payload: &[u8], key: &PublicKey) -> bool {
        is_by_public_key(self.algorithm(), self.parts.signature, key, &self.signing_input(payload))
    }
}

/// The parts of a token, still encoded.
#[derive(Debug)]
struct Parts<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    /// Header and payload, and the full stop between them.
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(text: &'a [u8]) -> Result<Self, JwsProblem> {
        if text.len() > MAX_SIGNED + 1 + MAX_SIGNATURE {
            return Err(JwsProblem::TooLong);
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsProblem::Parts);
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        if signed.len() > MAX_SIGNED || signature.len() > MAX_SIGNATURE {
            return Err(JwsProblem::TooLong);
        }
        decode(signature)?;
        Ok(Self { header, payload, signed, signature })
    }
}

fn is_hmac(algorithm: JwsAlgorithm, signature: &[u8], keyed: &Mac, write: impl FnOnce(&mut Mac)) -> Choice {
    let JwsKey::Secret(digest) = algorithm.key() else {
        return Choice::from(0);
    };
    let mut presented = Tag::default();
    let decoded = presented.decode(Encoding::Base64UrlUnpadded, signature, digest.len());
    if !keyed.is_hmac(digest) || decoded.is_none() {
        return Choice::from(0);
    }
    let mut mac = keyed.clone();
    write(&mut mac);
    mac.finish().equals(&presented)
}

fn is_by_public_key(algorithm: JwsAlgorithm, signature: &[u8], key: &PublicKey, signed: &[u8]) -> bool {
    let JwsKey::Public(algorithm) = algorithm.key() else {
        return false;
    };
    decode(signature).is_ok_and(|signature| key.verify(algorithm, SignatureForm::Jose, signed, &signature))
}

fn decode(base64: &[u8]) -> Result<Vec<u8>, JwsProblem> {
    Encoding::Base64UrlUnpadded.decode(base64).ok_or(JwsProblem::Encoding)
}

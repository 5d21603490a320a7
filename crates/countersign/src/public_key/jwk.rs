//! Reads a JSON Web Key, RFC 7517, with the members of RFC 7518 section 6 and RFC 8037 section 2.

use serde_json::Value;

use super::{
    KeyPolicy, PublicKey, PublicKeyKind,
    algorithm::PublicKeyAlgorithm,
    error::{KeyError, MAX_KEY_TEXT},
};
use crate::{encoding::Encoding, members::Members};

/// The public key in `text`, bound to the algorithm of its `alg`.
pub(super) fn public(text: &str, policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    if text.len() > MAX_KEY_TEXT {
        return Err(KeyError::TooLarge);
    }
    let jwk = Jwk(Members::read(text.as_bytes()).ok_or(MALFORMED)?);
    if jwk.text("kty")? == Some("oct") {
        return Err(KeyError::Symmetric);
    }
    // Every private member of every kind: RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2.
    if ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| jwk.0.get(name).is_some()) {
        return Err(KeyError::Private);
    }
    let only = jwk.purpose()?;
    let key = jwk.key(policy)?;
    match only {
        Some(algorithm) if algorithm.kind() != key.kind() => Err(KeyError::NotForSignatures),
        only => Ok(PublicKey { only, ..key }),
    }
}

struct Jwk(Members<Value>);

impl Jwk {
    fn key(&self, policy: KeyPolicy) -> Result<PublicKey, KeyError> {
        match (self.text("kty")?, self.text("crv")?) {
            (Some("OKP"), Some("Ed25519")) => PublicKey::from_raw(PublicKeyKind::Ed25519, &self.bytes("x")?),
            (Some("EC"), Some("P-256")) => self.point(PublicKeyKind::P256, 32),
            (Some("EC"), Some("P-384")) => self.point(PublicKeyKind::P384, 48),
            (Some("EC"), Some("P-521")) => self.point(PublicKeyKind::P521, 66),
            (Some("RSA"), None) => PublicKey::from_rsa_numbers(&self.bytes("n")?, &self.bytes("e")?, policy),
            (Some("OKP" | "EC"), Some(_)) => {
                Err(KeyError::Unsupported { what: "the supported curves are Ed25519, P-256, P-384 and P-521" })
            }
            _ => Err(MALFORMED),
        }
    }

    /// RFC 7518 section 6.2.1.2 demands both coordinates in full length, but the libraries of some providers drop
    /// leading zeros. That is accepted: it is the same point, and it is checked.
    fn point(&self, kind: PublicKeyKind, len: usize) -> Result<PublicKey, KeyError> {
        let (x, y) = (self.bytes("x")?, self.bytes("y")?);
        if x.len() > len || y.len() > len {
            return Err(MALFORMED);
        }
        let zeros = vec![0; len];
        PublicKey::from_raw(kind, &[&[4], &zeros[x.len()..], &x, &zeros[y.len()..], &y].concat())
    }

    /// The algorithm by `alg`, after checking `use` and `key_ops`. Each may be absent: RFC 7517 sections 4.2 to 4.4.
    fn purpose(&self) -> Result<Option<PublicKeyAlgorithm>, KeyError> {
        let for_signatures = self.text("use")?.is_none_or(|purpose| purpose == "sig");
        let operations = match self.0.get("key_ops") {
            Some(Value::Array(operations)) => Some(operations),
            Some(_) => return Err(MALFORMED),
            None => None,
        };
        let may_verify = operations.is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !for_signatures || !may_verify {
            return Err(KeyError::NotForSignatures);
        }
        self.text("alg")?.map(algorithm).transpose()
    }

    fn text(&self, name: &str) -> Result<Option<&str>, KeyError> {
        self.0.text(name).map_err(|()| MALFORMED)
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyError> {
        let text = self.text(name)?.ok_or(MALFORMED)?;
        Encoding::Base64UrlUnpadded.decode(text.as_bytes()).ok_or(MALFORMED)
    }
}

/// The names of RFC 7518 section 3.1, RFC 8037 section 3.1 and RFC 9864 section 2.2.
fn algorithm(name: &str) -> Result<PublicKeyAlgorithm, KeyError> {
    match name {
        "EdDSA" | "Ed25519" => Ok(PublicKeyAlgorithm::Ed25519),
        "ES256" => Ok(PublicKeyAlgorithm::EcdsaP256Sha256),
        "ES384" => Ok(PublicKeyAlgorithm::EcdsaP384Sha384),
        "ES512" => Ok(PublicKeyAlgorithm::EcdsaP521Sha512),
        "RS256" => Ok(PublicKeyAlgorithm::RsaPkcs1Sha256),
        "RS384" => Ok(PublicKeyAlgorithm::RsaPkcs1Sha384),
        "RS512" => Ok(PublicKeyAlgorithm::RsaPkcs1Sha512),
        "PS256" => Ok(PublicKeyAlgorithm::RsaPssSha256),
        "PS384" => Ok(PublicKeyAlgorithm::RsaPssSha384),
        "PS512" => Ok(PublicKeyAlgorithm::RsaPssSha512),
        _ => Err(KeyError::NotForSignatures),
    }
}

const MALFORMED: KeyError = KeyError::Malformed { format: "a JSON Web Key" };

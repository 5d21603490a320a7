//! Compact JSON Web Signatures (RFC 7515), as strict as RFC 8725 advises.
//!
//! The caller says which algorithms may be used. An HMAC secret and a public key are different types and asked for by
//! different functions, so that a token cannot have the one taken for the other; and there is no `none`. What a token says
//! about keys (`jwk`, `jku`, `x5c`, `x5u`) is never looked at.

use std::fmt;

use serde::de::IgnoredAny;
use serde_json::Value;
use subtle::Choice;

use crate::{
    algorithm::{Digest, Mac, Tag},
    encoding::Encoding,
    members::Members,
    public_key::{EcdsaForm, PublicKey, PublicKeyAlgorithm},
};

/// The most characters of header and payload together, with the full stop between them.
///
/// Webhook tokens carry a hash of the body or a small event; longer ones come from elsewhere.
pub(crate) const MAX_SIGNED: usize = 16 * 1024;

/// The most characters of a signature: that of an RSA key of 8192 bits.
const MAX_SIGNATURE: usize = 1366;

/// The most characters of a key id.
const MAX_KEY_ID: usize = 256;

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsAlgorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// What an algorithm computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsKey {
    /// HMAC with that hash.
    Secret(Digest),
    /// A public key.
    Public(PublicKeyAlgorithm),
}

impl JwsAlgorithm {
    pub(crate) const ALL: [Self; 10] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
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
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, in the one spelling that it has.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        // RFC 9864 section 2.2 gives the one kind of EdDSA that is used a name of its own.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// What it computes with.
    pub(crate) fn key(self) -> JwsKey {
        match self {
            Self::Hs256 => JwsKey::Secret(Digest::Sha256),
            Self::Hs384 => JwsKey::Secret(Digest::Sha384),
            Self::Hs512 => JwsKey::Secret(Digest::Sha512),
            Self::Rs256 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha256),
            Self::Rs384 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha384),
            Self::Rs512 => JwsKey::Public(PublicKeyAlgorithm::RsaPkcs1Sha512),
            Self::Es256 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP256Sha256),
            Self::Es384 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP384Sha384),
            Self::Es512 => JwsKey::Public(PublicKeyAlgorithm::EcdsaP521Sha512),
            Self::EdDsa => JwsKey::Public(PublicKeyAlgorithm::Ed25519),
        }
    }
}

/// Why a text is not a JWS that can be verified. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsProblem {
    /// The header's `alg` is missing, unknown, or not one that the caller allows.
    Algorithm,
    /// The payload is not one JSON object, or a name in it stands twice.
    Claims,
    /// The header has extensions that must be understood, and are not.
    Critical,
    /// A part is not base64url without padding, in its one canonical form.
    Encoding,
    /// The header is not one JSON object, a name in it stands twice, or a value has the wrong type.
    Header,
    /// The key id is empty, too long, or not visible ASCII.
    KeyId,
    /// There is no payload where one belongs, or one where the request's body stands in for it.
    Payload,
    /// Not three parts with full stops between them.
    Parts,
    /// Longer than [`MAX_SIGNED`], or the signature longer than any.
    TooLong,
}

impl fmt::Display for JwsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "the token's algorithm is not one that is allowed",
            Self::Claims => "the token's payload is not a JSON object with a single value for each name",
            Self::Critical => "the token has extensions that are not understood",
            Self::Encoding => "the token is not in base64url without padding",
            Self::Header => "the token's header is not a JSON object with a single value for each name",
            Self::KeyId => "the token's key id is not 1 to 256 visible characters",
            Self::Payload => "the token has no payload, or one where none belongs",
            Self::Parts => "the token has not three parts",
            Self::TooLong => "the token is too long",
        })
    }
}

/// A JWS with its payload inside, well-formed and not verified.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    header: Header,
    parts: Parts<'a>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads `header.payload.signature`, if its algorithm is among the allowed.
    ///
    /// RFC 7797 section 7 keeps unencoded payloads out of tokens, so that no extension is understood here.
    pub(crate) fn parse(text: &'a [u8], allowed: &[JwsAlgorithm]) -> Result<Self, JwsProblem> {
        let parts = Parts::split(text)?;
        if parts.payload.is_empty() {
            return Err(JwsProblem::Payload);
        }
        let header = Header::read(parts.header, allowed)?;
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
        self.header.key_id.as_deref()
    }

    /// The header `typ`, as it stands there.
    pub(crate) fn token_type(&self) -> Option<&str> {
        self.header.token_type.as_deref()
    }

    /// What is signed: header and payload as they stand in the token.
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        self.parts.signed
    }

    /// The decoded payload. It proves nothing before one of the two functions below has answered yes.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, if it is one JSON object with a single value for each name.
    pub(crate) fn claims(&self) -> Result<&[u8], JwsProblem> {
        let object = Members::<IgnoredAny>::read(&self.payload);
        object.map(|_| &*self.payload).ok_or(JwsProblem::Claims)
    }

    /// Whether the token was signed with the HMAC secret; no, if its algorithm is not HMAC with that hash.
    pub(crate) fn is_signed_with_secret(&self, keyed: &Mac) -> Choice {
        is_hmac(self.algorithm(), self.parts.signature, keyed, |mac| mac.update(self.parts.signed))
    }

    /// Whether the token was signed with the private key to this public one; no, if that does not fit its algorithm.
    pub(crate) fn is_signed_with_private_key_of(&self, key: &PublicKey) -> bool {
        is_by_public_key(self.algorithm(), self.parts.signature, key, self.parts.signed)
    }
}

/// A JWS whose payload is elsewhere, RFC 7515 appendix F; well-formed and not verified.
#[derive(Debug)]
pub(crate) struct DetachedJws<'a> {
    header: Header,
    parts: Parts<'a>,
}

impl<'a> DetachedJws<'a> {
    /// Reads `header..signature`, if its algorithm is among the allowed.
    ///
    /// The one extension that is understood is that of RFC 7797, an unencoded payload: `b64` as a boolean that `crit` names.
    pub(crate) fn parse(text: &'a [u8], allowed: &[JwsAlgorithm]) -> Result<Self, JwsProblem> {
        let parts = Parts::split(text)?;
        if !parts.payload.is_empty() {
            return Err(JwsProblem::Payload);
        }
        Ok(Self { header: Header::read(parts.header, allowed)?, parts })
    }

    pub(crate) fn algorithm(&self) -> JwsAlgorithm {
        self.header.algorithm
    }

    /// The header `kid`: visible ASCII, and a hint only.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// Whether the payload is signed in base64url, as usual, or as it is (RFC 7797 section 3).
    pub(crate) fn encodes_payload(&self) -> bool {
        self.header.encodes_payload
    }

    /// What is signed in front of the payload: the header as it stands in the token, and a full stop.
    pub(crate) fn signed_prefix(&self) -> &'a [u8] {
        self.parts.signed
    }

    /// What is signed: the header, a full stop, and the payload as the header has it written.
    pub(crate) fn signing_input(&self, payload: &[u8]) -> Vec<u8> {
        if self.encodes_payload() {
            [self.parts.signed, Encoding::Base64UrlUnpadded.encode(payload).as_bytes()].concat()
        } else {
            [self.parts.signed, payload].concat()
        }
    }

    /// Whether header and payload were signed with the HMAC secret; no, if the algorithm is not HMAC with that hash.
    pub(crate) fn is_signed_with_secret(&self, payload: &[u8], keyed: &Mac) -> Choice {
        is_hmac(self.algorithm(), self.parts.signature, keyed, |mac| mac.update(&self.signing_input(payload)))
    }

    /// Whether header and payload were signed with the private key to this public one; no, if that does not fit.
    pub(crate) fn is_signed_with_private_key_of(&self, payload: &[u8], key: &PublicKey) -> bool {
        is_by_public_key(self.algorithm(), self.parts.signature, key, &self.signing_input(payload))
    }
}

/// Writes a JWS with its payload inside; `sign` is given what is signed.
pub(crate) fn write(
    algorithm: JwsAlgorithm,
    key_id: Option<&str>,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<String> {
    let mut token = [header(algorithm, key_id), Encoding::Base64UrlUnpadded.encode(payload)].join(".");
    let signature = sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&Encoding::Base64UrlUnpadded.encode(&signature));
    Some(token)
}

fn header(algorithm: JwsAlgorithm, key_id: Option<&str>) -> String {
    let mut header = serde_json::Map::new();
    header.insert("alg".to_owned(), algorithm.name().into());
    header.insert("typ".to_owned(), "JWT".into());
    header.extend(key_id.map(|id| ("kid".to_owned(), id.into())));
    Encoding::Base64UrlUnpadded.encode(Value::Object(header).to_string().as_bytes())
}

/// The parts of a token as they stand there.
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

/// What the protected header says, as far as it is used here.
#[derive(Debug)]
struct Header {
    algorithm: JwsAlgorithm,
    key_id: Option<String>,
    token_type: Option<String>,
    encodes_payload: bool,
    has_critical: bool,
}

impl Header {
    fn read(base64: &[u8], allowed: &[JwsAlgorithm]) -> Result<Self, JwsProblem> {
        let members = Members::<Value>::read(&decode(base64)?).ok_or(JwsProblem::Header)?;
        let text = |name| members.text(name).map_err(|()| JwsProblem::Header);
        let algorithm = text("alg")?.and_then(JwsAlgorithm::from_name).filter(|algorithm| allowed.contains(algorithm));
        let key_id = text("kid")?;
        if key_id.is_some_and(|id| !is_key_id(id)) {
            return Err(JwsProblem::KeyId);
        }
        let has_critical = members.get("crit").is_some();
        // RFC 7515 section 4.1.11: a list that names what is there, never empty, nothing twice. With `b64` as all there is to
        // name, one form is left.
        if has_critical && members.get("crit") != Some(&Value::from(vec!["b64"])) {
            return Err(JwsProblem::Critical);
        }
        let encodes_payload = match (members.get("b64"), has_critical) {
            (None, false) | (Some(Value::Bool(true)), _) => true,
            (Some(Value::Bool(false)), true) => false,
            // RFC 7797 section 6: who does not know `b64` must be stopped by `crit`.
            (None, true) | (Some(Value::Bool(false)), false) => return Err(JwsProblem::Critical),
            (Some(_), _) => return Err(JwsProblem::Header),
        };
        Ok(Self {
            algorithm: algorithm.ok_or(JwsProblem::Algorithm)?,
            key_id: key_id.map(str::to_owned),
            token_type: text("typ")?.map(str::to_owned),
            encodes_payload,
            has_critical,
        })
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=MAX_KEY_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
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
    decode(signature).is_ok_and(|signature| key.verify(algorithm, EcdsaForm::Fixed, signed, &signature))
}

fn decode(base64: &[u8]) -> Result<Vec<u8>, JwsProblem> {
    Encoding::Base64UrlUnpadded.decode(base64).ok_or(JwsProblem::Encoding)
}

//! Public and private keys: read from the formats that users paste, and used to verify and sign.

#![cfg_attr(
    not(all(feature = "ed25519", feature = "p384", feature = "p521", feature = "rsa")),
    allow(unreachable_code, unused_variables, reason = "unused if a kind of key is absent")
)]

mod algorithm;
mod armour;
#[cfg(feature = "public-key")]
mod certificate;
#[cfg(feature = "ecdsa")]
mod ecdsa;
#[cfg(feature = "ed25519")]
mod ed25519;
mod error;
mod jwk;
#[cfg(feature = "public-key")]
mod parse;
mod private;
#[cfg(feature = "rsa")]
mod pss;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(test)]
#[cfg(all(feature = "ed25519", feature = "legacy", feature = "p384", feature = "p521", feature = "rsa"))]
mod tests;
#[cfg(test)]
#[cfg(all(feature = "ed25519", feature = "p384", feature = "p521", feature = "rsa"))]
mod wycheproof;

use std::fmt;

pub(crate) use self::algorithm::{PublicKeyAlgorithm, SignatureForm};
#[cfg(feature = "public-key")]
pub(crate) use self::certificate::CertificateChain;
#[cfg(feature = "certificates")]
pub(crate) use self::certificate::certificates;
pub use self::{
    error::{KeyError, KeyPolicy},
    private::PrivateKey,
};

/// A key that verifies signatures and cannot make them.
///
/// The kinds of key depend on the crate's features: `ed25519`, `ecdsa` (with `p384` and `p521`) and `rsa`.
///
/// ```
/// use countersign::{KeyError, KeyPolicy, PublicKey, PublicKeyKind};
///
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// match PublicKey::from_pem(pem, KeyPolicy::Standard) {
///     Ok(key) => assert_eq!(key.kind(), PublicKeyKind::Ed25519),
///     Err(problem) => assert!(matches!(problem, KeyError::FeatureOff { .. })),
/// }
/// ```
#[derive(Clone)]
pub struct PublicKey {
    inner: Inner,
    /// The only algorithm that the key may be used with, if it names one.
    only: Option<PublicKeyAlgorithm>,
}

/// A kind of public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKeyKind {
    /// Ed25519, RFC 8032.
    Ed25519,
    /// The elliptic curve P-256, which is also called `secp256r1` and `prime256v1`.
    P256,
    /// The elliptic curve P-384, also `secp384r1`.
    P384,
    /// The elliptic curve P-521, also `secp521r1`.
    P521,
    /// RSA.
    Rsa,
}

#[derive(Clone)]
enum Inner {
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519_dalek::VerifyingKey),
    #[cfg(feature = "ecdsa")]
    P256(Box<p256::ecdsa::VerifyingKey>),
    #[cfg(feature = "p384")]
    P384(Box<p384::ecdsa::VerifyingKey>),
    #[cfg(feature = "p521")]
    P521(Box<p521::ecdsa::VerifyingKey>),
    #[cfg(feature = "rsa")]
    Rsa(Box<::rsa::PublicKey>),
}

impl PublicKey {
    /// Reads a key in any of these formats: PEM, a JSON Web Key, or the base64 of a key's DER without the lines around
    /// it.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), [`from_jwk`](Self::from_jwk) and [`from_spki_der`](Self::from_spki_der).
    pub fn parse(text: &str, policy: KeyPolicy) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with('{') {
            Self::from_jwk(text, policy)
        } else if text.contains("-----") {
            Self::from_pem(text, policy)
        } else {
            Self::from_spki_der(&armour::bare(text)?, policy)
        }
    }

    /// Reads a key in PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`.
    ///
    /// Only the key of a certificate is read; of a chain, the key of the first certificate, which is the leaf. Issuer,
    /// subject and validity are not checked: only pass in text from a source that you trust.
    ///
    /// # Errors
    ///
    /// If the text is in none of these formats or has several keys; if the key is private, unsound, or of a kind that
    /// is not supported or whose feature is off; or if the policy does not allow the RSA key: its modulus is too short
    /// or longer than 8192 bits, or its exponent is even, below 3, or not below 2^33.
    pub fn from_pem(text: &str, policy: KeyPolicy) -> Result<Self, KeyError> {
        let blocks = armour::blocks(text)?;
        let (first, others) = blocks.split_first().ok_or(KeyError::Malformed { format: "a key in PEM" })?;
        let is_chain = first.label == "CERTIFICATE" && others.iter().all(|block| block.label == "CERTIFICATE");
        match first.label.as_str() {
            label if label.ends_with("PRIVATE KEY") => Err(KeyError::Private),
            "CERTIFICATE" | "PUBLIC KEY" | "RSA PUBLIC KEY" if !others.is_empty() && !is_chain => {
                Err(KeyError::Several)
            }
            "CERTIFICATE" => Self::from_certificate(&first.der, policy),
            "PUBLIC KEY" => Self::from_spki_der(&first.der, policy),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&first.der, policy),
            _ => Err(KeyError::Unsupported { what: "PEM may hold PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE" }),
        }
    }

    /// Reads a key in the DER of X.509, a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_spki_der(der: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        if der.len() > error::MAX_KEY_TEXT {
            return Err(KeyError::TooLarge);
        }
        #[cfg(feature = "public-key")]
        return parse::spki(der, policy);
        #[cfg(not(feature = "public-key"))]
        Err(NO_KEYS)
    }

    /// A key from its raw bytes: the 32 bytes of an Ed25519 key (RFC 8032 section 5.1.2), or a point on one of the
    /// curves, compressed or not (SEC 1 section 2.3.3). RSA keys have no such form.
    ///
    /// # Errors
    ///
    /// If the bytes are not a key of that kind, or the kind's feature is off; or if an Ed25519 key is not canonical, or
    /// of small order: some signature of such a key is valid for every message.
    pub fn from_raw(kind: PublicKeyKind, bytes: &[u8]) -> Result<Self, KeyError> {
        let inner = match kind {
            PublicKeyKind::Rsa => Err(KeyError::Unsupported { what: "RSA keys are given in PEM, DER or as a JWK" }),
            #[cfg(feature = "ed25519")]
            PublicKeyKind::Ed25519 => ed25519::public(bytes).map(Inner::Ed25519),
            #[cfg(feature = "ecdsa")]
            PublicKeyKind::P256 => ecdsa::public::<ecdsa::P256>(bytes).map(|key| Inner::P256(Box::new(key))),
            #[cfg(feature = "p384")]
            PublicKeyKind::P384 => ecdsa::public::<ecdsa::P384>(bytes).map(|key| Inner::P384(Box::new(key))),
            #[cfg(feature = "p521")]
            PublicKeyKind::P521 => ecdsa::public::<ecdsa::P521>(bytes).map(|key| Inner::P521(Box::new(key))),
            #[allow(unreachable_patterns, reason = "reached if a feature is off")]
            kind => Err(kind.feature_off()),
        }?;
        Ok(Self { inner, only: None })
    }

    /// Reads a JSON Web Key, RFC 7517.
    ///
    /// If it has an `alg`, it verifies signatures of that algorithm only.
    ///
    /// # Errors
    ///
    /// If the text is not a JSON Web Key or has duplicate names; if `use`, `key_ops` or `alg` say that it is not for
    /// verifying signatures; and as [`from_pem`](Self::from_pem).
    pub fn from_jwk(text: &str, policy: KeyPolicy) -> Result<Self, KeyError> {
        jwk::public(text, policy)
    }

    /// The kind of key.
    pub fn kind(&self) -> PublicKeyKind {
        match self.inner {
            #[cfg(feature = "ed25519")]
            Inner::Ed25519(_) => PublicKeyKind::Ed25519,
            #[cfg(feature = "ecdsa")]
            Inner::P256(_) => PublicKeyKind::P256,
            #[cfg(feature = "p384")]
            Inner::P384(_) => PublicKeyKind::P384,
            #[cfg(feature = "p521")]
            Inner::P521(_) => PublicKeyKind::P521,
            #[cfg(feature = "rsa")]
            Inner::Rsa(_) => PublicKeyKind::Rsa,
        }
    }

    /// Whether the key can verify signatures of the algorithm. Check this when keys and schemes are read, because
    /// [`verify`](Self::verify) only returns `false`.
    pub(crate) fn fits(&self, algorithm: PublicKeyAlgorithm) -> bool {
        algorithm.missing_feature().is_none()
            && algorithm.kind() == self.kind()
            && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature is one of the message; also `false` if the key does not fit. The form matters only to
    /// ECDSA and RSASSA-PSS.
    pub(crate) fn verify(
        &self,
        algorithm: PublicKeyAlgorithm,
        form: SignatureForm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if let Some(digest) = algorithm.digest() {
            return self.verify_digest(algorithm, form, digest.of(message).as_bytes(), signature);
        }
        match &self.inner {
            #[cfg(feature = "ed25519")]
            Inner::Ed25519(key) => self.fits(algorithm) && ed25519::verify(key, message, signature),
            #[allow(unreachable_patterns, reason = "reached if another feature is on")]
            _ => false,
        }
    }

    /// Whether the signature is one of the message with that digest.
    ///
    /// `false` for Ed25519, which does not sign digests, and for a digest of another length than the algorithm's.
    fn verify_digest(
        &self,
        algorithm: PublicKeyAlgorithm,
        form: SignatureForm,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(hash) = algorithm.digest().filter(|hash| hash.len() == digest.len() && self.fits(algorithm)) else {
            return false;
        };
        match &self.inner {
            #[cfg(feature = "ecdsa")]
            Inner::P256(key) => ecdsa::verify::<ecdsa::P256>(key, form, digest, signature),
            #[cfg(feature = "p384")]
            Inner::P384(key) => ecdsa::verify::<ecdsa::P384>(key, form, digest, signature),
            #[cfg(feature = "p521")]
            Inner::P521(key) => ecdsa::verify::<ecdsa::P521>(key, form, digest, signature),
            #[cfg(feature = "rsa")]
            Inner::Rsa(key) if algorithm.is_pss() => pss::verify(key, form, hash, digest, signature),
            #[cfg(feature = "rsa")]
            Inner::Rsa(key) => rsa::verify(key, hash, digest, signature),
            #[allow(unreachable_patterns, reason = "reached if the feature `ed25519` is on")]
            _ => false,
        }
    }

    fn from_certificate(der: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        #[cfg(feature = "public-key")]
        return parse::certificate(der, policy);
        #[cfg(not(feature = "public-key"))]
        Err(NO_KEYS)
    }

    fn from_pkcs1(der: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        #[cfg(feature = "rsa")]
        return rsa::public(der, policy).map(Self::from_rsa);
        #[cfg(not(feature = "rsa"))]
        Err(PublicKeyKind::Rsa.feature_off())
    }

    fn from_rsa_numbers(modulus: &[u8], exponent: &[u8], policy: KeyPolicy) -> Result<Self, KeyError> {
        #[cfg(feature = "rsa")]
        return rsa::public_of_numbers(modulus, exponent, policy).map(Self::from_rsa);
        #[cfg(not(feature = "rsa"))]
        Err(PublicKeyKind::Rsa.feature_off())
    }

    #[cfg(feature = "rsa")]
    fn from_rsa(key: ::rsa::PublicKey) -> Self {
        Self { inner: Inner::Rsa(Box::new(key)), only: None }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.kind())
    }
}

impl PublicKeyKind {
    fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 key",
            Self::P256 => "a key on the curve P-256",
            Self::P384 => "a key on the curve P-384",
            Self::P521 => "a key on the curve P-521",
            Self::Rsa => "an RSA key",
        }
    }

    /// The cargo feature that such keys need.
    fn feature(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "ecdsa",
            Self::P384 => "p384",
            Self::P521 => "p521",
            Self::Rsa => "rsa",
        }
    }

    /// The cargo feature that such keys need, if it is off.
    fn missing_feature(self) -> Option<&'static str> {
        let is_on = match self {
            Self::Ed25519 => cfg!(feature = "ed25519"),
            Self::P256 => cfg!(feature = "ecdsa"),
            Self::P384 => cfg!(feature = "p384"),
            Self::P521 => cfg!(feature = "p521"),
            Self::Rsa => cfg!(feature = "rsa"),
        };
        (!is_on).then(|| self.feature())
    }

    fn feature_off(self) -> KeyError {
        KeyError::FeatureOff { kind: self.name(), feature: self.feature() }
    }
}

#[cfg(not(feature = "public-key"))]
const NO_KEYS: KeyError = KeyError::FeatureOff { kind: "public keys", feature: "ed25519`, `ecdsa` or `rsa" };

#[cfg(test)]
mod features {
    use super::*;

    #[test]
    fn a_key_of_a_kind_that_is_off_is_refused_with_the_name_of_its_feature() {
        // RFC 8037 appendix A.2 and RFC 7515 appendix A.3.1.
        let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let p256 = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        let kinds = [(ed25519, PublicKeyKind::Ed25519), (p256, PublicKeyKind::P256)];
        for (jwk, kind) in kinds {
            match (PublicKey::from_jwk(jwk, KeyPolicy::Standard), kind.missing_feature()) {
                (Ok(key), None) => assert_eq!(key.kind(), kind),
                (Err(problem), Some(feature)) => assert!(problem.to_string().contains(&format!("`{feature}`"))),
                (read, missing) => panic!("{read:?} {missing:?}"),
            }
        }
    }

    #[test]
    fn an_algorithm_that_is_off_fits_no_key() {
        for algorithm in PublicKeyAlgorithm::ALL {
            let raw = PublicKey::from_raw(algorithm.kind(), &[0x58; 32]);
            if algorithm.missing_feature().is_some() {
                assert!(!raw.is_ok_and(|key| key.fits(algorithm)), "{algorithm:?}");
            }
        }
    }
}

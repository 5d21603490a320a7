//! Parses the structures of X.509 and PKCS#8 that contain keys.

use der::{
    Decode as _,
    asn1::{AnyRef, ObjectIdentifier},
};
use pkcs8::PrivateKeyInfoRef;
use sec1::{EcParameters, EcPrivateKey};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::{Certificate, der::Encode as _};
use zeroize::Zeroizing;

use super::{KeyPolicy, PrivateKey, PublicKey, PublicKeyKind, error::KeyError};

/// Reads a `SubjectPublicKeyInfo`, RFC 5280 section 4.1.
pub(super) fn spki(der: &[u8], policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    let malformed = || KeyError::Malformed { format: "a public key in DER (SubjectPublicKeyInfo)" };
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed())?;
    let key = info.subject_public_key.as_bytes().ok_or_else(malformed)?;
    match kind(&info.algorithm)? {
        PublicKeyKind::Rsa => PublicKey::from_pkcs1(key, policy),
        kind => PublicKey::from_raw(kind, key),
    }
}

/// The public key of a certificate, without checking the certificate.
pub(super) fn certificate(der: &[u8], policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    let malformed = |_| KeyError::Malformed { format: "an X.509 certificate" };
    let certificate = Certificate::from_der(der).map_err(malformed)?;
    let info = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(malformed)?;
    spki(&info, policy)
}

/// Reads a `PrivateKeyInfo`, RFC 5958 section 2.
pub(super) fn pkcs8(der: &[u8], policy: KeyPolicy) -> Result<PrivateKey, KeyError> {
    let malformed = |_| KeyError::Malformed { format: "a private key in PKCS#8" };
    let info = PrivateKeyInfoRef::from_der(der).map_err(malformed)?;
    let key = info.private_key.as_bytes();
    match kind(&info.algorithm)? {
        // RFC 8410 section 7: an octet string in the octet string.
        PublicKeyKind::Ed25519 => {
            let seed = <&der::asn1::OctetStringRef>::from_der(key).map_err(malformed)?;
            PrivateKey::from_raw(PublicKeyKind::Ed25519, seed.as_bytes())
        }
        PublicKeyKind::Rsa => PrivateKey::from_pkcs1(key, policy),
        curve => sec1(key, Some(curve)),
    }
}

/// Reads an `ECPrivateKey`, RFC 5915 section 3. It names its curve, unless that is known already.
pub(super) fn sec1(der: &[u8], known: Option<PublicKeyKind>) -> Result<PrivateKey, KeyError> {
    let malformed = || KeyError::Malformed { format: "an elliptic curve's private key" };
    let key = EcPrivateKey::from_der(der).map_err(|_| malformed())?;
    let named = match key.parameters {
        Some(EcParameters::NamedCurve(curve)) => Some(named_curve(curve)?),
        None => None,
    };
    if known.is_some() && named.is_some() && known != named {
        return Err(malformed());
    }
    let scalar = Zeroizing::new(key.private_key.to_vec());
    PrivateKey::from_raw(known.or(named).ok_or_else(malformed)?, &scalar)
}

fn kind(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<PublicKeyKind, KeyError> {
    let parameters = algorithm.parameters;
    match algorithm.oid {
        // RFC 8410 section 3: no parameters.
        ED25519 if parameters.is_none() => Ok(PublicKeyKind::Ed25519),
        // RFC 3279 section 2.3.1: NULL, which some writers omit.
        RSA if parameters.is_none_or(AnyRef::is_null) => Ok(PublicKeyKind::Rsa),
        // RFC 5480 section 2.1.1: the name of a curve, never its equation.
        EC => match parameters.map(AnyRef::decode_as::<ObjectIdentifier>) {
            Some(Ok(curve)) => named_curve(curve),
            _ => Err(UNSUPPORTED),
        },
        // RFC 4055 section 1.2: without parameters, for any hash and salt.
        RSA_PSS if parameters.is_none() => Ok(PublicKeyKind::Rsa),
        RSA_PSS => Err(KeyError::Unsupported { what: "RSA-PSS with parameters" }),
        _ => Err(UNSUPPORTED),
    }
}

fn named_curve(curve: ObjectIdentifier) -> Result<PublicKeyKind, KeyError> {
    match curve {
        P256 => Ok(PublicKeyKind::P256),
        P384 => Ok(PublicKeyKind::P384),
        P521 => Ok(PublicKeyKind::P521),
        _ => Err(UNSUPPORTED),
    }
}

const UNSUPPORTED: KeyError =
    KeyError::Unsupported { what: "the supported ones are Ed25519, RSA, and the curves P-256, P-384 and P-521" };

// RFC 8410 section 3, RFC 8017 appendix C, RFC 5480 sections 2.1.1 and 2.1.1.1.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

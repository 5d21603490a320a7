//! RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), over the digest of a message.

use der::Decode as _;
use rsa::{
    BoxedUint, PrivateKey, PublicKey,
    pkcs1::{RsaPrivateKey, RsaPublicKeyRef, UintRef},
};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::error::{KeyError, KeyPolicy, MAX_RSA_BITS};
use crate::algorithm::Digest;

/// Reads an `RSAPublicKey`, RFC 8017 appendix A.1.1.
pub(super) fn public(pkcs1: &[u8], policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    let key = RsaPublicKeyRef::from_der(pkcs1).map_err(|_| MALFORMED)?;
    public_of_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes(), policy)
}

/// A public key from its modulus and exponent, big-endian.
pub(super) fn public_of_numbers(modulus: &[u8], exponent: &[u8], policy: KeyPolicy) -> Result<PublicKey, KeyError> {
    let (modulus, exponent) = (trimmed(modulus), trimmed(exponent));
    let (bits, least) = (bits(modulus), policy.least_rsa_bits());
    if !(least..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyError::RsaSize { bits, least });
    }
    let value = exponent.iter().fold(0_u64, |value, byte| value.saturating_mul(256).saturating_add((*byte).into()));
    if value % 2 == 0 || !(3..1 << 33).contains(&value) {
        return Err(KeyError::RsaExponent);
    }
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    PublicKey::new_with_size_limits(modulus, BoxedUint::from(value), least..=MAX_RSA_BITS).map_err(|_| MALFORMED)
}

/// Reads an `RSAPrivateKey`, RFC 8017 appendix A.1.2; its numbers are checked against each other.
pub(super) fn private(pkcs1: &[u8], policy: KeyPolicy) -> Result<PrivateKey, KeyError> {
    let malformed = || KeyError::Malformed { format: "an RSA private key" };
    let key = RsaPrivateKey::<UintRef<'_>>::from_der(pkcs1).map_err(|_| malformed())?;
    public_of_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes(), policy)?;
    PrivateKey::try_from(key).map_err(|_| malformed())
}

/// The library compares the whole padded block, so the padding and the `DigestInfo` each have a single form. The form
/// without `NULL` is refused, although RFC 8017 lets a verifier accept it. The signature must be as long as the
/// modulus, and its number below the modulus.
pub(super) fn verify(key: &PublicKey, digest: Digest, hashed: &[u8], signature: &[u8]) -> bool {
    let verified = match digest {
        Digest::Sha1 => key.pkcs1v15_verify_prehash::<Sha1>(hashed, signature),
        Digest::Sha256 => key.pkcs1v15_verify_prehash::<Sha256>(hashed, signature),
        Digest::Sha384 => key.pkcs1v15_verify_prehash::<Sha384>(hashed, signature),
        Digest::Sha512 => key.pkcs1v15_verify_prehash::<Sha512>(hashed, signature),
        #[cfg(any(feature = "legacy", feature = "sha3"))]
        _ => return false,
    };
    verified.is_ok()
}

/// Without blinding, because the core has no randomness; the library computes in constant time without it.
pub(super) fn sign(key: &PrivateKey, digest: Digest, hashed: &[u8]) -> Option<Vec<u8>> {
    let signature = match digest {
        Digest::Sha1 => key.pkcs1v15_sign_prehash::<Sha1>(hashed),
        Digest::Sha256 => key.pkcs1v15_sign_prehash::<Sha256>(hashed),
        Digest::Sha384 => key.pkcs1v15_sign_prehash::<Sha384>(hashed),
        Digest::Sha512 => key.pkcs1v15_sign_prehash::<Sha512>(hashed),
        #[cfg(any(feature = "legacy", feature = "sha3"))]
        _ => return None,
    };
    signature.ok()
}

fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

const MALFORMED: KeyError = KeyError::Malformed { format: "an RSA public key" };

//! Ed25519 keys and signatures, RFC 8032.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::error::KeyError;

/// Reads the 32 bytes of a public key.
///
/// Refuses keys of small order, because some signature of such a key is valid for every message. Also refuses keys that
/// are not in canonical form, RFC 8032 section 5.1.3, which the library alone would accept.
pub(super) fn public(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| MALFORMED)?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| MALFORMED)?;
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    if canonical && !key.is_weak() { Ok(key) } else { Err(KeyError::Weak) }
}

/// Reads the 32 bytes of a private key, which RFC 8032 section 5.1.5 calls the secret seed.
pub(super) fn private(seed: &[u8]) -> Result<SigningKey, KeyError> {
    let seed = seed.try_into().map_err(|_| KeyError::Malformed { format: "the seed of an Ed25519 key, 32 bytes" })?;
    Ok(SigningKey::from_bytes(seed))
}

/// Strict: refuses an R of small order or in a form that is not canonical, and an S that is not below the group's
/// order.
pub(super) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    key.sign(message).to_bytes().to_vec()
}

const MALFORMED: KeyError = KeyError::Malformed { format: "an Ed25519 public key, 32 bytes" };

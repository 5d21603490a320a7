//! RSASSA-PSS (RFC 8017 section 8.1), over the digest of a message; the mask uses the same hash.

use std::convert::Infallible;

use rsa::{
    PrivateKey, PublicKey,
    pss::{Signature, VerifyingKey},
    rand_core::{TryCryptoRng, TryRng},
    signature::hazmat::PrehashVerifier as _,
    traits::PrivateKeyParts as _,
};
use sha2::{
    Sha256, Sha384, Sha512,
    digest::{Digest as Hash, FixedOutputReset},
};
use zeroize::Zeroizing;

use super::SignatureForm;
use crate::algorithm::{Digest, Mac};

/// Verifies a signature. It must be as long as the modulus, and its number below the modulus.
pub(super) fn verify(key: &PublicKey, form: SignatureForm, digest: Digest, hashed: &[u8], signature: &[u8]) -> bool {
    match digest {
        Digest::Sha256 => verify_with::<Sha256>(key, form, hashed, signature),
        Digest::Sha384 => verify_with::<Sha384>(key, form, hashed, signature),
        Digest::Sha512 => verify_with::<Sha512>(key, form, hashed, signature),
        _ => false,
    }
}

fn verify_with<D: Hash + FixedOutputReset>(
    key: &PublicKey,
    form: SignatureForm,
    hashed: &[u8],
    signature: &[u8],
) -> bool {
    match form {
        SignatureForm::Jose => key.pss_verify_prehash::<D>(hashed, signature).is_ok(),
        SignatureForm::Usual => Signature::try_from(signature).is_ok_and(|signature| {
            let key = VerifyingKey::<D>::new_with_auto_salt_len(key.clone());
            key.verify_prehash(hashed, &signature).is_ok()
        }),
    }
}

/// Signs with a salt as long as the hash. The salt is derived from the key and the message, because the core has no
/// randomness. So only the key's owner can compute it, as in deterministic ECDSA (RFC 6979).
pub(super) fn sign(key: &PrivateKey, digest: Digest, hashed: &[u8]) -> Option<Vec<u8>> {
    let mut salt = Derived::new(key, hashed);
    let signature = match digest {
        Digest::Sha256 => key.pss_sign_prehash_with_rng::<Sha256, _>(&mut salt, hashed),
        Digest::Sha384 => key.pss_sign_prehash_with_rng::<Sha384, _>(&mut salt, hashed),
        Digest::Sha512 => key.pss_sign_prehash_with_rng::<Sha512, _>(&mut salt, hashed),
        _ => return None,
    };
    signature.ok()
}

/// Bytes derived from the private key and the message, used as the salt and for blinding the computation.
struct Derived {
    /// Keyed with the private exponent; it has already taken the message.
    mac: Mac,
    blocks: u64,
}

impl Derived {
    fn new(key: &PrivateKey, hashed: &[u8]) -> Self {
        let exponent = Zeroizing::new(key.d().to_be_bytes());
        let mut mac = Digest::Sha512.start_hmac(&exponent);
        mac.update(hashed);
        Self { mac, blocks: 0 }
    }
}

impl TryRng for Derived {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for piece in bytes.chunks_mut(Digest::Sha512.len()) {
            self.blocks += 1;
            let mut mac = self.mac.clone();
            mac.update(&self.blocks.to_be_bytes());
            piece.copy_from_slice(&mac.finish().as_bytes()[..piece.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Derived {}

//! ECDSA on the curves of NIST (FIPS 186-5 section 6), over the digest of a message.

use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use super::{algorithm::SignatureForm, error::KeyError};

/// The types of one curve's library.
pub(super) trait Curve {
    /// `r || s`, both between 1 and the group's order.
    type Fixed: for<'a> TryFrom<&'a [u8]> + Into<Self::Der>;
    /// Strict DER: one encoding of each signature, and nothing after it.
    type Der: for<'a> TryFrom<&'a [u8]>;
    type Public: PrehashVerifier<Self::Fixed> + PrehashVerifier<Self::Der>;
    type Private: PrehashSigner<Self::Fixed>;

    /// SEC 1 section 2.3.4, compressed or not. The point must be on the curve, and not the one at infinity.
    fn public(sec1: &[u8]) -> Option<Self::Public>;
    /// The secret number, between 1 and the group's order.
    fn private(scalar: &[u8]) -> Option<Self::Private>;
    fn fixed(signature: &Self::Fixed) -> Vec<u8>;
    fn der(signature: &Self::Der) -> Vec<u8>;
}

macro_rules! curve {
    ($name:ident, $library:ident) => {
        pub(super) struct $name;

        impl Curve for $name {
            type Fixed = $library::ecdsa::Signature;
            type Der = $library::ecdsa::DerSignature;
            type Public = $library::ecdsa::VerifyingKey;
            type Private = $library::ecdsa::SigningKey;

            fn public(sec1: &[u8]) -> Option<Self::Public> {
                Self::Public::from_sec1_bytes(sec1).ok()
            }

            fn private(scalar: &[u8]) -> Option<Self::Private> {
                Self::Private::from_bytes(scalar.try_into().ok()?).ok()
            }

            fn fixed(signature: &Self::Fixed) -> Vec<u8> {
                signature.to_bytes().to_vec()
            }

            fn der(signature: &Self::Der) -> Vec<u8> {
                signature.as_bytes().to_vec()
            }
        }
    };
}

curve!(P256, p256);
#[cfg(feature = "p384")]
curve!(P384, p384);
#[cfg(feature = "p521")]
curve!(P521, p521);

pub(super) fn public<C: Curve>(sec1: &[u8]) -> Result<C::Public, KeyError> {
    C::public(sec1).ok_or(KeyError::Malformed { format: "a point on the key's curve, as SEC 1 writes it" })
}

pub(super) fn private<C: Curve>(scalar: &[u8]) -> Result<C::Private, KeyError> {
    C::private(scalar).ok_or(KeyError::Malformed { format: "an elliptic curve's private key" })
}

/// Whether the signature is one of the digest.
///
/// Both `s` and its negative are accepted, as in the providers' own libraries: senders use either. This makes a second
/// valid signature possible, which is harmless: nothing here identifies a request by its signature.
pub(super) fn verify<C: Curve>(key: &C::Public, form: SignatureForm, digest: &[u8], signature: &[u8]) -> bool {
    match form {
        SignatureForm::Usual => {
            C::Der::try_from(signature).is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
        }
        SignatureForm::Jose => {
            C::Fixed::try_from(signature).is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
        }
    }
}

/// Deterministic, RFC 6979: no randomness, and the same signature each time.
pub(super) fn sign<C: Curve>(key: &C::Private, form: SignatureForm, digest: &[u8]) -> Option<Vec<u8>> {
    let signature: C::Fixed = key.sign_prehash(digest).ok()?;
    Some(match form {
        SignatureForm::Usual => C::der(&signature.into()),
        SignatureForm::Jose => C::fixed(&signature),
    })
}

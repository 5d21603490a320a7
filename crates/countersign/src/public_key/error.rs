//! Why a key was refused, and the limits of keys.

use std::fmt;

/// Why a key was refused. It quotes nothing of the key, which may be a private one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The private key is encrypted.
    Encrypted,
    /// This build does not support such keys.
    FeatureOff {
        /// The kind of key.
        kind: &'static str,
        /// The cargo feature of the crate `countersign` that has to be turned on.
        feature: &'static str,
    },
    /// The text or the bytes are malformed.
    Malformed {
        /// The format that was expected.
        format: &'static str,
    },
    /// The key is marked for another use than verifying signatures.
    NotForSignatures,
    /// A private key was given in place of a public one.
    Private,
    /// A public key was given in place of a private one.
    Public,
    /// The public exponent of an RSA key is even, 1, or needs more than 33 bits.
    RsaExponent,
    /// The modulus of an RSA key is too short or too long.
    RsaSize {
        /// Its length in bits.
        bits: usize,
        /// The shortest length that is accepted, in bits.
        least: usize,
    },
    /// There is more than one key.
    Several,
    /// A secret key for HMAC or encryption was given in place of a public key.
    Symmetric,
    /// More than 65536 bytes.
    TooLarge,
    /// The algorithm or curve is not supported.
    Unsupported {
        /// The algorithm or curve, or the ones that are supported.
        what: &'static str,
    },
    /// An Ed25519 key under which anyone could sign, or one that is not in canonical form.
    Weak,
}

/// The longest text or encoding of a key that is read, in bytes: a chain of a few certificates fits.
pub(super) const MAX_KEY_TEXT: usize = 64 * 1024;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("the private key is encrypted: decrypt it first"),
            Self::FeatureOff { kind, feature } => {
                write!(f, "this build cannot use {kind}: turn on the feature `{feature}` of the crate countersign")
            }
            Self::Malformed { format } => write!(f, "this is not {format}: was it cut, or is it in another format?"),
            Self::NotForSignatures => {
                f.write_str("the key is marked as not for verifying signatures: use the one that is")
            }
            Self::Private => {
                f.write_str("this is a private key, but a public key is needed: keep it secret and use its public half")
            }
            Self::Public => f.write_str("this is a public key, but signing needs the private key: use that one"),
            Self::RsaExponent => f.write_str("the RSA key's exponent must be odd, at least 3 and below 2^33"),
            Self::RsaSize { bits, least } => {
                write!(f, "the RSA key has {bits} bits, but must have {least} to {MAX_RSA_BITS}")
            }
            Self::Several => f.write_str("there is more than one key: give one"),
            Self::Symmetric => f.write_str("this is a symmetric key, but a public key is needed"),
            Self::TooLarge => write!(f, "the key is longer than {MAX_KEY_TEXT} bytes"),
            Self::Unsupported { what } => write!(f, "keys of this kind are not supported: {what}"),
            Self::Weak => {
                f.write_str("this is not a sound Ed25519 key: anyone could sign under it, or it is not canonical")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// The longest modulus of an RSA key that is accepted, in bits. The time of each verification grows with its square.
pub(super) const MAX_RSA_BITS: usize = 8192;

/// The minimum length of an RSA key's modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPolicy {
    /// At least 2048 bits (NIST SP 800-131A revision 2, section 3).
    #[default]
    Standard,
    /// At least 1024 bits, for providers that publish no better key. An attacker with enough money can break such a
    /// key.
    #[cfg(feature = "legacy")]
    DangerousSmallRsa,
}

impl KeyPolicy {
    /// The shortest RSA modulus, in bits.
    #[cfg(feature = "rsa")]
    pub(super) fn least_rsa_bits(self) -> usize {
        match self {
            Self::Standard => 2048,
            #[cfg(feature = "legacy")]
            Self::DangerousSmallRsa => 1024,
        }
    }
}

//! The hash functions, and what each is safe for.

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// SHA-1, 20 bytes. Safe inside HMAC, not for anything else.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
    /// MD5, 16 bytes. Collisions cost nothing; it is safe inside HMAC only.
    #[cfg(feature = "legacy")]
    Md5,
    /// SHA3-512, 64 bytes.
    #[cfg(feature = "sha3")]
    Sha3_512,
    /// Keccak-256 as Ethereum uses it, 32 bytes. Its padding, and so its digests, differ from SHA3-256.
    #[cfg(feature = "sha3")]
    Keccak256,
}

impl Digest {
    /// Those that this build supports.
    pub(crate) const ALL: &[Self] = &[
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        #[cfg(feature = "legacy")]
        Self::Md5,
        #[cfg(feature = "sha3")]
        Self::Sha3_512,
        #[cfg(feature = "sha3")]
        Self::Keccak256,
    ];

    /// Its name in scheme files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            #[cfg(feature = "legacy")]
            Self::Md5 => "md5",
            #[cfg(feature = "sha3")]
            Self::Sha3_512 => "sha3-512",
            #[cfg(feature = "sha3")]
            Self::Keccak256 => "keccak256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|digest| digest.name() == name)
    }

    /// The cargo feature that the hash of that name needs, if it is off.
    pub(crate) fn missing_feature(name: &str) -> Option<&'static str> {
        match name {
            "md5" if !cfg!(feature = "legacy") => Some("legacy"),
            "sha3-512" | "keccak256" if !cfg!(feature = "sha3") => Some("sha3"),
            _ => None,
        }
    }

    /// Whether HMAC with it is still sound. Collisions do not matter to HMAC, but new schemes should not use MD5.
    pub(crate) fn is_safe_for_hmac(self) -> bool {
        match self {
            Self::Sha1 | Self::Sha256 | Self::Sha384 | Self::Sha512 => true,
            #[cfg(feature = "sha3")]
            Self::Sha3_512 | Self::Keccak256 => true,
            #[cfg(feature = "legacy")]
            Self::Md5 => false,
        }
    }

    /// Whether collisions are infeasible; a plain hash over a secret depends on that.
    pub(crate) fn is_collision_resistant(self) -> bool {
        match self {
            Self::Sha256 | Self::Sha384 | Self::Sha512 => true,
            #[cfg(feature = "sha3")]
            Self::Sha3_512 | Self::Keccak256 => true,
            Self::Sha1 => false,
            #[cfg(feature = "legacy")]
            Self::Md5 => false,
        }
    }

    /// The length of a digest in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            #[cfg(feature = "legacy")]
            Self::Md5 => 16,
            #[cfg(feature = "sha3")]
            Self::Sha3_512 => 64,
            #[cfg(feature = "sha3")]
            Self::Keccak256 => 32,
        }
    }
}

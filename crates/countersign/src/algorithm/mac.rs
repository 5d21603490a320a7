//! Running hashes, keyed or not: prepared once per secret, cloned per request.

use std::fmt;

#[cfg(feature = "sha3")]
use hmac::SimpleHmac;
use hmac::{Hmac, KeyInit, Mac as _};
#[cfg(feature = "legacy")]
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
#[cfg(feature = "sha3")]
use sha3::{Keccak256, Sha3_512};

use super::{Digest, Tag};
use crate::hmac_sha256::HmacSha256;

/// A running hash, keyed or not. A prepared key is used by cloning its state.
///
/// The states of SHA-512 and SHA-3 are boxed: few providers use them, and unboxed they would double the size of every
/// value.
#[derive(Clone)]
pub(crate) enum Mac {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(HmacSha256),
    HmacSha384(Box<Hmac<Sha384>>),
    HmacSha512(Box<Hmac<Sha512>>),
    #[cfg(feature = "legacy")]
    HmacMd5(Hmac<Md5>),
    #[cfg(feature = "sha3")]
    HmacSha3_512(Box<SimpleHmac<Sha3_512>>),
    #[cfg(feature = "sha3")]
    HmacKeccak256(Box<SimpleHmac<Keccak256>>),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Box<Sha384>),
    Sha512(Box<Sha512>),
    #[cfg(feature = "legacy")]
    Md5(Md5),
    #[cfg(feature = "sha3")]
    Sha3_512(Box<Sha3_512>),
    #[cfg(feature = "sha3")]
    Keccak256(Box<Keccak256>),
}

impl Mac {
    /// Updates two with the same data, side by side if that is faster.
    pub(crate) fn update_both(first: &mut Self, second: &mut Self, data: &[u8]) {
        if let (Self::HmacSha256(one), Self::HmacSha256(other)) = (&mut *first, &mut *second) {
            return HmacSha256::update_both(one, other, data);
        }
        first.update(data);
        second.update(data);
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        match self {
            Self::HmacSha1(mac) => mac.update(data),
            Self::HmacSha256(mac) => mac.update(data),
            Self::HmacSha384(mac) => mac.update(data),
            Self::HmacSha512(mac) => mac.update(data),
            #[cfg(feature = "legacy")]
            Self::HmacMd5(mac) => mac.update(data),
            #[cfg(feature = "sha3")]
            Self::HmacSha3_512(mac) => mac.update(data),
            #[cfg(feature = "sha3")]
            Self::HmacKeccak256(mac) => mac.update(data),
            Self::Sha1(hash) => hash.update(data),
            Self::Sha256(hash) => hash.update(data),
            Self::Sha384(hash) => hash.update(data),
            Self::Sha512(hash) => hash.update(data),
            #[cfg(feature = "legacy")]
            Self::Md5(hash) => hash.update(data),
            #[cfg(feature = "sha3")]
            Self::Sha3_512(hash) => hash.update(data),
            #[cfg(feature = "sha3")]
            Self::Keccak256(hash) => hash.update(data),
        }
    }

    /// Ends the data and returns the tag. Takes a reference, because moving the large state would cost time.
    pub(crate) fn finish(&mut self) -> Tag {
        match self {
            Self::HmacSha1(mac) => Tag::new::<20>(mac.clone().finalize().into_bytes().into()),
            Self::HmacSha256(mac) => Tag::new(mac.finish()),
            Self::HmacSha384(mac) => Tag::new::<48>(mac.clone().finalize().into_bytes().into()),
            Self::HmacSha512(mac) => Tag::new::<64>(mac.clone().finalize().into_bytes().into()),
            #[cfg(feature = "legacy")]
            Self::HmacMd5(mac) => Tag::new::<16>(mac.clone().finalize().into_bytes().into()),
            #[cfg(feature = "sha3")]
            Self::HmacSha3_512(mac) => Tag::new::<64>(mac.clone().finalize().into_bytes().into()),
            #[cfg(feature = "sha3")]
            Self::HmacKeccak256(mac) => Tag::new::<32>(mac.clone().finalize().into_bytes().into()),
            Self::Sha1(hash) => Tag::new::<20>(hash.clone().finalize().into()),
            Self::Sha256(hash) => Tag::new::<32>(hash.clone().finalize().into()),
            Self::Sha384(hash) => Tag::new::<48>(hash.clone().finalize().into()),
            Self::Sha512(hash) => Tag::new::<64>(hash.clone().finalize().into()),
            #[cfg(feature = "legacy")]
            Self::Md5(hash) => Tag::new::<16>(hash.clone().finalize().into()),
            #[cfg(feature = "sha3")]
            Self::Sha3_512(hash) => Tag::new::<64>(hash.clone().finalize().into()),
            #[cfg(feature = "sha3")]
            Self::Keccak256(hash) => Tag::new::<32>(hash.clone().finalize().into()),
        }
    }

    /// Whether this is HMAC with that hash.
    pub(crate) fn is_hmac(&self, digest: Digest) -> bool {
        match self {
            Self::HmacSha1(_) => digest == Digest::Sha1,
            Self::HmacSha256(_) => digest == Digest::Sha256,
            Self::HmacSha384(_) => digest == Digest::Sha384,
            Self::HmacSha512(_) => digest == Digest::Sha512,
            #[cfg(feature = "legacy")]
            Self::HmacMd5(_) => digest == Digest::Md5,
            #[cfg(feature = "sha3")]
            Self::HmacSha3_512(_) => digest == Digest::Sha3_512,
            #[cfg(feature = "sha3")]
            Self::HmacKeccak256(_) => digest == Digest::Keccak256,
            Self::Sha1(_) | Self::Sha256(_) | Self::Sha384(_) | Self::Sha512(_) => false,
            #[cfg(feature = "legacy")]
            Self::Md5(_) => false,
            #[cfg(feature = "sha3")]
            Self::Sha3_512(_) | Self::Keccak256(_) => false,
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

impl Digest {
    /// An empty running hash.
    pub(crate) fn start(self) -> Mac {
        match self {
            Self::Sha1 => Mac::Sha1(Sha1::new()),
            Self::Sha256 => Mac::Sha256(Sha256::new()),
            Self::Sha384 => Mac::Sha384(Box::default()),
            Self::Sha512 => Mac::Sha512(Box::default()),
            #[cfg(feature = "legacy")]
            Self::Md5 => Mac::Md5(Md5::new()),
            #[cfg(feature = "sha3")]
            Self::Sha3_512 => Mac::Sha3_512(Box::default()),
            #[cfg(feature = "sha3")]
            Self::Keccak256 => Mac::Keccak256(Box::default()),
        }
    }

    /// An empty HMAC under `key`, with both of its states keyed.
    pub(crate) fn start_hmac(self, key: &[u8]) -> Mac {
        match self {
            Self::Sha1 => Mac::HmacSha1(keyed(key)),
            Self::Sha256 => Mac::HmacSha256(HmacSha256::new(key)),
            Self::Sha384 => Mac::HmacSha384(Box::new(keyed(key))),
            Self::Sha512 => Mac::HmacSha512(Box::new(keyed(key))),
            #[cfg(feature = "legacy")]
            Self::Md5 => Mac::HmacMd5(keyed(key)),
            #[cfg(feature = "sha3")]
            Self::Sha3_512 => Mac::HmacSha3_512(Box::new(keyed(key))),
            #[cfg(feature = "sha3")]
            Self::Keccak256 => Mac::HmacKeccak256(Box::new(keyed(key))),
        }
    }

    /// The digest of one piece of data.
    pub(crate) fn of(self, data: &[u8]) -> Tag {
        let mut hash = self.start();
        hash.update(data);
        hash.finish()
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length, RFC 2104 section 2")]
    M::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    /// Of the empty message: FIPS 180-4, RFC 1321 appendix A.5, FIPS 202, and the Keccak team's test values.
    #[test]
    fn digests_have_their_published_values() {
        let published = [
            (
                "sha384",
                "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
            ),
            ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
            (
                "sha3-512",
                "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
            ),
            ("keccak256", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ];
        for (name, value) in published {
            match Digest::from_name(name) {
                Some(digest) => {
                    assert_eq!(Encoding::HexLower.encode(digest.of(b"").as_bytes()), value);
                    assert_eq!(digest.len() * 2, value.len());
                    assert_eq!(Digest::missing_feature(name), None);
                }
                None => assert!(Digest::missing_feature(name).is_some(), "{name}"),
            }
        }
    }

    /// RFC 2202 section 2 and RFC 4231 section 4.3, test case 2 of each.
    #[test]
    fn hmac_has_its_published_values() {
        let published = [
            ("md5", "750c783e6ab0b503eaa86e310a5db738"),
            (
                "sha384",
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
        ];
        for (name, value) in published {
            let Some(digest) = Digest::from_name(name) else { continue };
            let mut mac = digest.start_hmac(b"Jefe");
            mac.update(b"what do ya want ");
            mac.update(b"for nothing?");
            assert_eq!(Encoding::HexLower.encode(mac.finish().as_bytes()), value);
        }
    }

    #[test]
    fn is_hmac_is_true_only_for_hmac_with_that_hash() {
        for one in Digest::ALL {
            for other in Digest::ALL {
                assert_eq!(one.start_hmac(b"key").is_hmac(*other), one == other, "{one:?} {other:?}");
                assert!(!one.start().is_hmac(*other), "{one:?} {other:?}");
            }
        }
    }
}

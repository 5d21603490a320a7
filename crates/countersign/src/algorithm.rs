//! Keyed hashes: made ready once per secret, cloned per request.

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
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::{
    encoding::{Encoding, MAX_TAG},
    hmac_sha256::HmacSha256,
};

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
    /// MD5, 16 bytes. Collisions of it cost nothing, and only HMAC still stands.
    #[cfg(feature = "legacy")]
    Md5,
    /// SHA3-512, 64 bytes.
    #[cfg(feature = "sha3")]
    Sha3_512,
    /// Keccak-256 as Ethereum has it, 32 bytes: other padding than SHA3-256, other digests.
    #[cfg(feature = "sha3")]
    Keccak256,
}

impl Digest {
    /// Those that this build has.
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

    /// The word for it in scheme files.
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

    /// The cargo feature that has to be turned on before the hash of that name can be used, if it is off.
    pub(crate) fn missing_feature(name: &str) -> Option<&'static str> {
        match name {
            "md5" if !cfg!(feature = "legacy") => Some("legacy"),
            "sha3-512" | "keccak256" if !cfg!(feature = "sha3") => Some("sha3"),
            _ => None,
        }
    }

    /// Whether HMAC with it is still sound: collisions do not matter to HMAC, but nobody should begin with MD5.
    pub(crate) fn is_safe_for_hmac(self) -> bool {
        self.len() > 16
    }

    /// Whether two contents with one digest cannot be made; that plain hashes over a secret rest on.
    pub(crate) fn is_collision_resistant(self) -> bool {
        self.len() > 20
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

    /// An empty HMAC under `key`, both of its states already keyed.
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

    /// Whether `body`, hashed behind `before` other bytes, contains the padding with which the hash of a shorter one ends.
    ///
    /// Who knows a hash of secret and body, but not the secret, can compute the hash of the same with that padding and
    /// any text behind it. No sender writes such a body: the padding is a byte 0x80, zeros, and the length in bits of all
    /// that stands in front of it (FIPS 180-4 section 5.1; RFC 1321 section 3.1 has the length in the other byte order).
    /// The digests of SHA-3 hide half of the state or more, and cannot be extended.
    pub(crate) fn is_extension(self, before: usize, body: &[u8]) -> bool {
        let (block, length) = match self {
            Self::Sha1 | Self::Sha256 => (64, 8),
            Self::Sha384 | Self::Sha512 => (128, 16),
            #[cfg(feature = "legacy")]
            Self::Md5 => (64, 8),
            #[cfg(feature = "sha3")]
            Self::Sha3_512 | Self::Keccak256 => return false,
        };
        let first_end = (before / block + 1) * block;
        (first_end..=before + body.len()).step_by(block).any(|end| {
            let Some(tail) = body.get(..end - before) else {
                return false;
            };
            let padding = &tail[tail.len().saturating_sub(block + length)..];
            let Some((zeros, bits)) = padding.split_last_chunk::<8>() else {
                return false;
            };
            let Some(marker) = zeros.iter().rposition(|byte| *byte != 0).filter(|at| zeros[*at] == 0x80) else {
                return false;
            };
            let shorter = end - padding.len() + marker;
            self.length_in_padding(*bits) == (shorter as u64).wrapping_mul(8)
        })
    }

    fn length_in_padding(self, bits: [u8; 8]) -> u64 {
        match self {
            #[cfg(feature = "legacy")]
            Self::Md5 => u64::from_le_bytes(bits),
            _ => u64::from_be_bytes(bits),
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

/// A running hash, keyed or not. `Clone` copies the state: that is how a prepared key is used.
///
/// The states of SHA-512 and SHA-3 are boxed: hardly a provider uses them, and all others would move a value of twice the
/// size.
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

    /// Ends the data and gives the tag. Takes a reference, because the usual state is large and would be moved to be dropped.
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
            _ => false,
        }
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

/// Whether two texts are the same, in time that depends on their lengths alone. Those are no secret.
pub(crate) fn texts_are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A computed or presented tag: at most [`MAX_TAG`] bytes, the rest zero.
///
/// It has no `PartialEq`: [`Tag::equals`] is the only comparison, and it runs in constant time.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    bytes: [u8; MAX_TAG],
    len: usize,
}

impl Default for Tag {
    fn default() -> Self {
        Self { bytes: [0; MAX_TAG], len: 0 }
    }
}

impl Zeroize for Tag {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

impl Tag {
    #[inline]
    pub(crate) fn new<const LEN: usize>(bytes: [u8; LEN]) -> Self {
        let mut tag = [0; MAX_TAG];
        tag[..LEN].copy_from_slice(&bytes);
        Self { bytes: tag, len: LEN }
    }

    /// Becomes the tag of `len` bytes that `text` stands for. In place, because a move costs as much as the decoding.
    #[inline]
    pub(crate) fn decode(&mut self, encoding: Encoding, text: &[u8], len: usize) -> Option<()> {
        *self = Self { bytes: [0; MAX_TAG], len };
        encoding.decode_exactly(text, self.bytes.get_mut(..len)?)
    }

    /// A tag of these bytes; `None` if they are more than any has.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut tag = Self { bytes: [0; MAX_TAG], len: bytes.len() };
        tag.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(tag)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether both are the same bytes, in time that depends on their lengths alone. Those are no secret.
    #[inline]
    pub(crate) fn equals(&self, other: &Self) -> Choice {
        if self.len != other.len {
            return Choice::from(0);
        }
        let mut difference = 0;
        for at in 0..self.len.div_ceil(8) {
            difference |= self.word(at) ^ other.word(at);
        }
        difference.ct_eq(&0)
    }

    /// Eight bytes at a time, because `subtle` compares slices byte by byte behind a barrier each.
    fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[at * 8..at * 8 + 8]);
        u64::from_ne_bytes(word)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 section 5.1, for a message of `len` bytes.
    fn padding(digest: Digest, len: usize) -> Vec<u8> {
        let (block, length) = match digest {
            Digest::Sha384 | Digest::Sha512 => (128, 16),
            _ => (64, 8),
        };
        let zeros = (block - (len + 1 + length) % block) % block + length - 8;
        let bits = len as u64 * 8;
        let bits = if digest.name() == "md5" { bits.to_le_bytes() } else { bits.to_be_bytes() };
        [&[0x80][..], &vec![0; zeros], &bits].concat()
    }

    #[test]
    fn a_length_extension_is_recognised_whatever_the_lengths() {
        let can_be_extended = |digest: &&Digest| !["sha3-512", "keccak256"].contains(&digest.name());
        for digest in Digest::ALL.iter().copied().filter(|digest| can_be_extended(&digest)) {
            for before in 0..140 {
                for len in 0..140 {
                    let original = vec![b'{'; len];
                    assert!(!digest.is_extension(before, &original));
                    let extended = [&original[..], &padding(digest, before + len), b",\"amount\":1}"].concat();
                    assert!(digest.is_extension(before, &extended), "{digest:?} {before} {len}");
                    let other = [&original[..], &padding(digest, before + len + 1)].concat();
                    assert!(!digest.is_extension(before, &other), "{digest:?} {before} {len}");
                }
            }
        }
    }

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
    fn a_tag_is_wiped() {
        let mut tag = Digest::Sha512.of(b"one");
        tag.zeroize();
        assert_eq!(tag.bytes, [0; MAX_TAG]);
    }

    #[test]
    fn a_hash_knows_which_it_is() {
        for one in Digest::ALL.iter().filter(|digest| digest.name().starts_with("sha") && digest.name() != "sha3-512") {
            for other in Digest::ALL {
                assert_eq!(one.start_hmac(b"key").is_hmac(*other), one == other, "{one:?} {other:?}");
                assert!(!one.start().is_hmac(*other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn tags_are_equal_only_if_all_of_their_bytes_are() {
        let tag = Digest::Sha1.of(b"one");
        assert!(bool::from(tag.equals(&Digest::Sha1.of(b"one"))));
        for bit in 0..20 * 8 {
            let mut other = tag;
            other.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(tag.equals(&other)), "bit {bit}");
        }
        let longer = Tag { len: 21, ..tag };
        assert!(!bool::from(tag.equals(&longer)));
    }
}

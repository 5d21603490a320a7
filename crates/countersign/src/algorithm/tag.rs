//! Tags, and the only comparisons of them, which run in constant time.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::encoding::{Encoding, MAX_TAG};

/// A computed or presented tag: at most [`MAX_TAG`] bytes, the rest zero.
///
/// It has no `PartialEq`: [`Tag::equals`] is the only comparison, and it runs in constant time.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    bytes: [u8; MAX_TAG],
    len: usize,
}

impl Tag {
    #[inline]
    pub(crate) fn new<const LEN: usize>(bytes: [u8; LEN]) -> Self {
        let mut tag = [0; MAX_TAG];
        tag[..LEN].copy_from_slice(&bytes);
        Self { bytes: tag, len: LEN }
    }

    /// Decodes `text` into this tag of `len` bytes. In place, because a move would cost as much as the decoding.
    #[inline]
    pub(crate) fn decode(&mut self, encoding: Encoding, text: &[u8], len: usize) -> Option<()> {
        *self = Self { bytes: [0; MAX_TAG], len };
        encoding.decode_exactly(text, self.bytes.get_mut(..len)?)
    }

    /// A tag of these bytes; `None` if there are more than [`MAX_TAG`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut tag = Self { bytes: [0; MAX_TAG], len: bytes.len() };
        tag.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(tag)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether both are the same bytes, in time that depends only on their lengths, which are not secret.
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

    /// Eight bytes at a time: `subtle` compares slices byte by byte, with a barrier for each.
    fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[at * 8..at * 8 + 8]);
        u64::from_ne_bytes(word)
    }
}

impl Zeroize for Tag {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self { bytes: [0; MAX_TAG], len: 0 }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

/// Whether two texts are equal, in time that depends only on their lengths, which are not secret.
pub(crate) fn texts_are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Digest;

    #[test]
    fn a_tag_is_wiped() {
        let mut tag = Digest::Sha512.of(b"one");
        tag.zeroize();
        assert_eq!(tag.bytes, [0; MAX_TAG]);
    }

    #[test]
    fn tags_are_equal_only_if_all_bytes_are() {
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

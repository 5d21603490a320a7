//! Detects length extensions, to which a plain hash over a secret is vulnerable.

use super::Digest;

impl Digest {
    /// Whether `content` contains the padding that ends the hash of a shorter content.
    ///
    /// An attacker who knows a hash of secret and text, but not the secret, can compute the hash of the same text with
    /// that padding and any text after it. No sender writes such a text: the padding is a byte 0x80, zeros, and the
    /// length in bits of everything before it (FIPS 180-4 section 5.1; in RFC 1321 section 3.1 the length has the other
    /// byte order). The digests of SHA-3 hide half of the state or more, and cannot be extended.
    pub(crate) fn is_extension(self, content: &[u8]) -> bool {
        let (block, length) = match self {
            Self::Sha1 | Self::Sha256 => (64, 8),
            Self::Sha384 | Self::Sha512 => (128, 16),
            #[cfg(feature = "legacy")]
            Self::Md5 => (64, 8),
            #[cfg(feature = "sha3")]
            Self::Sha3_512 | Self::Keccak256 => return false,
        };
        (block..=content.len()).step_by(block).any(|end| {
            let padding = &content[end.saturating_sub(block + length)..end];
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
    fn a_length_extension_is_detected_for_all_lengths() {
        let can_be_extended = |digest: &&Digest| !["sha3-512", "keccak256"].contains(&digest.name());
        for digest in Digest::ALL.iter().copied().filter(|digest| can_be_extended(&digest)) {
            for before in 0..140 {
                for len in 0..140 {
                    let original = [vec![b's'; before], vec![b'{'; len]].concat();
                    assert!(!digest.is_extension(&original));
                    let extended = [&original[..], &padding(digest, before + len), b",\"amount\":1}"].concat();
                    assert!(digest.is_extension(&extended), "{digest:?} {before} {len}");
                    let other = [&original[..], &padding(digest, before + len + 1)].concat();
                    assert!(!digest.is_extension(&other), "{digest:?} {before} {len}");
                }
            }
        }
    }
}

//! SHA-256 (FIPS 180-4) as a running hash, on top of `sha2`'s compression function: two can take the same data side by
//! side.

use std::slice::from_ref;

use sha2::block_api::compress256;
use zeroize::Zeroizing;

pub(crate) const BLOCK: usize = 64;

/// FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The state of a hash between two blocks. Wiped, because the hashed data may have been a key.
pub(crate) type State = Zeroizing<[u32; 8]>;

/// A running hash.
#[derive(Clone)]
pub(crate) struct Sha256 {
    state: State,
    /// The current block: the first `filled` bytes are data, the others are zero.
    partial: [u8; BLOCK],
    filled: usize,
    taken: u64,
}

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self { state: Zeroizing::new(INITIAL), partial: [0; BLOCK], filled: 0, taken: 0 }
    }

    /// A hash whose state is that after its first block.
    #[inline]
    pub(crate) fn after_block(state: &[u32; 8]) -> Self {
        Self { state: Zeroizing::new(*state), partial: [0; BLOCK], filled: 0, taken: BLOCK as u64 }
    }

    /// A copy of a hash that has taken nothing after its first block. A clone would also copy the empty partial block.
    #[inline]
    pub(crate) fn restarted(&self) -> Self {
        Self::after_block(&self.state)
    }

    #[inline]
    pub(crate) fn update(&mut self, data: &[u8]) {
        let Some(data) = self.fill(data) else { return };
        let (blocks, rest) = data.as_chunks();
        if !blocks.is_empty() {
            compress256(&mut self.state, blocks);
        }
        self.keep(rest);
    }

    /// Updates two hashes with the same data. If the processor [has instructions for it](is_faster_side_by_side), that takes
    /// three quarters of the time that it takes one after the other: one hash goes on while the other waits for an
    /// instruction.
    pub(crate) fn update_both(first: &mut Self, second: &mut Self, data: &[u8]) {
        let ((of_first, first_rest), (of_second, second_rest)) =
            (first.fill(data).unwrap_or_default().as_chunks(), second.fill(data).unwrap_or_default().as_chunks());
        for (one, other) in of_first.iter().zip(of_second) {
            compress256(&mut first.state, from_ref(one));
            compress256(&mut second.state, from_ref(other));
        }
        // One hash may have fewer whole blocks left, because it had begun a block.
        let together = of_first.len().min(of_second.len());
        if of_first.len() != of_second.len() {
            compress256(&mut first.state, &of_first[together..]);
            compress256(&mut second.state, &of_second[together..]);
        }
        first.keep(first_rest);
        second.keep(second_rest);
    }

    /// Completes the current block, and returns the data after it; `None` if the block is not complete yet.
    #[inline]
    fn fill<'d>(&mut self, data: &'d [u8]) -> Option<&'d [u8]> {
        self.taken += data.len() as u64;
        if self.filled == 0 {
            return Some(data);
        }
        let (start, rest) = data.split_at(data.len().min(BLOCK - self.filled));
        self.partial[self.filled..][..start.len()].copy_from_slice(start);
        self.filled += start.len();
        if self.filled < BLOCK {
            return None;
        }
        compress256(&mut self.state, from_ref(&self.partial));
        (self.partial, self.filled) = ([0; BLOCK], 0);
        Some(rest)
    }

    /// Keeps the rest that is not a whole block. If there is a rest, the current block is empty.
    #[inline]
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.partial[..rest.len()].copy_from_slice(rest);
            self.filled = rest.len();
        }
    }

    /// Ends the data and returns the hash (FIPS 180-4 section 5.1.1); the state cannot be used afterwards. Takes a
    /// reference, because moving the state would cost as much as a block.
    #[inline]
    pub(crate) fn finish(&mut self) -> [u8; 32] {
        let Self { state, partial: block, filled, taken } = self;
        block[*filled] = 0x80;
        if *filled >= BLOCK - 8 {
            compress256(state, from_ref(block));
            *block = [0; BLOCK];
        }
        block[BLOCK - 8..].copy_from_slice(&(*taken * 8).to_be_bytes());
        compress256(state, from_ref(block));

        let mut bytes = [0; 32];
        for (target, word) in bytes.as_chunks_mut().0.iter_mut().zip(&**state) {
            *target = word.to_be_bytes();
        }
        bytes
    }
}

/// Whether two hashes side by side take less time than one after the other. They do if the processor has instructions
/// for SHA-256: each of these waits for the one before it. Without them, the processor is never idle.
pub(crate) fn is_faster_side_by_side() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The state after one block.
pub(crate) fn state_after(block: &[u8; BLOCK]) -> State {
    let mut state = Zeroizing::new(INITIAL);
    compress256(&mut state, from_ref(block));
    state
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    fn reference(data: &[u8]) -> [u8; 32] {
        sha2::Sha256::digest(data).into()
    }

    #[test]
    fn the_hash_equals_that_of_the_sha2_crate_however_the_data_is_split() {
        let data: Vec<u8> = (0..200).collect();
        for end in 0..=data.len() {
            let data = &data[..end];
            for cut in 0..=end {
                let mut hash = Sha256::new();
                hash.update(&data[..cut]);
                hash.update(&data[cut..]);
                assert_eq!(hash.finish(), reference(data), "{cut} {end}");
            }
        }
    }

    #[test]
    fn two_hashes_updated_side_by_side_equal_separate_ones() {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(300).collect();
        for (before_first, before_second) in [(0, 0), (0, 48), (48, 0), (64, 0), (63, 1), (1, 63), (130, 5), (5, 200)] {
            for end in 0..=data.len() {
                let (mut first, mut second) = (Sha256::new(), Sha256::new());
                first.update(&data[..before_first]);
                second.update(&data[..before_second]);
                Sha256::update_both(&mut first, &mut second, &data[..end]);
                let expected = |before: usize| reference(&[&data[..before], &data[..end]].concat());
                assert_eq!(first.finish(), expected(before_first), "{before_first} {end}");
                assert_eq!(second.finish(), expected(before_second), "{before_second} {end}");
            }
        }
    }
}

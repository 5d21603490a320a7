//! Sorts a secret among values of the request, in time that does not depend on the secret's bytes.
//!
//! An ordinary sort compares the secret with texts that the sender chose, and stops each comparison at the first
//! difference. From its time, a sender with many attempts could learn the secret byte by byte.

use std::iter;

use subtle::{Choice, ConstantTimeGreater as _, ConstantTimeLess as _};
use zeroize::Zeroizing;

/// The values and `times` copies of the secret, sorted by their bytes and concatenated.
///
/// The text is made once for each possible place of the secret, and all but the right one are masked.
pub(crate) fn with_secret(mut values: Vec<Vec<u8>>, secret: &[u8], times: usize) -> Zeroizing<Vec<u8>> {
    values.sort_unstable();
    let length = values.iter().map(Vec::len).sum::<usize>() + secret.len() * times;
    let mut sorted = Zeroizing::new(vec![0; length]);
    // The values are sorted, so those that are less than the secret come first.
    let mut before = Choice::from(1);
    for place in 0..=values.len() {
        let is_less = values.get(place).map_or(Choice::from(0), |value| is_less(value, secret));
        let mask = (before & !is_less).unwrap_u8().wrapping_neg();
        before = is_less;
        let (less, greater) = values.split_at(place);
        let secrets = iter::repeat_n(secret, times).flatten();
        let text = less.iter().flatten().chain(secrets).chain(greater.iter().flatten());
        sorted.iter_mut().zip(text).for_each(|(target, byte)| *target |= byte & mask);
    }
    sorted
}

/// Whether one sorts before the other, by bytes. Their lengths are not secret.
fn is_less(one: &[u8], other: &[u8]) -> Choice {
    let prefix = Choice::from(u8::from(one.len() < other.len()));
    // From the last byte to the first, so that each byte overrules those after it.
    one.iter().zip(other).rev().fold(prefix, |less, (one, other)| one.ct_lt(other) | (less & !one.ct_gt(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&[u8]; 11] =
        [b"", b"\0", b"0", b"00", b"1767225600", b"1767225601", b"A", b"a", b"a\0", b"ab", b"\xff\xff"];

    #[test]
    fn the_secret_is_where_an_ordinary_sort_puts_it() {
        for secret in TEXTS {
            for one in TEXTS {
                for other in TEXTS {
                    for times in 0..3 {
                        let mut all = vec![secret; times];
                        all.extend([one, other]);
                        all.sort_unstable();
                        let sorted = with_secret(vec![one.to_vec(), other.to_vec()], secret, times);
                        assert_eq!(*sorted, all.concat(), "{one:?} {other:?} {secret:?} {times}");
                    }
                }
            }
            assert_eq!(*with_secret(Vec::new(), secret, 1), secret);
        }
    }

    #[test]
    fn bytes_are_in_the_order_of_an_ordinary_comparison() {
        for one in TEXTS {
            for other in TEXTS {
                assert_eq!(bool::from(is_less(one, other)), one < other, "{one:?} {other:?}");
            }
        }
    }
}

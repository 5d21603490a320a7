//! Controls: comparisons and lookups that depend on a secret, in which valgrind must find errors. If it misses one, the
//! other results prove nothing.

use std::hint::black_box;

/// An operation on an undefined secret and a defined guess.
pub(crate) type Control = fn(secret: &[u8], guess: &[u8]) -> bool;

/// All controls, each with its name.
pub(crate) const ALL: [(&str, Control); 4] = [
    ("slices compared by ==", |secret, guess| black_box(secret) == black_box(guess)),
    ("a loop that ends at the first difference", ends_early),
    ("a table looked up by the secret", looks_up),
    ("the wrong key skipped", skips),
];

#[inline(never)]
fn ends_early(secret: &[u8], guess: &[u8]) -> bool {
    for (one, other) in secret.iter().zip(guess) {
        if one != other {
            return false;
        }
    }
    true
}

#[inline(never)]
fn looks_up(secret: &[u8], guess: &[u8]) -> bool {
    let table = black_box([3_u8; 256]);
    table[usize::from(secret[0])] == guess[0]
}

/// Compares all bytes, but continues only for the right key.
#[inline(never)]
fn skips(secret: &[u8], guess: &[u8]) -> bool {
    let difference = secret.iter().zip(guess).fold(0, |difference, (one, other)| difference | (one ^ other));
    if black_box(difference) != 0 {
        return false;
    }
    black_box(guess).contains(&0)
}

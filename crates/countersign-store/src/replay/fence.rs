//! Fences that whoever claims makes up, so that a store need not count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives fences: from a random start on, and no two the same.
///
/// Processes that share a store start 2⁶⁴ places apart at random. Two of them would have to give one number for one event
/// to be confused, which is about as likely as to guess it.
///
/// That the one who claims chooses the fence also lets it ask again when an answer got lost: a claim that is held under its
/// own fence is its own.
#[derive(Debug)]
pub(super) struct Fences(AtomicU64);

impl Fences {
    /// # Errors
    ///
    /// If the system has no randomness to give.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self(AtomicU64::new(getrandom::u64()?)))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_fences_are_the_same() {
        let (one, other) = (Fences::new().unwrap(), Fences::new().unwrap());
        let mut given: Vec<_> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 2000);
    }
}

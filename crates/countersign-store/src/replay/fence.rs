//! Fences that the claiming process chooses, so that a store need not count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts fences up from a random start, so that no two are the same.
///
/// Each process starts at a random one of 2⁶⁴ values. A store confuses the claims of two processes only if both choose
/// the same number for the same event, which is about as likely as guessing a fence. A copy of a running process (a
/// restored snapshot of its machine) continues with the same fences: start each process anew.
///
/// Since the process chooses the fence, it can repeat a claim whose answer was lost: a claim that is in progress under
/// its own fence is its own.
#[derive(Debug)]
pub(super) struct Fences(AtomicU64);

impl Fences {
    /// # Errors
    ///
    /// If the system has no randomness.
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

//! `BodyVariants`: the bodies to try, within a limit of memory.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use super::{BodyMistake, BodyVariant};

/// Bodies that differ from the received one and from each other.
pub(super) struct BodyVariants {
    bodies: Vec<BodyVariant>,
    /// Hashes instead of bodies. A collision skips one body, so at worst a cause is not found.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// How many more bytes may be kept.
    left: usize,
    is_complete: bool,
}

impl BodyVariants {
    pub(super) fn of(received: &[u8]) -> Self {
        let hasher = RandomState::new();
        let seen = HashSet::from([hasher.hash_one(received)]);
        Self { bodies: Vec::new(), seen, hasher, left: MAX_BYTES, is_complete: true }
    }

    /// Adds a body, if it is new and there is room.
    pub(super) fn add(&mut self, body: impl Into<Vec<u8>>, mistake: BodyMistake) {
        let mut body = body.into();
        if !self.seen.insert(self.hasher.hash_one(body.as_slice())) {
            return;
        }
        let Some(left) = self.left.checked_sub(body.len()) else {
            return self.leave_out();
        };
        self.left = left;
        body.shrink_to_fit();
        self.bodies.push(BodyVariant { body, mistake });
    }

    /// Notes that a body was left out because it is too long.
    pub(super) fn leave_out(&mut self) {
        self.is_complete = false;
    }

    /// Whether nothing was left out.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn into_bodies(self) -> Vec<BodyVariant> {
        self.bodies
    }
}

/// The limit of work of a search: more bodies would never be tried.
const MAX_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_is_kept_once_and_only_while_there_is_room() {
        let mut variants = BodyVariants::of(b"received");
        for body in ["received", "a", "a"] {
            variants.add(body, BodyMistake::Unsigned);
        }
        variants.add(vec![0; MAX_BYTES - 1], BodyMistake::Unsigned);
        assert!(variants.is_complete());
        variants.add("b", BodyMistake::Unsigned);
        assert!(!variants.is_complete());
        assert_eq!(variants.into_bodies().len(), 2);
    }
}

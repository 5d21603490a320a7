//! The bodies that are worth a trial, under a limit of memory.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use super::{BodyMistake, BodyVariant};

/// Bodies that differ from the one that came and from each other.
pub(super) struct BodyVariants {
    bodies: Vec<BodyVariant>,
    /// Hashes in place of bodies: to pass one over by chance costs no more than a cause.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// How many more bytes may be kept.
    left: usize,
    is_complete: bool,
}

impl BodyVariants {
    pub(super) fn beside(came: &[u8]) -> Self {
        let hasher = RandomState::new();
        let seen = HashSet::from([hasher.hash_one(came)]);
        Self { bodies: Vec::new(), seen, hasher, left: MAX_BYTES, is_complete: true }
    }

    /// Keeps a body, if it is a new one and there is room.
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

    /// Notes that there is one more, which is too long to be made.
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

/// As much as a search hashes at most: what is beyond is never tried.
const MAX_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_is_kept_once_and_no_more_than_there_is_room_for() {
        let mut variants = BodyVariants::beside(b"came");
        for body in ["came", "a", "a"] {
            variants.add(body, BodyMistake::Unsigned);
        }
        variants.add(vec![0; MAX_BYTES - 1], BodyMistake::Unsigned);
        assert!(variants.is_complete());
        variants.add("b", BodyMistake::Unsigned);
        assert!(!variants.is_complete());
        assert_eq!(variants.into_bodies().len(), 2);
    }
}

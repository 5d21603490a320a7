//! Finds the key that made one of the tags that a request brings.

use subtle::Choice;

use crate::{algorithm::Tag, evidence::Tags, rejection::Rejection, scheme::Scheme};

/// Looks for the key that made one of the tags, in time that does not depend on which it is.
#[derive(Default)]
pub(crate) struct Search {
    keys: usize,
    found: Option<usize>,
}

impl Search {
    /// Compares the tag that key `at` would make with every tag of the request.
    pub(crate) fn compare(&mut self, at: usize, expected: &Tag, scheme: &Scheme, tags: &Tags<'_>) {
        let mut matches = Choice::from(0);
        tags.each(scheme, |tag| matches |= tag.equals(expected));
        // That this key made the signature is the verdict, which the answer tells anyway.
        self.add(at, bool::from(matches));
    }

    /// Takes what key `at` was found to prove.
    pub(crate) fn add(&mut self, at: usize, matches: bool) {
        self.keys += 1;
        if matches {
            self.found = self.found.or(Some(at));
        }
    }

    pub(crate) fn verdict(self) -> Result<usize, Rejection> {
        match self {
            Self { keys: 0, .. } => Err(Rejection::UnknownKey),
            Self { found, .. } => found.ok_or(Rejection::Signature),
        }
    }
}

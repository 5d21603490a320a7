//! Finds the key that made one of a request's tags, in constant time.

use subtle::Choice;

use crate::{
    algorithm::Tag,
    evidence::Tags,
    rejection::Rejection,
    scheme::{Scheme, UrlForm},
};

/// A candidate for the maker of a signature: a key, and a form of the URL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker {
    pub(crate) key: usize,
    pub(crate) form: UrlForm,
}

/// Searches for the key that made one of the tags, in time that does not depend on which key it is.
#[derive(Default)]
pub(crate) struct Search {
    keys: usize,
    found: Option<Maker>,
}

impl Search {
    /// Compares the tag that `maker` would make with every tag of the request.
    #[inline]
    pub(crate) fn compare(&mut self, maker: Maker, expected: &Tag, scheme: &Scheme, tags: &Tags<'_>) {
        let mut matches = Choice::from(0);
        tags.each(scheme, |tag| matches |= tag.equals(expected));
        self.add_choice(maker, matches);
    }

    /// Compares the tag that `maker` would make with the only tag of the request.
    #[inline]
    pub(crate) fn compare_only(&mut self, maker: Maker, expected: &Tag, tag: &Tag) {
        self.add_choice(maker, tag.equals(expected));
    }

    #[inline]
    fn add_choice(&mut self, maker: Maker, matches: Choice) {
        // This branch is safe: whether a key matched is the verdict, which the answer reveals anyway.
        self.add(maker, bool::from(matches));
    }

    /// Adds whether `maker` matched.
    pub(crate) fn add(&mut self, maker: Maker, matches: bool) {
        self.keys += 1;
        if matches {
            self.found = self.found.or(Some(maker));
        }
    }

    /// Adds a key, and the form of the URL for which it verified the request, if there is one.
    pub(crate) fn add_form(&mut self, key: usize, form: Option<UrlForm>) {
        self.add(Maker { key, form: form.unwrap_or(UrlForm::AsIs) }, form.is_some());
    }

    pub(crate) fn verdict(self) -> Result<Maker, Rejection> {
        match self {
            Self { keys: 0, .. } => Err(Rejection::UnknownKey),
            Self { found, .. } => found.ok_or(Rejection::Signature),
        }
    }
}

//! `Check`: a value of a request that must match, most often a hash of the body.

use super::{Part, Source};
use crate::{algorithm::Digest, content::Settings, encoding::Encoding};

/// A value of the request that must match, most often a hash of the body.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) source: Source,
    pub(crate) equals: Equals,
    /// Whether it may be missing. Such a check covers nothing.
    pub(crate) optional: bool,
    /// Whether it may be missing if the body is empty.
    pub(crate) unless_empty: bool,
    /// Whether the value names the key, so that another value means an unknown key.
    pub(crate) names_key: bool,
    /// The setting without which the check is skipped.
    pub(crate) if_set: Option<String>,
}

impl Check {
    /// Whether the check is skipped because the receiver did not configure its setting.
    pub(crate) fn is_off(&self, settings: &Settings) -> bool {
        self.if_set.as_ref().is_some_and(|name| !settings.contains_key(name))
    }

    /// The digest of the body that it compares with.
    pub(crate) fn body_digest(&self) -> Option<Digest> {
        match self.equals {
            Equals::BodyHash(digest, _) => Some(digest),
            Equals::Body | Equals::Text(_) => None,
        }
    }

    /// Whether it compares the body with a value of the request.
    pub(crate) fn is_of_body(&self) -> bool {
        matches!(self.equals, Equals::Body | Equals::BodyHash(..))
    }

    pub(super) fn needs_public_url(&self) -> bool {
        match &self.equals {
            Equals::Body | Equals::BodyHash(..) => false,
            Equals::Text(texts) => texts.iter().flatten().any(Part::needs_public_url),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Equals {
    /// The body itself, as a claim of a token.
    Body,
    /// The body's digest, in one of these encodings.
    BodyHash(Digest, Vec<Encoding>),
    /// One of these texts.
    Text(Vec<Vec<Part>>),
}

//! Values of a request that must be what they should be.

use super::{Part, Source};
use crate::{algorithm::Digest, content::Settings, encoding::Encoding};

/// A value of the request that must be what it should be: a hash of the body, most often.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) source: Source,
    pub(crate) equals: Equals,
    /// Whether it may be missing. Such a check covers nothing.
    pub(crate) optional: bool,
    /// Whether it may be missing if the body is empty.
    pub(crate) unless_empty: bool,
    /// Whether the value names the key, so that another one is that of an unknown key.
    pub(crate) names_key: bool,
    /// The setting without which it is left out.
    pub(crate) if_set: Option<String>,
}

impl Check {
    /// Whether it is left out, because the receiver did not configure what it is for.
    pub(crate) fn is_off(&self, settings: &Settings) -> bool {
        self.if_set.as_ref().is_some_and(|name| !settings.contains_key(name))
    }

    /// The digest of the body that it takes.
    pub(crate) fn body_digest(&self) -> Option<Digest> {
        match self.equals {
            Equals::BodyHash(digest, _) => Some(digest),
            Equals::Body | Equals::Text(_) => None,
        }
    }

    /// Whether it holds the body against what the request says of it.
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
    /// The body itself: a token can have it among its claims.
    Body,
    /// The body's digest, in one of these encodings.
    BodyHash(Digest, Vec<Encoding>),
    /// One of these texts.
    Text(Vec<Vec<Part>>),
}

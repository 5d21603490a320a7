//! What a scheme says of the signature: where it stands, how it is laid out, and what it signs.

use super::{Algorithm, Expected, Part, Source, Syntax};
use crate::{algorithm::Digest, encoding::Encoding, json::Pointer};

#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) source: Source,
    /// Whether the tags of all headers of `source` and of all their lines count.
    pub(crate) every: bool,
    pub(crate) unwrap: Option<Unwrap>,
    pub(crate) syntax: Syntax,
    /// Whether the delivery's id stands in the signature's text.
    pub(crate) carries_id: bool,
    /// The name of our key, where the text names the key of each tag.
    pub(crate) key_name: Option<Expected>,
    /// Text that may stand behind the signed content or not.
    pub(crate) optional_end: Box<[u8]>,
    /// The hash that is signed in place of the content.
    pub(crate) prehash: Option<Digest>,
    pub(crate) signs: Option<String>,
    pub(crate) parts: Vec<Part>,
}

impl Signature {
    /// What a private key signs for this content: itself, or its hash.
    pub(crate) fn prehashed(&self, content: Vec<u8>) -> Vec<u8> {
        match self.prehash {
            Some(digest) => digest.of(&content).as_bytes().to_vec(),
            None => content,
        }
    }
}

/// What is done to the text of the signature's place before its layout is read.
#[derive(Clone, Debug)]
pub(crate) struct Unwrap {
    pub(crate) encoding: Option<Encoding>,
    pub(crate) json: Option<Pointer>,
}

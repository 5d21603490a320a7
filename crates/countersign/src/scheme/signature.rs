//! `Signature`: where the signature is, its layout, and what it signs.

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
    /// Whether the delivery's id is in the signature's text.
    pub(crate) carries_id: bool,
    /// The name of our key, if the text names the key of each tag.
    pub(crate) key_name: Option<Expected>,
    /// Text that may follow the signed content or not.
    pub(crate) optional_end: Box<[u8]>,
    /// The hash that is signed instead of the content.
    pub(crate) prehash: Option<Digest>,
    pub(crate) signs: Option<String>,
    pub(crate) parts: Vec<Part>,
}

impl Signature {
    /// What a private key signs for this content: the content itself, or its hash.
    pub(crate) fn prehashed(&self, content: Vec<u8>) -> Vec<u8> {
        match self.prehash {
            Some(digest) => digest.of(&content).as_bytes().to_vec(),
            None => content,
        }
    }
}

/// How the text at the signature's place is unwrapped before its layout is read.
#[derive(Clone, Debug)]
pub(crate) struct Unwrap {
    pub(crate) encoding: Option<Encoding>,
    pub(crate) json: Option<Pointer>,
}

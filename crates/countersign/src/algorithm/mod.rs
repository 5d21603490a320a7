//! Hashes and keyed hashes, the tags that they make, and the comparison of those.

mod digest;
mod extension;
mod mac;
mod tag;

pub(crate) use digest::Digest;
pub(crate) use mac::Mac;
pub(crate) use tag::{Tag, texts_are_equal};

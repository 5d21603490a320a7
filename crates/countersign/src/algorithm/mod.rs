//! Hashes and keyed hashes, their tags, and the comparison of tags.

mod digest;
mod extension;
mod mac;
mod tag;

pub(crate) use digest::Digest;
pub(crate) use mac::Mac;
pub(crate) use tag::{Tag, texts_are_equal};

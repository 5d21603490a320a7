//! Checks and writes the header `Content-Digest`, RFC 9530 section 2.

use std::sync::Arc;

use super::{CONTENT_DIGEST, joined, place};
use crate::{
    algorithm::{Digest, Tag},
    content::malformed_value,
    encoding::Encoding,
    head::Head,
    rejection::{Problem, Rejection},
    structured_fields::{self, Bare, Item, Value},
};

/// The hashes that RFC 9530 section 5 calls active. Members with other hashes are ignored.
const KNOWN: [(&str, Digest); 2] = [("sha-256", Digest::Sha256), ("sha-512", Digest::Sha512)];

/// The longest header, in bytes.
const MAX_FIELD: usize = 2048;

/// The most digests in it.
const MAX_DIGESTS: usize = 16;

/// Checks the body against every known digest of the header. There must be at least one.
pub(crate) fn check_body(head: Head<'_>, body: &[u8]) -> Result<(), Rejection> {
    let place = place(&CONTENT_DIGEST);
    let malformed = |problem| malformed_value(place.to_string(), problem);
    let text = joined(head.headers, &CONTENT_DIGEST).ok_or_else(|| malformed(Problem::Missing))?;
    if text.len() > MAX_FIELD {
        return Err(malformed(Problem::TooLong));
    }
    let members = structured_fields::dictionary(&text, MAX_DIGESTS).ok_or_else(|| malformed(Problem::Layout))?;
    if members.len() > MAX_DIGESTS {
        return Err(malformed(Problem::TooMany));
    }
    let mut is_checked = false;
    for member in members {
        let Some((_, digest)) = KNOWN.iter().find(|(name, _)| *name == member.name) else { continue };
        let Value::Item(Item { bare: Bare::Bytes(told), .. }) = &member.value else {
            return Err(malformed(Problem::Encoding));
        };
        let told = Tag::from_bytes(told).filter(|told| told.as_bytes().len() == digest.len());
        let told = told.ok_or_else(|| malformed(Problem::Encoding))?;
        if !bool::from(digest.of(body).equals(&told)) {
            return Err(Rejection::BodyHash { place: Arc::clone(&place) });
        }
        is_checked = true;
    }
    if is_checked { Ok(()) } else { Err(malformed(Problem::UnknownVersion)) }
}

/// The value of the header for a body, as the signer writes it.
pub(crate) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", Encoding::Base64.encode(Digest::Sha256.of(body).as_bytes()))
}

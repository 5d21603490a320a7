//! JSON: one document, and nothing behind it.

use countersign::Rejection;
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

use super::{malformed, misfit, without_bom};

/// Reads a JSON document. What `T` looks at is nested up to `serde_json`'s 128 levels; what it ignores is skipped however deep
/// it is, without recursion.
///
/// # Errors
///
/// [`Rejection::Payload`] if it is not one document, in UTF-8 wherever `T` looks, or does not fit `T`. A byte order mark in
/// front is passed over, as RFC 8259 section 8.1 allows: the signature covers it, and the sender would send it again.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let body = without_bom(body);
    // Paths cost time on every field, so only a document that does not fit is read with them.
    serde_json::from_slice(body).or_else(|_| read_with_path(body))
}

fn read_with_path<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let mut document = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let value = T::deserialize(serde_path_to_error::Deserializer::new(&mut document, &mut track))
        .map_err(|error| misfit(&track.path(), &error))?;
    document.end().map_err(|error| malformed(error.to_string()))?;
    Ok(value)
}

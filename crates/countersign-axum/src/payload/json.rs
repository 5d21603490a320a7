//! JSON: one document, and nothing after it.

use countersign::Rejection;
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

use super::{malformed, misfit, without_bom};

/// Reads a JSON document. Values that `T` reads may be nested up to `serde_json`'s 128 levels; values that it ignores are skipped
/// at any depth, without recursion.
///
/// # Errors
///
/// [`Rejection::Payload`] if it is not one document, if a value that `T` reads is not UTF-8, or if it does not fit `T`. A leading
/// byte order mark is ignored, as RFC 8259 section 8.1 allows: the sender's retry would have it too.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let body = without_bom(body);
    // Tracking paths costs time on every field, so only a document that does not fit is read again with it.
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

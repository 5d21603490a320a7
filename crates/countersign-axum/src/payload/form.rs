//! Forms: `name=value` pairs, URL-encoded.

use countersign::Rejection;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;

use super::{malformed, misfit, without_bom};

/// Reads a form. A name that occurs several times is a `Vec`.
///
/// GitHub and others can send JSON in one field of a form: take that field as a `String`, and read it with
/// [`json::read`](super::json::read).
///
/// # Errors
///
/// [`Rejection::Payload`] if the text is not UTF-8, is a JSON or XML document, or does not fit `T`.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    if is_document(body) {
        return Err(malformed("this is a JSON or XML document, not a form"));
    }
    // The form reader itself would replace invalid UTF-8 by U+FFFD.
    if percent_decode(body).decode_utf8().is_err() {
        return Err(malformed("the form is not UTF-8"));
    }
    let mut track = Track::new();
    let form = serde_html_form::Deserializer::from_bytes(body);
    T::deserialize(serde_path_to_error::Deserializer::new(form, &mut track))
        .map_err(|error| misfit(&track.path(), &error))
}

/// Whether it begins like JSON or XML. Read as a form, such a document is one pair with a strange name, which fits any `T` with
/// only optional fields: an attacker who changes the unsigned content type could make an event look empty.
fn is_document(body: &[u8]) -> bool {
    let first = without_bom(body).iter().find(|byte| **byte > b' ');
    matches!(first, Some(b'{' | b'[' | b'"' | b'<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_or_xml_document_is_no_form_whatever_precedes_it() {
        for text in ["{\"a\":1}", " \t[1]", "\u{feff}{\"a\":1}", "\u{feff}\n<a/>", "\x0b{\"a\":1}", "\"a\""] {
            assert!(is_document(text.as_bytes()), "{text:?}");
        }
        assert!(!is_document(b"a=%7B") && !is_document(b""));
    }
}

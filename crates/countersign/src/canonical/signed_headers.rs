//! Hook0 and who builds on it: names of headers, their values and the body, with full stops between them. The time in
//! front of them is the scheme file's.
//!
//! The names stand in the item `h=` of the signature's header, which may be missing: then no header is signed.
//!
//! Sources: <https://docs.cdp.coinbase.com/webhooks/verify-signatures>, <https://documentation.hook0.com/tutorials/webhook-authentication>

use super::{header, header_names, signature, signature_item};
use crate::{
    content::{Content, malformed_value},
    rejection::{Problem, Rejection},
};

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let place = content.scheme.signature.source.to_string();
    let signature = signature(content)?;
    let list = signature_item(content, &signature, "h=")?;
    // A stop in a name would end the list earlier for another reader.
    if list.contains('.') {
        return Err(malformed_value(place, Problem::Layout));
    }
    let names = header_names(list.split(' ').filter(|name| !name.is_empty()), &place)?;
    let mut text = list.as_bytes().to_vec();
    text.push(b'.');
    for (at, (_, name)) in names.iter().enumerate() {
        let value = header(content, name)?;
        // How many values there are is signed. If only the last may go on behind a stop, each value has one place.
        if at + 1 < names.len() && value.contains(&b'.') {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains the full stop that ends it" });
        }
        if value.windows(2).any(|pair| matches!(pair, b".{" | b".[")) || value.ends_with(b".") {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains what begins the body" });
        }
        text.extend_from_slice(if at == 0 { b"" } else { b"." });
        text.extend_from_slice(&value);
    }
    // The body begins where no value can go on.
    if !names.is_empty() && !matches!(body.first(), Some(b'{' | b'[')) {
        return Err(Rejection::AmbiguousContent {
            rule: "the body does not begin like JSON, which tells it from a header",
        });
    }
    text.push(b'.');
    text.extend_from_slice(body);
    Ok(text)
}

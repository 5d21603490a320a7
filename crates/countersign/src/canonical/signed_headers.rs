//! The canonical form of Hook0 and its users: names of headers, their values and the body, separated by full stops. The
//! scheme file puts the time in front.
//!
//! The names are the item `h=` of the signature's header. If that is missing, no header is signed.
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
    // Another reader would end the list at a full stop in a name.
    if list.contains('.') {
        return Err(malformed_value(place, Problem::Layout));
    }
    let names = header_names(list.split(' ').filter(|name| !name.is_empty()), &place)?;
    let mut text = list.as_bytes().to_vec();
    text.push(b'.');
    for (at, (_, name)) in names.iter().enumerate() {
        let value = header(content, name)?;
        // The number of values is signed. If only the last value may contain a full stop, each value has one place.
        if at + 1 < names.len() && value.contains(&b'.') {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains the full stop that ends it" });
        }
        if value.windows(2).any(|pair| matches!(pair, b".{" | b".[")) || value.ends_with(b".") {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains what begins the body" });
        }
        text.extend_from_slice(if at == 0 { b"" } else { b"." });
        text.extend_from_slice(&value);
    }
    // No value has a full stop before such a byte, so it is clear where the last value ends and the body begins.
    if !names.is_empty() && !matches!(body.first(), Some(b'{' | b'[')) {
        return Err(Rejection::AmbiguousContent {
            rule: "the body does not begin like JSON, so it cannot be told from a header",
        });
    }
    text.push(b'.');
    text.extend_from_slice(body);
    Ok(text)
}

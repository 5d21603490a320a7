//! Hook0 and who builds on it: names of headers, their values and the body, with full stops between them. The time in
//! front of them is the scheme file's.
//!
//! The names stand in the item `h=` of the signature's header, which may be missing: then no header is signed.
//!
//! Sources: <https://docs.cdp.coinbase.com/webhooks/verify-signatures>, <https://documentation.hook0.com/tutorials/webhook-authentication>

use super::{header, header_names, signature, signature_item};
use crate::{content::Content, rejection::Rejection};

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let place = content.scheme.signature.source.to_string();
    let signature = signature(content)?;
    let list = signature_item(content, &signature, "h=")?;
    let names = header_names(list.split(' ').filter(|name| !name.is_empty()), &place)?;
    let mut text = list.as_bytes().to_vec();
    text.push(b'.');
    let mut with_stop = 0;
    for (at, (_, name)) in names.iter().enumerate() {
        let value = header(content, name)?;
        if value.contains(&b'.') {
            with_stop += 1;
        }
        if value.windows(2).any(|pair| matches!(pair, b".{" | b".[")) || value.ends_with(b".") {
            return Err(Rejection::AmbiguousContent { rule: "a signed header contains what begins the body" });
        }
        text.extend_from_slice(if at == 0 { b"" } else { b"." });
        text.extend_from_slice(&value);
    }
    // How many values there are is signed. If one of them has all the full stops, each value has one place.
    if with_stop > 1 {
        return Err(Rejection::AmbiguousContent { rule: "two signed headers contain the full stop that ends them" });
    }
    // And the body begins where no value can go on.
    if !names.is_empty() && !matches!(body.first(), Some(b'{' | b'[')) {
        return Err(Rejection::AmbiguousContent {
            rule: "the body does not begin like JSON, which tells it from a header",
        });
    }
    text.push(b'.');
    text.extend_from_slice(body);
    Ok(text)
}

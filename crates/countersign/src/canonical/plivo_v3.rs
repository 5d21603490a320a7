//! Plivo's canonical form, version 3: the URL with its query sorted, and the sorted names and values of the form body.
//!
//! The scheme file adds a full stop and the nonce. The names and values of the form body have no separators, so several
//! forms make the same text.
//!
//! Source: `dist/utils/v3Security.js` of `plivo` 4.79.0.

use http::Method;

use crate::{
    content::{Content, sorted},
    rejection::Rejection,
    scheme::{FormRule, Source, UrlForm},
};

pub(super) fn covers(source: &Source) -> bool {
    matches!(source, Source::Query(_) | Source::Form(_) | Source::FormJson(..))
}

pub(super) fn write(content: &Content<'_>, body: &[u8], form: UrlForm) -> Result<Vec<u8>, Rejection> {
    let mut text = Vec::with_capacity(body.len() + 256);
    if let Some(url) = content.public_url {
        url.write_base(content.head.uri, form, &content.scheme.url, &mut |piece| text.extend_from_slice(piece));
    }
    let in_query = FormRule { between: "=".to_owned(), join: "&".to_owned(), ..FormRule::default() };
    let query = sorted(&in_query, content.head.uri.query().unwrap_or_default().as_bytes())?;
    let has_form = content.head.method != Method::GET;
    if !has_form && !body.is_empty() {
        return Err(Rejection::AmbiguousContent { rule: "a GET request has no form, so its body is not signed" });
    }
    let form = if has_form { sorted(&FormRule::default(), body)? } else { Vec::new() };
    if !query.is_empty() || !form.is_empty() {
        text.push(b'?');
    }
    text.extend_from_slice(&query);
    if !query.is_empty() && !form.is_empty() {
        text.push(b'.');
    }
    text.extend_from_slice(&form);
    Ok(text)
}

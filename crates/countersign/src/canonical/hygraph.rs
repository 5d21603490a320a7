//! Hygraph's canonical form: a JSON object of the body as a string and the environment's name. The scheme file adds the
//! time.
//!
//! The name is the item `env=` of the signature's header, so an endpoint need not know it.
//!
//! Source: `index.js` of `@hygraph/utils` 1.2.1.

use super::{signature, signature_item};
use crate::{
    content::{Content, as_json_string},
    rejection::Rejection,
};

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let signature = signature(content)?;
    let environment = signature_item(content, &signature, "env=")?;
    let mut text = b"{\"Body\":".to_vec();
    text.extend_from_slice(&as_json_string(body)?);
    text.extend_from_slice(b",\"EnvironmentName\":");
    text.extend_from_slice(&as_json_string(environment.as_bytes())?);
    Ok(text)
}

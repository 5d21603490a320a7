//! Hygraph: a JSON object of the body as a string and the environment's name. The time behind them is the scheme file's.
//!
//! The name stands in the item `env=` of the signature's header: an endpoint need not know it.
//!
//! Source: `index.js` of `@hygraph/utils` 1.2.1.

use super::signature;
use crate::{
    content::{Content, as_json_string, malformed_value},
    rejection::{Problem, Rejection},
};

pub(super) fn write(content: &Content<'_>, body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let signature = signature(content)?;
    let mut items = signature.split(',').filter_map(|item| item.trim().strip_prefix("env="));
    let environment = items.next().unwrap_or_default();
    if items.next().is_some() {
        return Err(malformed_value(content.scheme.signature.source.to_string(), Problem::Conflicting));
    }
    let mut text = b"{\"Body\":".to_vec();
    text.extend_from_slice(&as_json_string(body)?);
    text.extend_from_slice(b",\"EnvironmentName\":");
    text.extend_from_slice(&as_json_string(environment.as_bytes())?);
    Ok(text)
}

//! A request that is being signed, and how values are put into it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Uri, request::Parts, uri::PathAndQuery};

use super::SignError;
use crate::{head::parameter, json::Pointer, multipart, scheme::Source};

/// A request that is being signed.
pub(super) struct Draft {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Draft {
    pub(super) fn put(&mut self, source: &Source, text: &str) -> Result<(), SignError> {
        self.put_value(source, text, || serde_json::Value::from(text))
    }

    pub(super) fn put_time(&mut self, source: &Source, text: &str, number: bool) -> Result<(), SignError> {
        self.put_value(source, text, || match text.parse::<i64>() {
            Ok(value) if number => value.into(),
            _ => text.into(),
        })
    }

    fn put_value(
        &mut self,
        source: &Source,
        text: &str,
        json: impl FnOnce() -> serde_json::Value,
    ) -> Result<(), SignError> {
        let unprintable = || SignError::Unprintable { place: source.to_string() };
        match source {
            Source::Header(names) => {
                let value = HeaderValue::from_str(text).map_err(|_| unprintable())?;
                // The list of names in a scheme is never empty.
                if let Some(name) = names.first() {
                    names.iter().skip(1).for_each(|other| drop(self.parts.headers.remove(other)));
                    self.parts.headers.insert(name, value);
                }
                Ok(())
            }
            Source::Query(name) => {
                let query = replaced(self.parts.uri.query().unwrap_or_default(), name, text);
                let path_and_query = format!("{}?{query}", self.parts.uri.path());
                let path_and_query = PathAndQuery::try_from(path_and_query).map_err(|_| unprintable())?;
                let mut uri = std::mem::take(&mut self.parts.uri).into_parts();
                uri.path_and_query = Some(path_and_query);
                self.parts.uri = Uri::from_parts(uri).map_err(|_| unprintable())?;
                Ok(())
            }
            Source::Form(name) => {
                let unfit = || SignError::Body { place: source.to_string() };
                // A field of multipart form data can be read, but not written.
                if multipart::boundary(&self.body).is_some() {
                    return Err(unfit());
                }
                let form = std::str::from_utf8(&self.body).map_err(|_| unfit())?;
                self.body = replaced(form, name, text).into();
                Ok(())
            }
            Source::Json(pointer) => {
                self.body = set_json(&self.body, pointer, json())
                    .ok_or_else(|| SignError::Body { place: source.to_string() })?
                    .into();
                Ok(())
            }
            Source::FormJson(name, pointer) => {
                let unfit = || SignError::Body { place: source.to_string() };
                let document = parameter(name, &self.body).map_err(|_| unfit())?.unwrap_or(Cow::Borrowed(b"{}"));
                let document = set_json(&document, pointer, json()).ok_or_else(unfit)?;
                let document = String::from_utf8(document).map_err(|_| unfit())?;
                self.put(&Source::Form(name.clone()), &document)
            }
            Source::Body => {
                self.body = text.to_owned().into();
                Ok(())
            }
            // Claims are added when the token is made.
            Source::Claim(_) => Ok(()),
        }
    }
}

/// URL-encoded text in which `name` has exactly one value.
fn replaced(encoded: &str, name: &str, value: &str) -> String {
    let keep = |pair: &&str| {
        let parsed = form_urlencoded::parse(pair.as_bytes()).next();
        !pair.is_empty() && parsed.is_none_or(|(other, _)| other != name)
    };
    let mut pairs: Vec<Cow<'_, str>> = encoded.split('&').filter(keep).map(Cow::Borrowed).collect();
    pairs.push(form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish().into());
    pairs.join("&")
}

/// The document with `value` at `pointer`; `None` if it is not JSON or has no object or array to hold the value.
fn set_json(body: &[u8], pointer: &Pointer, value: serde_json::Value) -> Option<Vec<u8>> {
    let mut document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let (last, way) = pointer.tokens().split_last()?;
    let mut at = &mut document;
    for token in way {
        at = match at {
            serde_json::Value::Object(map) => map.get_mut(token)?,
            serde_json::Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match at {
        serde_json::Value::Object(map) => drop(map.insert(last.clone(), value)),
        serde_json::Value::Array(items) => *items.get_mut(last.parse::<usize>().ok()?)? = value,
        _ => return None,
    }
    serde_json::to_vec(&document).ok()
}

//! Signs requests as a provider would: for tests, for `countersign send`, and to pass deliveries on.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, request::Parts, uri::PathAndQuery};
use zeroize::Zeroizing;

use crate::{
    algorithm::Digest,
    config::{ConfigError, IntoScheme, IntoSecret},
    content::{Content, sorted_form},
    encoding::Encoding,
    head::{Head, look_up},
    json::Pointer,
    rejection::Rejection,
    scheme::{Algorithm, Hole, Scheme, Source},
    timestamp::Timestamp,
    verifier::Verifier,
};

/// Signs requests by a scheme, with one secret.
///
/// ```
/// use countersign::{Signer, Timestamp, Verifier, providers};
///
/// let now = Timestamp::from_unix_seconds(1_767_225_600);
/// let signer = Signer::new(providers::STRIPE, "whsec_for_this_test")?;
/// let (parts, body) = signer.sign(http::Request::post("/hooks").body(r#"{"id":"evt_1"}"#)?, now)?.into_parts();
///
/// let verifier = Verifier::new(providers::STRIPE, "whsec_for_this_test")?;
/// assert_eq!(verifier.verify(&parts, body, now)?.event_id().map(|id| id.to_string()), Some("evt_1".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signer {
    verifier: Verifier,
    secret: Zeroizing<Vec<u8>>,
}

/// Why a request could not be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The scheme puts something into the JSON or form body, and the body is none, or has no place for it.
    Body {
        /// Where it would stand.
        place: String,
    },
    /// The scheme signs a value that the request does not have, or that the verifier would refuse.
    Refused(Rejection),
    /// A value cannot stand in a header or URL.
    Unprintable {
        /// Where it would stand.
        place: String,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body { place } => write!(f, "the scheme writes {place}, and the body has no place for it"),
            Self::Refused(rejection) => write!(f, "the request cannot be signed: {rejection}"),
            Self::Unprintable { place } => write!(f, "the value of {place} cannot be written there"),
        }
    }
}

impl std::error::Error for SignError {}

impl From<Rejection> for SignError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl Signer {
    /// A signer for a scheme that does not sign the URL.
    ///
    /// # Errors
    ///
    /// As [`Verifier::new`].
    pub fn new(scheme: impl IntoScheme, secret: impl IntoSecret) -> Result<Self, ConfigError> {
        Self::build(scheme, secret, None)
    }

    /// A signer that knows the receiver's public URL.
    ///
    /// # Errors
    ///
    /// As [`Verifier::builder`].
    pub fn with_public_url(
        scheme: impl IntoScheme,
        secret: impl IntoSecret,
        url: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Self::build(scheme, secret, Some(url.into()))
    }

    fn build(scheme: impl IntoScheme, secret: impl IntoSecret, url: Option<String>) -> Result<Self, ConfigError> {
        let (scheme, secret) = (scheme.into_scheme()?, secret.into_secret()?);
        let bytes = scheme.secret.key(secret.expose())?;
        let builder = Verifier::builder(scheme).secret(secret);
        let builder = match url {
            Some(url) => builder.public_url(url),
            None => builder,
        };
        Ok(Self { verifier: builder.build()?, secret: bytes })
    }

    /// The scheme by which it signs.
    pub fn scheme(&self) -> &Scheme {
        self.verifier.scheme()
    }

    /// Signs a request sent at `now`. What the scheme adds (tag, timestamp, id, hash of the body) is put where the scheme
    /// puts it: into headers, the query or the body. A delivery id that is there already stays.
    ///
    /// # Errors
    ///
    /// If the request lacks a value that the scheme signs, or the body has no place for one that the scheme adds.
    pub fn sign<B: Into<Bytes>>(
        &self,
        request: Request<B>,
        now: impl Into<Timestamp>,
    ) -> Result<Request<Bytes>, SignError> {
        let scheme = self.scheme();
        let (parts, body) = request.into_parts();
        let mut draft = Draft { parts, body: body.into() };
        let now = now.into();

        let id = self.id(&draft, now);
        if let Some(source) = &scheme.delivery_id {
            draft.put(source, &id)?;
        }
        let time = match &scheme.timestamp {
            Some(rule) => {
                rule.format.print(now).ok_or_else(|| SignError::Unprintable { place: "the timestamp".to_owned() })?
            }
            None => String::new(),
        };
        if let Some((rule, source)) = scheme.timestamp.as_ref().and_then(|rule| Some((rule, rule.source.as_ref()?))) {
            draft.put_time(source, &time, rule.format.is_number())?;
        }
        for check in &scheme.checks {
            let hash = check.digest.of(&draft.body);
            draft.put(&check.source, &check.encoding.encode(hash.as_bytes()))?;
        }
        let text = self.signature(&draft, &time, &id)?;
        draft.put(&scheme.signature.source, &text)?;
        Ok(Request::from_parts(draft.parts, draft.body))
    }

    fn signature(&self, draft: &Draft, time: &str, id: &str) -> Result<String, SignError> {
        let signature = &self.scheme().signature;
        let tag = match signature.algorithm {
            Algorithm::Basic => return Ok(format!("Basic {}", STANDARD.encode(&*self.secret))),
            Algorithm::Token => self.secret.to_vec(),
            Algorithm::Hmac(_) | Algorithm::Hash(_) => self.tag(draft, time, id)?,
        };
        Ok(signature.syntax.print(|hole| match hole {
            Hole::Tag(encoding) => encoding.encode(&tag),
            Hole::Token => String::from_utf8_lossy(&tag).into_owned(),
            Hole::Timestamp => time.to_owned(),
            Hole::Id => id.to_owned(),
            Hole::Any => String::new(),
        }))
    }

    fn tag(&self, draft: &Draft, time: &str, id: &str) -> Result<Vec<u8>, SignError> {
        let verifier = &self.verifier;
        let form = sorted_form(verifier.scheme(), &draft.body)?;
        let content = Content {
            scheme: verifier.scheme(),
            head: Head::from(&draft.parts),
            public_url: verifier.public_url(),
            timestamp: time.as_bytes(),
            id: id.as_bytes(),
            form: &form,
        };
        verifier.obey_guards(&content, Some(&draft.body), draft.body.first().copied())?;
        // A signer has one key, and no scheme has an empty list of forms.
        let (Some((start, secret)), Some(form)) = (verifier.key(0).material.start(), verifier.url_forms().first())
        else {
            return Ok(Vec::new());
        };
        let parts = &verifier.scheme().signature.parts;
        let tag = start.tag(|write| content.write(parts, *form, secret, Some(&draft.body), write))?;
        Ok(tag.as_bytes().to_vec())
    }

    /// The id that the request has, or one made of its content, so that signing twice gives the same.
    fn id(&self, draft: &Draft, now: Timestamp) -> String {
        let given = self.scheme().delivery_id.as_ref().and_then(|source| {
            let value = look_up(source, Head::from(&draft.parts), Some(&draft.body)).ok()??;
            String::from_utf8(value.into_owned()).ok().filter(|id| !id.is_empty())
        });
        given.unwrap_or_else(|| {
            let seed = [now.unix_millis().to_be_bytes().as_slice(), &draft.body].concat();
            format!("msg_{}", &Encoding::HexLower.encode(Digest::Sha256.of(&seed).as_bytes())[..24])
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("scheme", &self.scheme().id()).finish_non_exhaustive()
    }
}

/// A request on its way to be signed.
struct Draft {
    parts: Parts,
    body: Bytes,
}

impl Draft {
    fn put(&mut self, source: &Source, text: &str) -> Result<(), SignError> {
        self.put_value(source, text, || serde_json::Value::from(text))
    }

    fn put_time(&mut self, source: &Source, text: &str, number: bool) -> Result<(), SignError> {
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
                // A scheme's list of names is never empty.
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
                let form =
                    std::str::from_utf8(&self.body).map_err(|_| SignError::Body { place: source.to_string() })?;
                self.body = replaced(form, name, text).into();
                Ok(())
            }
            Source::Json(pointer) => {
                self.body = set_json(&self.body, pointer, json())
                    .ok_or_else(|| SignError::Body { place: source.to_string() })?
                    .into();
                Ok(())
            }
        }
    }
}

/// URL-encoded text in which `name` has just one value.
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

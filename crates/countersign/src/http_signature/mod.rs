//! HTTP Message Signatures, RFC 9421: reads the headers `Signature-Input` and `Signature` of a request.
//!
//! This finds the signature, checks its parameters against the scheme and the clock, and writes its signature base. The
//! type of a key decides its algorithms, so no key is ever used with an algorithm that the sender chose.

mod algorithm;
mod component;
mod digest;
mod input;
#[cfg(test)]
#[cfg(feature = "full")]
mod tests;

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use self::input::Input;
pub(crate) use self::{
    algorithm::HttpAlgorithm,
    component::Component,
    digest::{check_body, content_digest},
    input::{KeyIds, ParameterName},
};
use crate::{
    algorithm::Tag,
    content::{Content, malformed_value},
    evidence::MAX_SIGNATURES,
    head::Head,
    key::Material,
    public_key::SignatureForm,
    rejection::{Problem, Rejection},
    scheme::{HttpSignatureRule, trim_ows},
    structured_fields::{self, Bare, Item, Member, Value},
    timestamp::{Timestamp, Tolerance},
};

/// The header that carries the signatures.
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// The header that says what each of them covers.
pub(crate) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// The header of RFC 9530 that binds the body to the signature.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The limit of each of the two headers, all of its lines together, in bytes.
const MAX_FIELD: usize = 8192;

/// The signature of a request that fits the scheme; not verified yet.
#[derive(Clone, Debug)]
pub(crate) struct HttpSignature {
    input: Input,
    signature: Vec<u8>,
}

impl HttpSignature {
    /// Finds the only signature that fits the scheme, and checks its times against the clock.
    pub(crate) fn read(
        head: Head<'_>,
        rule: &HttpSignatureRule,
        ids: KeyIds<'_>,
        tolerance: Option<Tolerance>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let inputs = members(head.headers, &SIGNATURE_INPUT)?;
        let signatures = members(head.headers, &SIGNATURE)?;
        let input = choose(&inputs, rule, ids)?;
        let signature = signatures.iter().find(|member| member.name == input.label);
        let signature = match signature.map(|member| &member.value) {
            None => Err(malformed(&SIGNATURE, Problem::Missing)),
            Some(Value::Item(Item { bare: Bare::Bytes(bytes), parameters, .. })) if parameters.is_empty() => {
                match &**bytes {
                    [] => Err(malformed(&SIGNATURE, Problem::Empty)),
                    bytes => Ok(bytes.to_vec()),
                }
            }
            Some(_) => Err(malformed(&SIGNATURE, Problem::Encoding)),
        }?;
        input.parameters.check_times(rule, tolerance, now)?;
        Ok(Self { input, signature })
    }

    /// When it was made, if it says so.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.input.parameters.created
    }

    /// The id by which it names its key.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.input.parameters.key_id.as_deref()
    }

    /// Whether it covers the digest of the body.
    pub(crate) fn covers_content_digest(&self) -> bool {
        self.input.components.iter().any(Component::is_content_digest)
    }

    /// The signature base (RFC 9421 section 2.5).
    pub(crate) fn base(&self, content: &Content<'_>) -> Result<Vec<u8>, Rejection> {
        base(&self.input.components, &self.input.text, content)
    }

    /// Whether the key made the signature over that base.
    pub(crate) fn is_by(&self, material: &Material, base: &[u8], rule: &HttpSignatureRule) -> bool {
        let named = self.input.parameters.algorithm;
        let mut allowed = rule.algorithms.iter().filter(|allowed| named.is_none_or(|named| named == **allowed));
        allowed.any(|algorithm| match (material, algorithm) {
            (Material::Keyed(start), HttpAlgorithm::HmacSha256) => {
                let mut mac = start.clone();
                mac.update(base);
                let expected = mac.finish();
                Tag::from_bytes(&self.signature).is_some_and(|presented| bool::from(expected.equals(&presented)))
            }
            (Material::Public(key), HttpAlgorithm::Public(algorithm)) => {
                key.verify(*algorithm, SignatureForm::Jose, base, &self.signature)
            }
            _ => false,
        })
    }
}

/// The lines of the components, and the line of the parameters. `text` is the parameters' text in the header.
pub(crate) fn base(components: &[Component], text: &str, content: &Content<'_>) -> Result<Vec<u8>, Rejection> {
    let mut base = Vec::with_capacity(256);
    for component in components {
        base.extend_from_slice(component.identifier().as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&component.value(content)?);
        base.push(b'\n');
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(text.as_bytes());
    Ok(base)
}

/// The only signature that fits the scheme: by its label, or by what the scheme demands.
fn choose(members: &[Member], rule: &HttpSignatureRule, ids: KeyIds<'_>) -> Result<Input, Rejection> {
    let mut fitting = None;
    let mut refused = None;
    for member in members.iter().filter(|member| rule.label.as_ref().is_none_or(|label| *label == member.name)) {
        match Input::read(member).and_then(|input| input.fits(rule, ids).map(|()| input)) {
            Ok(input) => {
                if fitting.replace(input).is_some() {
                    return Err(malformed(&SIGNATURE_INPUT, Problem::Conflicting));
                }
            }
            Err(rejection) => {
                refused.get_or_insert(rejection);
            }
        }
    }
    fitting.ok_or_else(|| refused.unwrap_or_else(|| malformed(&SIGNATURE_INPUT, Problem::Missing)))
}

/// The members of a dictionary header; its lines are joined (RFC 8941 section 4.2).
fn members(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<Member>, Rejection> {
    let text = joined(headers, name).ok_or_else(|| Rejection::MissingSignature { place: place(name) })?;
    if text.is_empty() {
        return Err(malformed(name, Problem::Empty));
    }
    if text.len() > MAX_FIELD {
        return Err(malformed(name, Problem::TooLong));
    }
    let members =
        structured_fields::dictionary(&text, MAX_SIGNATURES).ok_or_else(|| malformed(name, Problem::Layout))?;
    if members.len() > MAX_SIGNATURES { Err(malformed(name, Problem::TooMany)) } else { Ok(members) }
}

/// The lines of a header, joined (RFC 9421 section 2.1); `None` if there are none.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| trim_ows(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

fn malformed(name: &HeaderName, problem: Problem) -> Rejection {
    Rejection::MalformedSignature { place: place(name), problem }
}

fn place(name: &HeaderName) -> Arc<str> {
    Arc::from(format!("header `{name}`"))
}

fn missing(what: &str) -> Rejection {
    malformed_value(what.to_owned(), Problem::Missing)
}

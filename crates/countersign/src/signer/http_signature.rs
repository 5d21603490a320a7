//! Signs with HTTP Message Signatures.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderName;

use super::{SignError, Signer, SigningKey, draft::Draft};
use crate::{
    content::SortedParameters,
    http_signature::{
        CONTENT_DIGEST, Component, HttpAlgorithm, ParameterName, SIGNATURE, SIGNATURE_INPUT, base, content_digest,
    },
    public_key::{PublicKeyAlgorithm, SignatureForm},
    scheme::Source,
    timestamp::Timestamp,
};

/// How long a signature is valid if the scheme demands an expiry, in seconds.
const LIFETIME: i64 = 300;

impl Signer {
    /// Adds the headers of RFC 9421 to the request, and the digest of its body if that is to be covered.
    pub(super) fn sign_message(&self, draft: &mut Draft, now: Timestamp, nonce: &str) -> Result<(), SignError> {
        let rule = &self.scheme().http;
        if rule.components.iter().any(Component::is_content_digest) {
            put(draft, CONTENT_DIGEST, &content_digest(&draft.body))?;
        }
        let algorithm = self.http_algorithm().ok_or_else(unsigned)?;
        let text = self.signature_parameters(algorithm, now, nonce);
        let label = rule.label.as_deref().unwrap_or("sig1");
        let content = self.content(draft, b"", b"", SortedParameters::NONE);
        let signature = self.message_signature(algorithm, &base(&rule.components, &text, &content)?);
        let signature = STANDARD.encode(signature.ok_or_else(unsigned)?);
        put(draft, SIGNATURE_INPUT, &format!("{label}={text}"))?;
        put(draft, SIGNATURE, &format!("{label}=:{signature}:"))
    }

    /// The components that the scheme demands, and the parameters.
    fn signature_parameters(&self, algorithm: HttpAlgorithm, now: Timestamp, nonce: &str) -> String {
        let rule = &self.scheme().http;
        let components: Vec<_> = rule.components.iter().map(Component::identifier).collect();
        let created = now.unix_seconds();
        let mut text = format!("({});created={created}", components.join(" "));
        let key_id = rule.common_key_id(self.verifier.settings());
        let requires = |name| rule.requires.contains(&name);
        let key_id = key_id.or(requires(ParameterName::KeyId).then_some("key-1"));
        let tag = rule.tag.as_deref().or(requires(ParameterName::Tag).then_some("webhook"));
        if requires(ParameterName::Expires) {
            let _ = write!(text, ";expires={}", created.saturating_add(LIFETIME));
        }
        let texts = [
            ("nonce", requires(ParameterName::Nonce).then_some(nonce)),
            ("keyid", key_id),
            ("alg", Some(algorithm.name())),
            ("tag", tag),
        ];
        for (name, value) in texts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let _ = write!(text, ";{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        text
    }

    fn message_signature(&self, algorithm: HttpAlgorithm, base: &[u8]) -> Option<Vec<u8>> {
        match (&self.key, algorithm) {
            (SigningKey::Private(key), HttpAlgorithm::Public(algorithm)) => {
                key.sign(algorithm, SignatureForm::Jose, base)
            }
            (SigningKey::Shared(_), HttpAlgorithm::HmacSha256) => {
                let mut mac = self.verifier.key(0).material.start()?.0.clone();
                mac.update(base);
                Some(mac.finish().as_bytes().to_vec())
            }
            _ => None,
        }
    }

    /// The first of the scheme's algorithms that the key supports.
    fn http_algorithm(&self) -> Option<HttpAlgorithm> {
        let fits = |algorithm: &HttpAlgorithm| match (&self.key, algorithm) {
            (SigningKey::Private(key), HttpAlgorithm::Public(algorithm)) => {
                key.public_key().kind() == PublicKeyAlgorithm::kind(*algorithm)
            }
            (SigningKey::Shared(_), HttpAlgorithm::HmacSha256) => true,
            _ => false,
        };
        self.scheme().http.algorithms.iter().copied().find(fits)
    }
}

fn put(draft: &mut Draft, name: HeaderName, value: &str) -> Result<(), SignError> {
    draft.put(&Source::Header(vec![name]), value)
}

fn unsigned() -> SignError {
    SignError::Unprintable { place: "the signature".to_owned() }
}

//! Signs with JSON Web Tokens.

use serde_json::{Map, Value};

use super::{SignError, Signer, SigningKey, draft::Draft};
use crate::{
    content::SortedParameters,
    json::Pointer,
    jws::{self, JwsAlgorithm, JwsKey},
    public_key::{PublicKeyAlgorithm, SignatureForm},
    scheme::{Expected, Part},
    timestamp::Timestamp,
};

/// How long a token is valid, in seconds.
const LIFETIME: i64 = 300;

/// What a token contains besides the scheme's fixed values.
pub(super) struct Issue<'a> {
    pub(super) now: Timestamp,
    pub(super) claims: &'a [(Pointer, String)],
}

impl Signer {
    /// A token for the request, with the claims that the scheme demands.
    pub(super) fn token(&self, draft: &Draft, issue: &Issue<'_>) -> Result<String, SignError> {
        let scheme = self.scheme();
        let mut claims = if scheme.signature.source.is_in_body() {
            // The token becomes the body, and the body's members become its claims.
            serde_json::from_slice::<Map<String, Value>>(&draft.body)
                .map_err(|_| SignError::Body { place: "the token".to_owned() })?
        } else {
            Map::new()
        };
        let now = issue.now.unix_seconds();
        let id = format!("jti_{now}");
        claims.entry("iat").or_insert(now.into());
        claims.entry("exp").or_insert(now.saturating_add(LIFETIME).into());
        claims.entry("jti").or_insert(id.into());
        for (name, expected) in [("iss", scheme.jwt.issuers.first()), ("aud", scheme.jwt.audience.as_ref())] {
            if let Some(expected) = expected {
                claims.insert(name.to_owned(), self.expected(expected, draft)?.into());
            }
        }
        for (pointer, text) in issue.claims {
            let mut tokens = pointer.tokens().iter();
            if let (Some(name), None) = (tokens.next(), tokens.next()) {
                claims.insert(name.clone(), text.as_str().into());
            }
        }
        for name in &scheme.jwt.requires {
            let claim = if name == "nbf" { Value::from(now) } else { Value::from("unknown") };
            claims.entry(name.as_str()).or_insert(claim);
        }
        self.jws(Value::Object(claims).to_string().as_bytes())
    }

    fn expected(&self, expected: &Expected, draft: &Draft) -> Result<String, SignError> {
        let part = match expected {
            Expected::Text(text) => return Ok(text.clone()),
            Expected::Setting(name) => Part::Setting(name.clone()),
            Expected::Url => Part::Url,
        };
        let content = self.content(draft, b"", b"", SortedParameters::NONE);
        let text = content.to_vec(&[part], self.writing(None))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A detached signature of the payload.
    pub(super) fn detached(&self, payload: &[u8]) -> Result<String, SignError> {
        let algorithm = self.jws_algorithm().ok_or_else(unsigned)?;
        let parameters = self.scheme().signature.parts.iter().find_map(|part| match part {
            Part::Canonical(function) => Some(function.token_parameters()),
            _ => None,
        });
        let parameters = parameters.unwrap_or_default();
        jws::write_detached(algorithm, parameters, payload, true, |input| self.jws_signature(algorithm, input))
            .ok_or_else(unsigned)
    }

    fn jws(&self, payload: &[u8]) -> Result<String, SignError> {
        let algorithm = self.jws_algorithm().ok_or_else(unsigned)?;
        jws::write(algorithm, &[("typ", "JWT")], payload, |input| self.jws_signature(algorithm, input))
            .ok_or_else(unsigned)
    }

    fn jws_signature(&self, algorithm: JwsAlgorithm, input: &[u8]) -> Option<Vec<u8>> {
        match (&self.key, algorithm.key()) {
            (SigningKey::Private(key), JwsKey::Public(algorithm)) => key.sign(algorithm, SignatureForm::Jose, input),
            (SigningKey::Shared(secret), JwsKey::Secret(digest)) => {
                let mut mac = digest.start_hmac(secret);
                mac.update(input);
                Some(mac.finish().as_bytes().to_vec())
            }
            _ => None,
        }
    }

    /// The first of the scheme's algorithms that the key supports.
    fn jws_algorithm(&self) -> Option<JwsAlgorithm> {
        let fits = |algorithm: &JwsAlgorithm| match (&self.key, algorithm.key()) {
            (SigningKey::Private(key), JwsKey::Public(algorithm)) => {
                key.public_key().kind() == PublicKeyAlgorithm::kind(algorithm)
            }
            (SigningKey::Shared(_), JwsKey::Secret(_)) => true,
            _ => false,
        };
        self.scheme().jwt.algorithms.iter().copied().find(fits)
    }
}

fn unsigned() -> SignError {
    SignError::Unprintable { place: "the token".to_owned() }
}

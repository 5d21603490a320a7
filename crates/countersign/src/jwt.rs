//! The JSON Web Token of a request: its times are checked before the signature is proven, its issuer and audience
//! afterwards.
//!
//! Claims: RFC 7519 section 4.1.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    content::{Content, Writing, malformed_value},
    jws::{DetachedJws, Jws, JwsAlgorithm, JwsKey, JwsProblem},
    key::Material,
    rejection::{Problem, Rejection},
    scheme::{Expected, JwtRule, Part, UrlForm},
    timestamp::{Timestamp, Tolerance, not_ahead},
};

/// A token that is well-formed and not expired; its signature is not verified yet.
#[derive(Debug)]
pub(crate) struct Token {
    /// The payload, one JSON object.
    pub(crate) claims: Vec<u8>,
    /// When it was issued, if it says so.
    pub(crate) issued: Option<Timestamp>,
}

/// Reads a token and checks its times against the clock, so that a stale token is refused before anything is computed.
pub(crate) fn read(
    token: &[u8],
    rule: &JwtRule,
    age: Option<Tolerance>,
    place: &Arc<str>,
    now: Timestamp,
) -> Result<Token, Rejection> {
    let malformed = |problem| Rejection::MalformedSignature { place: Arc::clone(place), problem };
    let jws = Jws::parse(token, &rule.algorithms).map_err(|problem| malformed(problem.into()))?;
    let claims = jws.claims().map_err(|problem| malformed(problem.into()))?.to_vec();
    let object: Value = serde_json::from_slice(&claims).map_err(|_| malformed(Problem::Token))?;
    for name in &rule.requires {
        if object.get(name).is_none_or(Value::is_null) {
            return Err(malformed_value(claim(name), Problem::Missing));
        }
    }
    let leeway = rule.leeway.unwrap_or_default();
    if let Some(expires) = time(&object, "exp")? {
        match now.since(expires) {
            // RFC 7519 section 4.1.4: not accepted on or after that time.
            Some(past) if past >= leeway => {
                return Err(Rejection::Expired { place: claim("exp").into(), ago: past, leeway });
            }
            _ => {}
        }
    }
    if let Some(starts) = time(&object, "nbf")? {
        not_ahead(starts, leeway, now)?;
    }
    let issued = time(&object, "iat")?;
    match (issued, age) {
        (Some(issued), Some(tolerance)) => tolerance.check(issued, now)?,
        (Some(issued), None) => not_ahead(issued, rule.ahead(), now)?,
        (None, Some(_)) => return Err(malformed_value(claim("iat"), Problem::Missing)),
        (None, None) => {}
    }
    Ok(Token { claims, issued })
}

/// A `NumericDate` (RFC 7519 section 2): seconds, possibly with a fraction. An error if it is not a number.
fn time(claims: &Value, name: &str) -> Result<Option<Timestamp>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let whole = number.as_i64().map(Timestamp::from_unix_seconds);
            let millis =
                || number.as_f64().filter(|seconds| seconds.abs() < MAX_SECONDS).map(|seconds| seconds * 1000.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the bound leaves room, and fractions of 1 ms do not count"
            )]
            let time = whole.or_else(|| millis().map(|millis| Timestamp::from_unix_millis(millis as i64)));
            time.map(Some).ok_or_else(|| malformed_value(claim(name), Problem::Encoding))
        }
        Some(_) => Err(malformed_value(claim(name), Problem::Encoding)),
    }
}

/// The end of the year 9999, later than any correct clock.
const MAX_SECONDS: f64 = 253_402_300_800.0;

/// Checks the issuer and audience of a verified token.
pub(crate) fn check_parties(rule: &JwtRule, content: &Content<'_>) -> Result<(), Rejection> {
    let object: Value = serde_json::from_slice(content.head.claims).unwrap_or_default();
    let texts = |name: &str| -> Vec<&str> {
        match object.get(name) {
            Some(Value::String(text)) => vec![text],
            // RFC 7519 section 4.1.3: an audience may be a list, one of which must be us.
            Some(Value::Array(items)) if name == "aud" => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    };
    let is_one_of =
        |name: &str, allowed: &[String]| texts(name).iter().any(|text| allowed.iter().any(|one| one == text));
    if !rule.issuers.is_empty() {
        let allowed: Vec<String> = rule.issuers.iter().flat_map(|issuer| expected(issuer, content)).collect();
        if !is_one_of("iss", &allowed) {
            return Err(Rejection::UnexpectedValue { place: claim("iss").into() });
        }
    }
    if let Some(audience) = &rule.audience
        && !is_one_of("aud", &expected(audience, content))
    {
        return Err(Rejection::UnexpectedValue { place: claim("aud").into() });
    }
    Ok(())
}

/// The accepted texts, one of which must match.
fn expected(expected: &Expected, content: &Content<'_>) -> Vec<String> {
    match expected {
        Expected::Text(text) => vec![text.clone()],
        Expected::Setting(name) => content.settings.get(name).map(|value| value.to_string()).into_iter().collect(),
        Expected::Url => {
            let url = |form: &UrlForm| {
                let url = content.to_vec(&[Part::Url], Writing { form: *form, secret: &[], body: None }).ok()?;
                String::from_utf8(url).ok()
            };
            content.scheme.url.forms.iter().filter_map(url).collect()
        }
    }
}

/// Whether the key signed the token.
pub(crate) fn is_signed(token: &[u8], rule: &JwtRule, key: &Material) -> bool {
    let Ok(jws) = Jws::parse(token, &rule.algorithms) else { return false };
    match key {
        Material::TokenSecret(secret) => match secret.keyed(jws.algorithm()) {
            Some(mac) => jws.is_signed_with_secret(&mac).into(),
            None => false,
        },
        Material::Public(key) => jws.is_signed_with_private_key_of(key),
        _ => false,
    }
}

/// Whether the key made the detached signature of `payload`.
pub(crate) fn is_detached_signed(token: &[u8], payload: &[u8], rule: &JwtRule, key: &Material) -> bool {
    let Ok(jws) = DetachedJws::parse(token, &rule.algorithms, rule.b64) else { return false };
    match key {
        Material::TokenSecret(secret) => match secret.keyed(jws.algorithm()) {
            Some(mac) => jws.is_signed_with_secret(payload, &mac).into(),
            None => false,
        },
        Material::Public(key) => jws.is_signed_with_private_key_of(payload, key),
        _ => false,
    }
}

/// Whether a detached signature is well-formed.
pub(crate) fn check_detached(token: &[u8], rule: &JwtRule, place: &Arc<str>) -> Result<(), Rejection> {
    DetachedJws::parse(token, &rule.algorithms, rule.b64)
        .map(drop)
        .map_err(|problem| Rejection::MalformedSignature { place: Arc::clone(place), problem: problem.into() })
}

/// Whether any of the algorithms takes a secret.
pub(crate) fn takes_secret(algorithms: &[JwsAlgorithm]) -> bool {
    algorithms.iter().any(|algorithm| matches!(algorithm.key(), JwsKey::Secret(_)))
}

impl From<JwsProblem> for Problem {
    fn from(problem: JwsProblem) -> Self {
        match problem {
            JwsProblem::Algorithm | JwsProblem::Critical => Self::Algorithm,
            JwsProblem::Claims | JwsProblem::Header => Self::Token,
            JwsProblem::TooLong => Self::TooLong,
            JwsProblem::Encoding | JwsProblem::KeyId => Self::Encoding,
            JwsProblem::Parts | JwsProblem::Payload => Self::Layout,
        }
    }
}

fn claim(name: &str) -> String {
    format!("claim `/{name}`")
}

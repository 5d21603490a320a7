//! The same mistakes with every provider of the catalogue whose file is read twice: what broke a request is found
//! whatever the scheme, and nothing is found where nobody can tell.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign::{Certainty, Explanation, Setup, Timestamp};
use countersign_tests::endpoint::{Endpoint, NOW, PUBLIC_URL};
use http::{HeaderName, HeaderValue, Method, Request, header::CONTENT_LENGTH};

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(Endpoint::catalogue);

/// The endpoints whose schemes take a secret, not a public key.
fn with_secret() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().filter(|endpoint| !endpoint.scheme.takes_public_key())
}

/// The endpoints whose signatures cover the body.
fn with_signed_body() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().filter(|endpoint| endpoint.scheme.covers_body())
}

fn explain(endpoint: &Endpoint, secret: &str, request: &Request<Bytes>, now: Timestamp) -> Explanation {
    let mut setup =
        Setup::new(&endpoint.scheme).unwrap().secret("endpoint", secret).public_url(PUBLIC_URL).allow_legacy();
    for (name, _) in endpoint.scheme.settings() {
        setup = setup.setting(name, format!("the-{name}"));
    }
    countersign::explain(&setup, request, request.body(), now)
}

#[track_caller]
fn is_proven(endpoint: &Endpoint, explanation: &Explanation, code: &str) {
    let first = explanation.causes().first().map(|cause| (cause.code(), cause.certainty()));
    assert_eq!(first, Some((code, Certainty::Proven)), "{}: {explanation}", endpoint.id());
}

/// A signed request, in a method that the scheme takes.
fn sample(endpoint: &Endpoint) -> Request<Bytes> {
    let mut request = endpoint.request(endpoint.sample_body());
    let methods = endpoint.reading.methods();
    if !methods.contains(&Method::POST) {
        *request.method_mut() = methods[0].clone();
    }
    endpoint.sign(request, NOW)
}

#[test]
fn a_secret_with_stray_characters_is_found_for_each_provider() {
    for endpoint in with_secret() {
        let request = sample(endpoint);
        let secret = endpoint.secret;
        for pasted in [format!("{secret}\r\n"), format!("\"{secret}\""), format!("export WEBHOOK_SECRET='{secret}'")] {
            is_proven(endpoint, &explain(endpoint, &pasted, &request, NOW), "secret_stray_characters");
        }
    }
}

#[test]
fn a_secret_in_base64_or_hex_is_found_for_each_provider() {
    for endpoint in with_secret() {
        let request = sample(endpoint);
        let digits = endpoint.secret.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        for encoded in [STANDARD.encode(endpoint.secret), hex] {
            is_proven(endpoint, &explain(endpoint, &encoded, &request, NOW), "secret_encoding");
        }
    }
}

#[test]
fn a_changed_body_is_found_for_each_provider_that_signs_it() {
    for endpoint in with_signed_body() {
        let request = sample(endpoint);
        let body = request.body().clone();
        let with = |body: Vec<u8>| request.clone().map(|_| Bytes::from(body));
        let wrapped = serde_json::json!({ "isBase64Encoded": true, "body": STANDARD.encode(&body) }).to_string();
        let mut changed = vec![
            ([&body[..], b"\n"].concat(), "body_white_space"),
            ([b"\xef\xbb\xbf", &body[..]].concat(), "body_byte_order_mark"),
            (STANDARD.encode(&body).into_bytes(), "body_encoded"),
            (wrapped.into_bytes(), "body_wrapped"),
        ];
        if let Ok(document) = serde_json::from_slice::<serde_json::Value>(&body) {
            changed.push((serde_json::to_vec_pretty(&document).unwrap(), "body_reserialised"));
        }
        for (body, code) in changed {
            is_proven(endpoint, &explain(endpoint, endpoint.secret, &with(body), NOW), code);
        }
        let mut cut = with(body[..body.len() / 2].to_vec());
        cut.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        let explanation = explain(endpoint, endpoint.secret, &cut, NOW);
        assert_eq!(explanation.causes()[0].code(), "body_truncated", "{}: {explanation}", endpoint.id());
    }
}

#[test]
fn a_renamed_or_repeated_header_is_found_for_each_provider() {
    for endpoint in ENDPOINTS.iter() {
        let request = sample(endpoint);
        let Some(name) = endpoint.reading.signature_header().map(|name| HeaderName::try_from(name).unwrap()) else {
            continue;
        };
        if name == http::header::AUTHORIZATION {
            continue;
        }
        let value = request.headers()[&name].clone();
        let underscored = name.as_str().replace('-', "_");
        for renamed in [format!("http_{underscored}"), format!("x-amzn-remapped-{name}"), format!("x-forwarded-{name}")]
        {
            let mut request = request.clone();
            request.headers_mut().remove(&name);
            request.headers_mut().insert(HeaderName::try_from(renamed).unwrap(), value.clone());
            is_proven(endpoint, &explain(endpoint, endpoint.secret, &request, NOW), "header_renamed");
        }
        let mut repeated = request.clone();
        repeated.headers_mut().append(&name, HeaderValue::from_static("another"));
        is_proven(endpoint, &explain(endpoint, endpoint.secret, &repeated, NOW), "header_repeated");

        let mut missing = request.clone();
        missing.headers_mut().remove(&name);
        let explanation = explain(endpoint, endpoint.secret, &missing, NOW);
        assert_eq!(explanation.causes()[0].code(), "missing_signature", "{}: {explanation}", endpoint.id());
    }
}

#[test]
fn late_deliveries_and_slow_clocks_are_found_for_each_provider_that_signs_a_time() {
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.scheme.tolerance().is_some()) {
        let request = sample(endpoint);
        for (seconds, code) in
            [(1_000_000, "timestamp_too_old"), (-1_000_000, "timestamp_in_future"), (2 * 3600 + 3, "timestamp_too_old")]
        {
            let now = Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds);
            let explanation = explain(endpoint, endpoint.secret, &request, now);
            if !explanation.is_accepted() {
                is_proven(endpoint, &explanation, code);
            }
        }
    }
}

/// Only every twelfth endpoint, because everything is tried where no cause is found.
#[test]
fn no_cause_is_found_for_another_secret_or_a_tampered_body() {
    for endpoint in ENDPOINTS.iter().step_by(12) {
        let request = sample(endpoint);
        let explanation = explain(endpoint, endpoint.other_secret, &request, NOW);
        assert!(explanation.is_no_cause_found() && !explanation.is_cut_short(), "{}: {explanation}", endpoint.id());
        if endpoint.scheme.covers_body() {
            let tampered = request.clone().map(|body| {
                let text = String::from_utf8(body.to_vec()).unwrap();
                Bytes::from(text.replace("created", "deleted"))
            });
            let explanation = explain(endpoint, endpoint.secret, &tampered, NOW);
            assert!(explanation.is_no_cause_found() && !explanation.is_cut_short(), "{}: {explanation}", endpoint.id());
        }
    }
}

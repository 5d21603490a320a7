//! Attacks on tokens, on fetched keys and on signers that are shared by all customers, for every scheme of the
//! catalogue that has them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use countersign::{Provider, Rejection, Timestamp, Unkeyed, Verified, Verifier, providers};
use countersign_tests::{
    endpoint::{Endpoint, NOW, PUBLIC_URL},
    verdict::each_way,
};
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Value as Json, json};
use toml::{Table, Value};

fn file(provider: Provider) -> Table {
    provider.toml().parse().unwrap()
}

/// Every endpoint whose signature is a JSON Web Token in a header.
fn with_token() -> Vec<(Endpoint, HeaderName)> {
    let is_token = |file: &Table| file["signature"]["algorithm"].as_str() == Some("jwt");
    let tokens = providers::ALL.iter().filter(|provider| is_token(&file(**provider)));
    let endpoints = tokens.map(|provider| Endpoint::new(provider.id(), provider.toml()));
    // In some schemes, the whole body is the token; others have claims that only the provider can make.
    let in_header = endpoints.filter_map(|it| {
        let name = HeaderName::try_from(it.reading.signature_header()?).unwrap();
        let request = sample(&it);
        let is_good = request.headers().contains_key(&name) && verdict(&it.verifier(), &request, NOW).is_ok();
        is_good.then_some((it, name))
    });
    in_header.collect()
}

fn sample(endpoint: &Endpoint) -> Request<Bytes> {
    let body = endpoint.sample_body();
    endpoint.sign(endpoint.request(body), NOW)
}

fn verdict(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> Result<(), Rejection> {
    verifier.verify(request, request.body(), now).map(|_: Verified<'_, _>| ())
}

/// The token with another header or other claims, under the same signature.
fn rewritten(token: &str, part: usize, change: impl Fn(&mut Json)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut document: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    change(&mut document);
    parts[part] = URL_SAFE_NO_PAD.encode(document.to_string());
    parts.join(".")
}

#[test]
fn a9_every_scheme_refuses_a_token_with_another_algorithm_other_claims_or_no_signature() {
    let endpoints = with_token();
    assert!(endpoints.len() >= 5, "schemes with tokens are missing");
    for (endpoint, name) in endpoints {
        let (verifier, request) = (endpoint.verifier(), sample(&endpoint));
        let text = request.headers()[&name].to_str().unwrap().to_owned();
        let (before, token) = text.rsplit_once(' ').map_or(("", &*text), |(word, token)| (word, token));
        let signed = token.rsplit_once('.').unwrap().0;
        let mut forged = vec![format!("{signed}."), signed.to_owned(), format!("{token}.")];
        for algorithm in ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"] {
            let own = rewritten(token, 0, |header| header["alg"] = json!(algorithm));
            let unsigned = own.rsplit_once('.').unwrap().0;
            forged.extend([format!("{unsigned}."), unsigned.to_owned()]);
            forged.extend(Some(own).filter(|own| own != token));
        }
        forged.push(rewritten(token, 0, |header| header["crit"] = json!(["b64"])));
        forged.push(rewritten(token, 0, |header| header["kid"] = json!("../../dev/null")));
        forged.push(rewritten(token, 1, |claims| claims["exp"] = json!(9_999_999_999_i64)));
        forged.push(rewritten(token, 1, |claims| claims["aud"] = json!("another")));
        for token in forged {
            let mut request = request.clone();
            let text = if before.is_empty() { token } else { format!("{before} {token}") };
            request.headers_mut().insert(&name, HeaderValue::try_from(&text).unwrap());
            assert!(verdict(&verifier, &request, NOW).is_err(), "{}: {text}", endpoint.id());
        }
        assert_eq!(verdict(&endpoint.other_verifier(), &request, NOW), Err(Rejection::Signature), "{}", endpoint.id());
    }
}

#[test]
fn a9_every_scheme_refuses_a_token_that_is_expired_or_for_another_audience() {
    for (endpoint, _) in with_token() {
        let request = sample(&endpoint);
        let claims = endpoint.toml.contains("\"exp\"") || endpoint.toml.contains("\"iat\"");
        let later = Timestamp::from_unix_seconds(NOW.unix_seconds() + 7 * 24 * 60 * 60);
        if claims {
            let refused = verdict(&endpoint.verifier(), &request, later);
            assert_eq!(
                refused.map_err(|rejection| rejection.code()).err(),
                Some("timestamp_too_old"),
                "{}",
                endpoint.id()
            );
        }
        let file: Table = endpoint.toml.parse().unwrap();
        let read = |name: &str| {
            let wanted = format!("{{setting:{name}}}");
            ["jwt", "check"]
                .iter()
                .filter_map(|table| file.get(*table))
                .any(|table| format!("{table:?}").contains(&wanted))
        };
        for (name, _) in endpoint.scheme.settings().filter(|(name, _)| read(name)) {
            let mut builder = endpoint.builder().secret(endpoint.secret);
            for (other, _) in endpoint.scheme.settings() {
                let value = if other == name { "another".to_owned() } else { format!("the-{other}") };
                builder = builder.setting(other, value);
            }
            let refused = verdict(&builder.build().unwrap(), &request, NOW);
            assert!(refused.is_err(), "{}: the setting {name}", endpoint.id());
        }
    }
}

/// A signer that is shared by all customers proves who sent the request, but not for whom.
#[test]
fn a10_what_a_shared_signer_signs_for_somebody_else_is_refused() {
    for (id, setting, other) in [
        ("aws-sns", "topic_arn", "arn:aws:sns:us-east-1:999999999999:theirs"),
        ("google-pubsub-push", "service_account", "them@example.com"),
        ("alexa", "skill_id", "amzn1.ask.skill.theirs"),
    ] {
        let endpoint = Endpoint::find(id);
        let body = match id {
            "aws-sns" => json!({
                "Type": "Notification", "MessageId": "m-1", "TopicArn": format!("the-{setting}"), "Message": "hello",
                "Timestamp": "2026-01-01T00:00:00.000Z", "SignatureVersion": "2",
                "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
            }),
            "alexa" => json!({
                "context": { "System": { "application": { "applicationId": format!("the-{setting}") } } },
                "request": { "type": "LaunchRequest", "requestId": "r-1", "timestamp": "2026-01-01T00:00:00Z" },
            }),
            _ => json!({ "message": { "messageId": "m-1" } }),
        };
        let mut request = endpoint.request(body.to_string());
        let certificate = HeaderValue::from_static("https://s3.amazonaws.com/echo.api/echo-api-cert.pem");
        request.headers_mut().insert("SignatureCertChainUrl", certificate);
        let request = endpoint.sign(request, NOW);
        let verifier = |value: Option<&str>| {
            let mut builder =
                Verifier::builder(&endpoint.scheme).public_url(PUBLIC_URL).allow_legacy().secret(endpoint.secret);
            for (name, _) in endpoint.scheme.settings().filter(|(name, _)| *name != setting) {
                builder = builder.setting(name, format!("the-{name}"));
            }
            match value {
                Some(value) => builder.setting(setting, value).build().unwrap(),
                None => builder.build().unwrap(),
            }
        };
        let ours = format!("the-{setting}");
        assert_eq!(verdict(&verifier(Some(&ours)), &request, NOW), Ok(()), "{id}");
        let refused = verdict(&verifier(Some(other)), &request, NOW);
        assert!(matches!(refused, Err(Rejection::UnexpectedValue { .. })), "{id}: {refused:?}");
        // Without the setting, the handler has to check it, as the notes say.
        assert_eq!(verdict(&verifier(None), &request, NOW), Ok(()), "{id}");
        assert!(endpoint.scheme.notes().unwrap().contains(setting), "{id}");
    }
}

#[test]
fn a11_no_key_url_in_a_request_leaves_the_hosts_that_its_scheme_allows() {
    let mut tried = 0;
    for provider in providers::ALL {
        let file = file(*provider);
        let Some(keys) = file.get("keys").filter(|keys| keys.get("url_at").is_some()) else { continue };
        let scheme = provider.scheme().unwrap();
        let builder = Verifier::builder(&scheme).allow_legacy();
        let builder = scheme.settings().fold(builder, |builder, (name, _)| builder.setting(name, "a"));
        let unkeyed = builder.without_keys().unwrap();
        for host in keys["hosts"].as_array().unwrap() {
            let host = host.as_str().unwrap().replace("{region}", "us-east-1").replace("{label}", "a");
            let path = keys["path"].as_str().unwrap().replace("{word}", "Cert-00").replace("{hex}", "00");
            let good = format!("https://{host}{path}");
            assert_eq!(locate(&unkeyed, keys, &good).as_deref(), Some(&*good), "{}", provider.id());
            for url in elsewhere(&host, &path).into_iter().filter(|url| *url != good) {
                assert_eq!(locate(&unkeyed, keys, &url), None, "{}: {url}", provider.id());
                tried += 1;
            }
        }
    }
    assert!(tried >= 100, "{tried}");
}

/// Tokens that name a place in the request for their key.
macro_rules! named_keys {
    ($place:literal) => {
        concat!(
            "name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\ncovers_body = false\n",
            "[jwt]\nalgorithms = [\"EdDSA\"]\n[keys]\nformat = \"jwks\"\nurl_at = { ",
            $place,
            " }\nhosts = [\"a.example\"]\npath = \"/keys/{word}\"\n"
        )
    };
}

#[test]
fn a11_a_token_that_names_a_key_elsewhere_is_refused_however_its_body_arrives() {
    let in_body = Endpoint::new("b", named_keys!("json = \"/key\""));
    let verdict = |body: &'static str| {
        let signed = in_body.sign(in_body.request(body), NOW);
        each_way(&in_body.verifier(), &signed, NOW, &[1]).map_err(|rejection| rejection.code()).map(drop)
    };
    assert_eq!(verdict(r#"{"key":"https://a.example/keys/one"}"#), Ok(()));
    assert_eq!(verdict(r#"{"key":"https://evil.example/keys/one"}"#), Err("unexpected_value"));
    let endpoint = Endpoint::new("a", named_keys!("header = \"x-url\""));
    let mut signed = endpoint.sign(endpoint.request("{}"), NOW);
    signed.headers_mut().insert("x-url", HeaderValue::from_static("https://a.example/keys/one"));
    each_way(&endpoint.verifier(), &signed, NOW, &[1]).unwrap();
    signed.headers_mut().insert("x-url", HeaderValue::from_static("https://evil.example/keys/one"));
    let refused = each_way(&endpoint.verifier(), &signed, NOW, &[1]).unwrap_err();
    assert_eq!(refused.code(), "unexpected_value");
}

/// The URL from which the key of a request that names `url` is fetched.
fn locate(unkeyed: &Unkeyed, keys: &Value, url: &str) -> Option<String> {
    let mut request = Request::post("/").body(()).unwrap();
    let mut body = json!({});
    match (keys["url_at"].get("header"), keys["url_at"].get("json")) {
        (Some(name), _) => {
            let name = HeaderName::from_bytes(name.as_str().unwrap().as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_bytes(url.as_bytes()).ok()?);
        }
        (None, Some(pointer)) => body[&pointer.as_str().unwrap()[1..]] = json!(url),
        (None, None) => panic!("{keys:?}"),
    }
    let body = body.to_string();
    let (head, ()) = request.into_parts();
    unkeyed.locate(&head, Some(body.as_bytes())).ok().map(|address| address.url().to_owned())
}

/// URLs that attackers use, or could use, in place of an allowed one.
fn elsewhere(host: &str, path: &str) -> Vec<String> {
    let inner = host.split_once('.').unwrap().1;
    vec![
        format!("http://{host}{path}"),
        format!("HTTPS://{host}{path}"),
        format!("//{host}{path}"),
        format!("ftp://{host}{path}"),
        format!("https://{host}:443{path}"),
        format!("https://{host}:8443{path}"),
        format!("https://{host}.{path}"),
        format!("https://{host}.evil.example{path}"),
        format!("https://{host}@evil.example{path}"),
        format!("https://evil.example@{host}{path}"),
        format!("https://user:pass@{host}{path}"),
        format!("https://evil.example/{host}{path}"),
        format!("https://evil.example#{host}{path}"),
        format!("https://evil.example?{host}{path}"),
        format!("https://evil.example\\@{host}{path}"),
        format!("https://evil-{host}{path}"),
        format!("https://evil.{host}{path}"),
        format!("https://s3.{inner}{path}"),
        format!("https://s3-us-west-2.{inner}{path}"),
        format!("https://sns.s3.{inner}{path}"),
        format!("https://sns.s3-us-west-2.{inner}{path}"),
        format!("https://bucket.s3.us-east-1.{inner}{path}"),
        format!("https://{}{path}", host.to_uppercase()),
        format!("https://{}{path}", host.replace('a', "\u{430}")),
        format!("https://{}{path}", host.replacen('.', "\u{3002}", 1)),
        format!("https://xn--{host}{path}"),
        format!("https://127.0.0.1{path}"),
        format!("https://[::1]{path}"),
        format!("https://localhost{path}"),
        format!("https://{host}{path}?x=1"),
        format!("https://{host}{path}#x"),
        format!("https://{host}{path}/"),
        format!("https://{host}{path}.exe/"),
        format!("https://{host}/..{path}"),
        format!("https://{host}/x/..{path}"),
        format!("https://{host}//{path}"),
        format!("https://{host}/"),
        format!("https://{host}"),
        format!("https://{host}{}", path.replacen('/', "/%2e%2e/", 1)),
        format!("https://{host}{}", path.replace("00", "0%30")),
        format!(" https://{host}{path} x"),
        format!("https://{host}{path}\n"),
        format!("https://{host}{path}\0"),
        String::new(),
    ]
}

//! Attacks on the key and on the comparison with it. Each was a vulnerability of some verifier.

use std::{fs, path::Path};

use bytes::Bytes;
use countersign::{ConfigError, Key, Scheme, Secret, Signer, Verifier, providers};
use countersign_tests::{
    app::{App, everywhere},
    endpoint::{Endpoint, NOW, PUBLIC_URL},
};
use http::{HeaderName, HeaderValue, Request};

/// A signed request with its tag rewritten, wherever in the request it is; `None` if `rewrite` does not change it.
fn with_tag(endpoint: &Endpoint, signed: &Request<Bytes>, rewrite: impl Fn(&str) -> String) -> Option<Request<Bytes>> {
    let mut request = signed.clone();
    let rewritten = |text: &str, (start, end): (usize, usize)| {
        let rewritten = format!("{}{}{}", &text[..start], rewrite(&text[start..end]), &text[end..]);
        Some(rewritten).filter(|rewritten| rewritten != text)
    };
    if let Some(name) = endpoint.scheme.signature_header() {
        let text = request.headers()[name].to_str().unwrap().to_owned();
        let value = HeaderValue::try_from(rewritten(&text, longest(&text))?).ok()?;
        request.headers_mut().insert(name, value);
        return Some(request);
    }
    let target = request.uri().to_string();
    if let Some(tag) = behind_a_name(&target) {
        *request.uri_mut() = rewritten(&target, tag)?.parse().ok()?;
        return Some(request);
    }
    let body = std::str::from_utf8(request.body()).unwrap().to_owned();
    let tag = if body.starts_with("eyJ") { Some((0, body.len())) } else { behind_a_name(&body) };
    let body = rewritten(&body, tag?)?;
    Some(request.map(|_| body.into()))
}

/// The position of the longest run of characters that tags are made of, and the `=` after it.
fn longest(text: &str) -> (usize, usize) {
    let is_of_tag = |c: char| c.is_ascii_alphanumeric() || "+/-_.".contains(c);
    let runs = text.split(|c| !is_of_tag(c));
    let run = runs.max_by_key(|run| run.len()).unwrap();
    let start = text.find(run).unwrap();
    let padding = text[start + run.len()..].chars().take_while(|c| *c == '=').count();
    (start, start + run.len() + padding)
}

/// The position of the longest value after a name that some provider gives its tag.
fn behind_a_name(text: &str) -> Option<(usize, usize)> {
    let names = [
        "checksum=",
        "hmac=",
        "sig=",
        "sign=",
        "token=",
        "signature=",
        "signature\":\"",
        "Signature\":\"",
        "signature_key\":\"",
        "token\":\"",
        "passcode\":\"",
        "clientState\":\"",
        "hash\":\"",
        "hash%22%3A%22",
    ];
    let value = |name: &str| {
        let start = text.find(name)? + name.len();
        let end = text[start..].find(['&', '"']).map_or(text.len(), |end| start + end);
        Some((start, text[start..end].find("%22").map_or(end, |end| start + end)))
    };
    names.into_iter().filter_map(value).max_by_key(|(start, end)| end - start)
}

#[test]
fn a1_macs_are_compared_in_one_module_and_in_constant_time() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut folders: Vec<_> = fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    let mut comparing = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.contains("ct_eq")) {
                comparing.push(path);
            }
        }
    }
    let [only] = &*comparing else { panic!("{comparing:?}") };
    assert!(only.ends_with("countersign/src/algorithm/tag.rs"), "{comparing:?}");
}

#[tokio::test]
async fn a2_every_proper_prefix_of_a_tag_is_refused_for_every_scheme_and_so_is_one_byte_more() {
    for endpoint in Endpoint::every() {
        let app = App::new(endpoint.verifier());
        let signed = endpoint.fitted();
        let mut tried = 0;
        for len in 0..200 {
            let Some(request) = with_tag(&endpoint, &signed, |tag| tag.chars().take(len).collect()) else { continue };
            let answer = app.send(request).await;
            assert!(answer.status.is_client_error(), "{}: {len} characters of the tag", endpoint.id());
            tried += 1;
        }
        let any_behind = endpoint.reading.tag_template().is_some_and(|template| template.ends_with("{any}"));
        for more in ["0", "A", "=", "a0", "%3D"].into_iter().filter(|_| !any_behind) {
            let request = with_tag(&endpoint, &signed, |tag| format!("{tag}{more}"));
            let request = request.unwrap_or_else(|| panic!("{}: no tag was found", endpoint.id()));
            let answer = app.send(request).await;
            assert!(answer.status.is_client_error(), "{}: `{more}` behind the tag", endpoint.id());
        }
        assert!(tried >= 16, "{}: no tag was found", endpoint.id());
        assert_eq!(app.calls(), 0, "{}", endpoint.id());
        assert!(app.send(signed).await.status.is_success(), "{}", endpoint.id());
    }
}

#[tokio::test]
async fn a3_texts_that_are_no_tag_are_refused_without_a_panic_for_every_scheme() {
    for endpoint in Endpoint::every() {
        let Some(name) = endpoint.scheme.signature_header() else { continue };
        let signed = endpoint.fitted();
        let app = App::new(endpoint.verifier());
        for text in [
            "",
            " ",
            "=",
            ",",
            ";",
            ",,",
            "a",
            "aa",
            "sha256=",
            "sha256=aa",
            "sha1=aa",
            "v1,",
            "v1,=",
            "v1=",
            "v1=aa",
            "v0=",
            "t=1",
            "t=,v1=",
            "t=1,v1=",
            "ts=1;h1=",
            "Basic",
            "Basic ",
            "Basic =",
            "Basic Og==",
            "Bearer",
            "Bearer ",
            "\u{1F980}",
            "v1,\u{1F980}",
        ] {
            let mut request = signed.clone();
            request.headers_mut().insert(name, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            let answer = app.send(request).await;
            assert!(answer.status.is_client_error(), "{}: `{text}`", endpoint.id());
        }
        assert_eq!(app.calls(), 0, "{}", endpoint.id());
    }
}

#[tokio::test]
async fn a4_a_mac_under_the_empty_key_is_refused() {
    for secret in ["", " ", "\n", "\t\r\n", "whsec_"] {
        assert!(Verifier::new(providers::STANDARD_WEBHOOKS, secret).is_err(), "{secret:?}");
        assert!(Verifier::new(providers::GITHUB, secret).is_err(), "{secret:?}");
        assert!(Verifier::new(providers::STRIPE, secret).is_err(), "{secret:?}");
    }
    let under_empty_key = "sha256=88cc10df1f93b836df3ef7a0ccf75c2d4efc9b205e384f151d118eefab8f689a";
    let request =
        Request::post("/").header("x-hub-signature-256", under_empty_key).body(Bytes::from("{\"forged\":true}"));
    let app = App::new(Endpoint::find("github").verifier());
    assert_eq!(app.send(request.unwrap()).await.code(), "signature");
    assert_eq!(app.calls(), 0);
}

#[test]
fn a5_there_is_no_verifier_without_a_secret() {
    for endpoint in Endpoint::every() {
        assert_eq!(endpoint.builder().build().unwrap_err(), ConfigError::NoSecret, "{}", endpoint.id());
    }
}

#[test]
fn a6_placeholders_are_no_secrets_for_any_scheme() {
    for endpoint in Endpoint::every() {
        for text in [
            "${WEBHOOK_SECRET}",
            "$WEBHOOK_SECRET",
            "env:WEBHOOK_SECRET",
            "changeme",
            "{{ secret }}",
            "<your-secret>",
            "undefined",
        ] {
            assert!(endpoint.builder().secret(text).build().is_err(), "{}: {text}", endpoint.id());
        }
    }
}

#[tokio::test]
async fn a7_each_header_that_a_scheme_reads_must_be_there() {
    for endpoint in Endpoint::all() {
        let app = App::new(endpoint.verifier());
        for name in endpoint.reading.headers() {
            let mut request = endpoint.sample();
            assert!(request.headers_mut().remove(&name).is_some(), "{}: {name} was not signed", endpoint.id());
            let answer = app.send(request).await;
            // A missing password is answered with 401, as in HTTP.
            let expected = if endpoint.scheme.takes_password() { 401 } else { 400 };
            assert_eq!(answer.status, endpoint.refusal(expected), "{} without {name}: {answer:?}", endpoint.id());
        }
        let bare = Request::post("/").body(endpoint.sample_body()).unwrap();
        assert!(app.send(bare).await.status.is_client_error(), "{}", endpoint.id());
        assert_eq!(app.calls(), 0, "{}", endpoint.id());
    }
    for endpoint in Endpoint::every() {
        let app = App::new(endpoint.verifier());
        let signed = endpoint.fitted();
        for name in endpoint.proving_headers(&signed) {
            let mut request = signed.clone();
            request.headers_mut().remove(&name);
            let answer = app.send(request).await;
            assert!(answer.status.is_client_error(), "{} without {name}: {answer:?}", endpoint.id());
        }
        assert_eq!(app.calls(), 0, "{}", endpoint.id());
    }
}

#[tokio::test]
async fn a8_a_right_mac_under_another_name_or_of_another_algorithm_is_refused() {
    let github = Endpoint::find("github");
    let app = App::new(github.verifier());
    let right = github.sample().headers()["x-hub-signature-256"].to_str().unwrap().to_owned();
    let sha1 = Endpoint::find("github-sha1").sample().headers()["x-hub-signature"].to_str().unwrap().to_owned();
    for (name, text) in [
        ("x-hub-signature", sha1.clone()),
        ("x-hub-signature", right.clone()),
        ("x-hub-signature-256", sha1),
        ("x-hub-signature-256", right.replace("sha256=", "sha1=")),
        ("x-hub-signature-256", right.replace("sha256=", "sha512=")),
        ("x-hub-signature-256", right.replace("sha256=", "SHA256=")),
        ("x-hub-signature-256", right.replace("sha256=", "")),
        ("x-hub-signature-256", right.replace("sha256=", "sha256=sha256=")),
    ] {
        let mut request = github.request(github.sample_body());
        request.headers_mut().insert(HeaderName::from_static(name), text.parse().unwrap());
        assert_eq!(app.send(request).await.status, 400, "{name}: {text}");
    }
    for (id, name, from, to) in [
        ("stripe", "stripe-signature", "v1=", "v0="),
        ("stripe", "stripe-signature", "v1=", "v1a="),
        ("standard-webhooks", "webhook-signature", "v1,", "v1a,"),
        ("standard-webhooks", "webhook-signature", "v1,", "v2,"),
        ("slack", "x-slack-signature", "v0=", "v1="),
    ] {
        let endpoint = Endpoint::find(id);
        let app = App::new(endpoint.verifier());
        let mut request = endpoint.sample();
        let text = request.headers()[name].to_str().unwrap().replace(from, to);
        request.headers_mut().insert(name, text.parse().unwrap());
        assert_eq!(app.send(request).await.code(), "malformed_signature", "{id}: {text}");
        assert_eq!(app.calls(), 0);
    }
    assert_eq!(app.calls(), 0);
}

#[test]
fn a8_a_key_of_one_scheme_proves_nothing_to_another() {
    let endpoints = Endpoint::every();
    let mut pairs = 0;
    for one in &endpoints {
        let signed = one.fitted();
        for other in endpoints.iter().filter(|other| other.scheme.covers_body() && other.toml != one.toml) {
            // Only schemes that sign alike, and have a header in common, may accept each other's requests.
            let accepted = other
                .builder()
                .secret(one.secret)
                .build()
                .is_ok_and(|verifier| verifier.verify(&signed, signed.body(), NOW).is_ok());
            assert!(alike(one, other) || !accepted, "{} accepts what was signed for {}", other.id(), one.id());
            pairs += 1;
        }
    }
    assert!(pairs > 100);
}

/// Whether two files sign in the same way, and have one of the signature's headers, or its place in the body, in
/// common.
fn alike(one: &Endpoint, other: &Endpoint) -> bool {
    let (one, other) = (signature_section(one), signature_section(other));
    let in_body = one.1.is_empty() && other.1.is_empty();
    one.0 == other.0 && (in_body || one.1.iter().any(|name| other.1.contains(name)))
}

/// How a file signs, and the headers that carry the signature.
fn signature_section(endpoint: &Endpoint) -> (String, Vec<String>) {
    let table: toml::Table = endpoint.toml.parse().unwrap();
    let mut section = table["signature"].as_table().unwrap().clone();
    let names = match section.remove("header") {
        Some(toml::Value::Array(names)) => names,
        name => name.into_iter().collect(),
    };
    let names = names.iter().filter_map(toml::Value::as_str).map(str::to_lowercase).collect();
    // The end of an item proves nothing, and a scheme that accepts hex in any case accepts it in lower case.
    section.get_mut("list").and_then(|list| list.as_table_mut()?.remove("item_end"));
    (format!("{section:?}").replace("hex-any-case", "hex"), names)
}

#[test]
fn a8_a_signer_of_another_public_url_proves_nothing() {
    for endpoint in Endpoint::all().iter().filter(|endpoint| endpoint.scheme.needs_public_url()) {
        let signed = endpoint.sample();
        for url in [
            "http://hooks.example.com",
            "https://hooks.example.com:8443",
            "https://example.com",
            "https://hooks.example.com/other",
        ] {
            let verifier = endpoint.builder().secret(endpoint.secret).public_url(url).build().unwrap();
            // Two providers cannot tell a URL with a port from one without, and a host alone says nothing about the
            // rest.
            let port = url.ends_with(":8443") && endpoint.toml.contains("without-port");
            let same_host = !endpoint.reading.signs("url") && url == "http://hooks.example.com";
            let verdict = everywhere(&verifier, &signed, NOW);
            assert!(port || same_host || verdict.is_err(), "{}: {url} for {PUBLIC_URL}", endpoint.id());
        }
    }
}

#[test]
fn a_message_signature_by_a_known_key_counts_beside_one_by_an_unknown_key() {
    let file = |id: &str| {
        format!(
            "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n[http-signature]\n\
             algorithms = [\"hmac-sha256\"]\ncomponents = [\"content-digest\"]\n{id}"
        )
    };
    let scheme = |id: &str| Scheme::from_toml("t", &file(id)).unwrap();
    let secret = || Secret::new("a-long-random-secret").unwrap();
    let signer = Signer::new(scheme("key_id = \"a\"\n"), secret()).unwrap();
    let signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
    let beside = |other: &str| {
        let mut request = signed.clone();
        let input = request.headers()["signature-input"].to_str().unwrap().to_owned();
        let signature = request.headers()["signature"].to_str().unwrap().to_owned();
        let input = format!("{input}, other=(\"content-digest\"){other}");
        request.headers_mut().insert("signature-input", input.parse().unwrap());
        request.headers_mut().insert("signature", format!("{signature}, other=:AAAA:").parse().unwrap());
        request
    };
    let by_scheme = Verifier::new(scheme("key_id = \"a\"\n"), secret()).unwrap();
    let by_key = Verifier::builder(scheme("")).key(Key::new("first", secret()).with_id("a")).build().unwrap();
    for verifier in [by_scheme, by_key] {
        let code =
            |other: &str| everywhere(&verifier, &beside(other), NOW).map_or_else(|rejection| rejection.code(), |_| "");
        assert_eq!(code(";keyid=\"b\""), "");
        assert_eq!(code(""), "");
        assert_eq!(code(";keyid=\"a\""), "malformed_signature", "which of the two is meant?");
    }
}

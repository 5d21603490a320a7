//! Tags: how many are tried, whose they are, where they are, and which hashes may make them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign::{Problem, Rejection, Scheme, Signer, Timestamp, Verifier, providers};
use http::{HeaderValue, Request};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "a-long-random-secret";
const WRONG: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn scheme(signature: &str) -> Scheme {
    Scheme::from_toml("acme", &format!("name = \"A\"\n[signature]\n{signature}")).unwrap()
}

fn verifier(signature: &str) -> Verifier {
    Verifier::new(scheme(signature), SECRET).unwrap()
}

fn request(body: impl Into<Bytes>, lines: &[&str]) -> Request<Bytes> {
    let mut request = Request::post("/").body(body.into()).unwrap();
    for line in lines {
        request.headers_mut().append("sig", HeaderValue::from_str(line).unwrap());
    }
    request
}

fn code(verifier: &Verifier, request: &Request<Bytes>) -> &'static str {
    verifier.verify(request, request.body(), NOW).map_or_else(|rejection| rejection.code(), |_| "")
}

/// The tag of `{}` by HMAC-SHA-256.
fn right() -> String {
    let signer = Signer::new(
        scheme("algorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\""),
        SECRET,
    );
    let signed = signer.unwrap().sign(request("{}", &[]), NOW).unwrap();
    signed.headers()["sig"].to_str().unwrap().to_owned()
}

const LIST: &str = "algorithm = \"hmac-sha256\"\nheader = \"sig\"\nsigns = \"{body}\"\n";

#[test]
fn the_last_of_32_tags_counts_and_33_are_too_many() {
    let verifier = verifier(&format!("{LIST}list = {{ separator = \",\", items = [\"v1={{hex}}\"] }}"));
    let tags = |wrong: usize| format!("{}v1={}", format!("v1={WRONG},").repeat(wrong), right());
    assert_eq!(code(&verifier, &request("{}", &[&tags(31)])), "");
    assert_eq!(code(&verifier, &request("{}", &[&tags(32)])), "malformed_signature");
}

#[test]
fn the_optional_end_of_an_item_is_not_part_of_it() {
    let list =
        |end: &str| format!("{LIST}list = {{ separator = \" \", item_end = \"{end}\", items = [\"v1,{{hex}}\"] }}");
    let verifier = verifier(&list(","));
    for line in ["v1,{}", "v1,{},", "v1,{}, v1,{WRONG}", "v1,{WRONG}, v1,{}", "v0,a, v1,{},"] {
        let line = line.replace("{}", &right()).replace("{WRONG}", WRONG);
        assert_eq!(code(&verifier, &request("{}", &[&line])), "", "{line}");
    }
    for line in ["v1,{},,", "v1,,{}", "v1,{};", "v1,"] {
        let line = line.replace("{}", &right());
        assert_eq!(code(&verifier, &request("{}", &[&line])), "malformed_signature", "{line}");
    }
    for end in ["", ",,", "=", "a", "+", " "] {
        let toml = format!("name = \"A\"\n[signature]\n{}", list(end));
        let error = Scheme::from_toml("acme", &toml).unwrap_err().to_string();
        assert!(
            ["other than letters and digits", "no tag contains", "separates items"]
                .iter()
                .any(|words| error.contains(words)),
            "{error}"
        );
    }
}

#[test]
fn four_public_key_signatures_are_tried() {
    let scheme = scheme(
        "algorithm = \"ed25519\"\nheader = \"sig\"\nsigns = \"{body}\"\nlist = { separator = \",\", items = [\"v1={hex}\"] }",
    );
    let key = include_str!("../vectors/keys/ed25519.pub.pem");
    let verifier = Verifier::new(&scheme, key).unwrap();
    let tags = |count: usize| vec![format!("v1={}", WRONG.repeat(2)); count].join(",");
    assert_eq!(code(&verifier, &request("{}", &[&tags(4)])), "signature");
    assert_eq!(code(&verifier, &request("{}", &[&tags(5)])), "malformed_signature");
}

#[test]
fn a_public_key_signature_must_be_in_its_encoding_and_not_empty() {
    let scheme = scheme("algorithm = \"ed25519\"\nheader = \"sig\"\nvalue = \"v1={hex}\"\nsigns = \"{body}\"");
    let verifier = Verifier::new(&scheme, include_str!("../vectors/keys/ed25519.pub.pem")).unwrap();
    let of = |text: &str| code(&verifier, &request("{}", &[text]));
    for text in ["v1=00", &format!("v1={}", WRONG.repeat(2))] {
        assert_eq!(of(text), "signature", "{text}");
    }
    for text in ["v1=", "v1=0", "v1=0g", "v1=AA", &format!("v1={}", WRONG.repeat(2).to_uppercase())] {
        assert_eq!(of(text), "malformed_signature", "{text}");
    }
}

#[test]
fn tags_of_keys_with_other_names_do_not_count() {
    let list = "list = { separator = \",\", items = [\"k={key-name}\", \"s={hex}\"] }\nkey_name = \"ours\"";
    let verifier = verifier(&format!("{LIST}{list}"));
    let of = |text: String| code(&verifier, &request("{}", &[&text]));
    let right = right();
    assert_eq!(of(format!("k=ours,s={right}")), "");
    assert_eq!(of(format!("k=theirs,s={right}")), "unknown_key");
    assert_eq!(of(format!("k=theirs,s={WRONG},k=ours,s={right}")), "");
    assert_eq!(of(format!("k=theirs,s={right},k=ours,s={WRONG}")), "signature");
    assert_eq!(of(format!("k=ours,s={WRONG},k=theirs,s={right}")), "signature");
    assert_eq!(of(format!("k=ours,s={WRONG},k=ours,s={right}")), "");
    assert_eq!(of(format!("k=theirs,s={right},k=ours,s={WRONG},k=ours,s={WRONG}")), "signature");
    assert_eq!(of(format!("k=ours,s={WRONG},k=theirs,s={right},k=ours,s={WRONG}")), "signature");
}

#[test]
fn every_header_line_counts_if_the_scheme_says_so() {
    let one = verifier(&format!("{LIST}value = \"{{hex}}\""));
    let every = verifier(&format!("{LIST}value = \"{{hex}}\"\nevery = true"));
    let right = right();
    for lines in [[WRONG, &right], [&right, WRONG]] {
        assert_eq!(code(&every, &request("{}", &lines)), "");
        assert_eq!(code(&one, &request("{}", &lines)), "malformed_signature");
    }
    assert_eq!(code(&every, &request("{}", &[WRONG, WRONG])), "signature");
    // A proxy may have joined them (RFC 9110 section 5.3).
    for line in [format!("{WRONG}, {right}"), format!("{right},{WRONG}"), format!("{WRONG} ,\t{right}")] {
        assert_eq!(code(&every, &request("{}", &[&line])), "", "{line}");
        assert_eq!(code(&one, &request("{}", &[&line])), "malformed_signature");
    }
    assert_eq!(code(&every, &request("{}", &[&format!("{right},")])), "malformed_signature");
}

#[test]
fn a_tag_of_a_wrapped_signature_counts_only_within_the_wrapping() {
    let right = right();
    let wrapped = format!("{{\"tag\":\"{right}\"}}");
    for (unwrap, text) in [
        ("{ json = \"/tag\" }", wrapped.clone()),
        ("{ encoding = \"base64\" }", STANDARD.encode(&right)),
        ("{ encoding = \"base64\", json = \"/tag\" }", STANDARD.encode(wrapped)),
    ] {
        let verifier = verifier(&format!("{LIST}value = \"{{hex}}\"\nunwrap = {unwrap}"));
        assert_eq!(code(&verifier, &request("{}", &[&text])), "", "{unwrap}");
        assert_eq!(code(&verifier, &request("{}", &[&right])), "malformed_signature", "{unwrap}");
    }
}

#[test]
fn a_separator_splits_even_text_that_would_be_a_tag() {
    let layout = |separator: &str| format!("{LIST}list = {{ separator = \"{separator}\", items = [\"{{base64}}\"] }}");
    let (commas, slashes) = (verifier(&layout(",")), verifier(&layout("/")));
    let signer = Signer::new(scheme(&layout(",")), SECRET).unwrap();
    let mut with_slash = 0;
    for number in 0..40 {
        let signed = signer.sign(request(number.to_string(), &[]), NOW).unwrap();
        let has_slash = signed.headers()["sig"].as_bytes().contains(&b'/');
        with_slash += usize::from(has_slash);
        assert_eq!(code(&commas, &signed), "");
        assert_eq!(code(&slashes, &signed), if has_slash { "malformed_signature" } else { "" });
    }
    assert!((1..40).contains(&with_slash));
}

#[test]
fn a_line_may_contain_a_comma_if_every_line_counts() {
    let right = right();
    for layout in ["value = \"id={any};{hex}\"", "list = { separator = \";\", items = [\"id={any}\", \"{hex}\"] }"] {
        let every = verifier(&format!("{LIST}{layout}\nevery = true"));
        assert_eq!(code(&every, &request("{}", &[&format!("id=a,b;{right}")])), "", "{layout}");
        assert_eq!(
            code(&every, &request("{}", &[&format!("id=a;{WRONG}"), &format!("id=a,b;{right}")])),
            "",
            "{layout}"
        );
    }
}

#[test]
fn a_token_in_json_must_be_a_string() {
    let token = "12345678901234567890";
    let verifier = Verifier::new(scheme("algorithm = \"token\"\njson = \"/token\""), token).unwrap();
    assert_eq!(code(&verifier, &request(format!("{{\"token\":\"{token}\"}}"), &[])), "");
    assert_eq!(code(&verifier, &request(format!("{{\"token\":{token}}}"), &[])), "malformed_signature");
    for other in ["1.5", "[1]", "{}", "true"] {
        assert_eq!(code(&verifier, &request(format!("{{\"token\":{other}}}"), &[])), "malformed_signature", "{other}");
    }
    for none in ["{\"token\":\"\"}", "{}", "[]", "1"] {
        assert_eq!(code(&verifier, &request(none, &[])), "missing_signature", "{none}");
    }
}

#[test]
fn a_refusal_names_the_place_of_the_tag_as_the_scheme_does() {
    for (place, told) in [
        ("header = \"X-Token\"", "header `x-token`"),
        ("query = \"token\"", "query parameter `token`"),
        ("form = \"token\"", "form parameter `token`"),
        ("json = \"/a~1b/~0/0\"", "JSON value `/a~1b/~0/0`"),
    ] {
        let verifier = verifier(&format!("algorithm = \"token\"\n{place}"));
        let request = request("{}", &[]);
        let refused = verifier.verify(&request, request.body(), NOW).unwrap_err();
        assert_eq!(refused.to_string(), format!("there is no {told}: the request is not signed"));
    }
}

/// FIPS 180-4 section 5.1.1: the padding of SHA-256 after this many bytes.
fn padding(len: usize) -> Vec<u8> {
    let zeros = vec![0; (64 - (len + 1 + 8) % 64) % 64];
    [b"\x80", &*zeros, &(len as u64 * 8).to_be_bytes()].concat()
}

#[test]
fn a_length_extension_of_a_plain_hash_is_refused_for_every_layout() {
    type Layout = (&'static str, fn(&[u8]) -> Vec<u8>);
    let plain = |signs: &str| {
        let rest = if signs.contains("form") {
            "covers_body = false\n[event]\ntold_apart_by = \"signed-content\""
        } else {
            ""
        };
        verifier(&format!("algorithm = \"sha256\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n{rest}"))
    };
    let in_form = |text: &[u8]| {
        [b"--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n", text, b"\r\n--b--\r\n"].concat()
    };
    let layouts: [Layout; 4] = [
        ("{secret}{body}", <[u8]>::to_vec),
        ("{secret}{method}\\n{body}", <[u8]>::to_vec),
        ("{secret}{canonical:contentful}", <[u8]>::to_vec),
        ("{secret}{form:data}", in_form),
    ];
    for (signs, write) in layouts {
        let verifier = plain(signs);
        let of = |text: &[u8]| {
            let mut request = request(write(text), &[WRONG]);
            request.headers_mut().insert("x-contentful-timestamp", HeaderValue::from_static("1767225600000"));
            request
        };
        // The number of bytes between the secret and this text differs from layout to layout.
        let refused = (0..200).filter(|between| {
            let text = [b"x", &*padding(SECRET.len() + between + 1), b"more"].concat();
            match code(&verifier, &of(&text)) {
                "ambiguous_content" => true,
                "signature" => false,
                other => panic!("{signs}: {other}"),
            }
        });
        assert_eq!(refused.count(), 1, "{signs}");
    }
}

#[test]
fn more_zeros_than_a_padding_has_are_no_padding() {
    let verifier = verifier("algorithm = \"sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{secret}{body}\"");
    let code = |blocks: usize| {
        let mut text = [b"x", &*padding(SECRET.len() + 1)].concat();
        let length = text.split_off(text.len() - 8);
        text.resize(64 * blocks - SECRET.len() - length.len(), 0);
        code(&verifier, &request([&*text, &*length, b"more"].concat(), &[WRONG]))
    };
    assert_eq!([1, 2, 3, 8].map(code), ["ambiguous_content", "signature", "signature", "signature"]);
}

#[test]
fn the_secret_may_be_a_part_of_what_an_hmac_signs() {
    // Computed with Python's `hmac`.
    let gitee = Request::post("/")
        .header("X-Gitee-Timestamp", "1767225600000")
        .header("X-Gitee-Token", "Ihwj8FyPJfT4YIXi/adIQljYfR8hNknkj4tQ+v3VTqM=");
    let verifier = Verifier::new(providers::GITEE, "this is secret").unwrap();
    assert_eq!(code(&verifier, &gitee.body(Bytes::from_static(b"{}")).unwrap()), "");
    let other = Verifier::new(providers::GITEE, "this is another secret").unwrap();
    let signed = Signer::new(providers::GITEE, "this is secret").unwrap().sign(request("{}", &[]), NOW).unwrap();
    assert_eq!((code(&verifier, &signed), code(&other, &signed)), ("", "signature"));

    let rapyd = |salt: &str, body: &'static str| {
        let signature = "MTZiNTZmZDRmMWY0NzRiZmIwZWJjNjgxZGFlNzA0MzVlMTJlNzk4NjNlY2ViOTRlMTc2NzJhMGEzY2ZiZGQzOQ==";
        let request = Request::post("/rapyd").header("signature", signature).header("timestamp", "1767225600");
        request.header("salt", salt).body(Bytes::from_static(body.as_bytes())).unwrap()
    };
    let verifier = Verifier::builder(providers::RAPYD).secret("rsk_secret").setting("access_key", "AK");
    let verifier = verifier.public_url("https://example.com/rapyd").build().unwrap();
    let salt = "0123456789abcdef";
    assert_eq!(code(&verifier, &rapyd(salt, "{\"id\":\"wh_1\"}")), "");
    assert_eq!(code(&verifier, &rapyd(salt, "{\"id\":\"wh_2\"}")), "signature");
    assert_eq!(code(&verifier, &rapyd("1123456789abcdef", "{\"id\":\"wh_1\"}")), "signature");
    // In chunks, as a layer passes it.
    let whole = rapyd(salt, "{\"id\":\"wh_1\"}");
    let mut pending = verifier.begin(&whole, NOW).unwrap();
    whole.body().chunks(3).for_each(|chunk| pending.update(chunk));
    assert!(pending.finish().is_ok());
}

#[test]
fn a_scheme_with_a_broken_hash_must_be_allowed() {
    let is_allowed = |algorithm: &str, signs: &str| {
        let toml = format!("algorithm = \"{algorithm}\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"");
        Verifier::new(scheme(&toml), SECRET).is_ok()
    };
    for algorithm in ["hmac-sha1", "hmac-sha256", "hmac-sha512"] {
        assert!(is_allowed(algorithm, "{body}"), "{algorithm}");
    }
    for algorithm in ["sha256", "sha512"] {
        assert!(is_allowed(algorithm, "{secret}{body}"), "{algorithm}");
    }
    assert!(!is_allowed("hmac-md5", "{body}"));
    for algorithm in ["md5", "sha1"] {
        assert!(!is_allowed(algorithm, "{secret}{body}"), "{algorithm}");
    }
    // Two bodies with the same hash have the same signature.
    assert!(is_allowed("hmac-sha256", "{sha256-hex:body}"));
    for hash in ["md5-hex", "sha1-base64"] {
        assert!(!is_allowed("hmac-sha256", &format!("{{{hash}:body}}")), "{hash}");
    }
    // A hash that is only part of some requests counts as well.
    for (hash, is_legacy) in [("sha256-hex", false), ("sha1-hex", true)] {
        let part = format!("{{ text = \"{{{hash}:url}};\", when = \"header:X-Url\" }}");
        let toml = format!("{LIST}value = \"{{hex}}\"\nambiguous = \"a test\"")
            .replace("\"{body}\"", &format!("[{part}, \"b:{{body}}\"]"));
        assert_eq!(scheme(&toml).is_legacy(), is_legacy, "{hash}");
        let built = Verifier::builder(scheme(&toml)).secret(SECRET).public_url("https://example.com").build();
        assert_eq!(built.is_err(), is_legacy, "{hash}");
    }
}

#[test]
fn the_debug_output_of_a_verifier_has_its_scheme_and_labels_but_no_secret() {
    let shown = format!("{:?}", verifier(&format!("{LIST}value = \"{{hex}}\"")));
    assert!(shown.contains("acme") && shown.contains("key-1") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn the_request_chooses_among_the_algorithms_of_the_scheme() {
    let scheme = scheme(
        "algorithm = { header = \"version\", choices = { \"1\" = \"rsa-sha1\", \"2\" = \"rsa-sha256\" } }\n\
         header = \"sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"",
    );
    let key = include_str!("../vectors/keys/rsa2048.pub.pem");
    let verifier = Verifier::builder(&scheme).secret(key).allow_legacy().build().unwrap();
    let without_legacy = Verifier::new(&scheme, key).unwrap();
    let message: &[u8] = include_bytes!("../vectors/keys/message");
    let sha1 = STANDARD.encode(include_bytes!("../vectors/keys/rsa-sha1.sig"));
    let sha256 = STANDARD.encode(include_bytes!("../vectors/keys/rsa-sha256.sig"));
    for (version, signature, expected) in [
        ("1", &sha1, ""),
        ("2", &sha256, ""),
        ("1", &sha256, "signature"),
        ("2", &sha1, "signature"),
        ("3", &sha256, "malformed_signature"),
        ("", &sha256, "malformed_signature"),
    ] {
        let mut request = request(message, &[signature]);
        request.headers_mut().insert("version", HeaderValue::from_static(version));
        assert_eq!(code(&verifier, &request), expected, "{version}");
        // SHA-1 can only be chosen if legacy algorithms are allowed.
        let expected = if version == "1" { "malformed_signature" } else { expected };
        assert_eq!(code(&without_legacy, &request), expected, "{version}");
    }
}

#[test]
fn a_signature_by_a_subaccount_or_by_its_main_account_counts() {
    for (provider, own, main) in [
        (providers::PLIVO_V2, "x-plivo-signature-v2", "x-plivo-signature-ma-v2"),
        (providers::PLIVO_V3, "x-plivo-signature-v3", "x-plivo-signature-ma-v3"),
    ] {
        let url = "https://hooks.example.com/in";
        let by = |secret: &str| {
            let request = Request::post("/in").header("content-type", "application/x-www-form-urlencoded");
            let request = request.header(format!("{own}-nonce"), "n-1").body(Bytes::from("From=1&To=2")).unwrap();
            Signer::with_public_url(provider, secret, url).unwrap().sign(request, NOW).unwrap()
        };
        let signature = |secret: &str| by(secret).headers()[own].clone();
        let verifier = Verifier::builder(provider).secret(SECRET).public_url(url).build().unwrap();
        let code = |of_subaccount: Option<&str>, of_main: Option<&str>| {
            let mut request = by(SECRET);
            request.headers_mut().remove(own);
            for (name, secret) in [(own, of_subaccount), (main, of_main)] {
                if let Some(secret) = secret {
                    request.headers_mut().insert(name, signature(secret));
                }
            }
            code(&verifier, &request)
        };
        let other = "another-random-secret";
        assert_eq!(code(Some(SECRET), None), "", "{provider}");
        assert_eq!(code(None, Some(SECRET)), "", "{provider}");
        assert_eq!(code(Some(other), Some(SECRET)), "", "{provider}");
        assert_eq!(code(Some(SECRET), Some(other)), "", "{provider}");
        assert_eq!(code(Some(other), Some(other)), "signature", "{provider}");
    }
}

#[test]
fn an_empty_item_of_a_list_is_skipped() {
    for (item, tag) in [("{hex}", right()), ("v1={hex}", format!("v1={}", right()))] {
        let verifier = verifier(&format!("{LIST}list = {{ separator = \",\", trim = true, items = [\"{item}\"] }}"));
        for line in ["T", "T,", ",T", ",,T", "T,,T", "T, ,", " , T"] {
            assert_eq!(code(&verifier, &request("{}", &[&line.replace('T', &tag)])), "", "{item}: {line}");
        }
        for line in [",", ", ,"] {
            let refused = verifier.verify(&request("{}", &[line]), b"{}", NOW).map(drop).unwrap_err();
            assert!(
                matches!(refused, Rejection::MalformedSignature { problem: Problem::UnknownVersion, .. }),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn the_text_after_a_tag_or_a_time_in_the_layout_must_be_present() {
    let time = "[timestamp]\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    let list = |items: &str| {
        let timed = LIST.replace("{body}", "{timestamp}.{body}");
        format!("{timed}list = {{ separator = \",\", items = [{items}] }}\n{time}")
    };
    for (layout, right_end, wrong) in [
        (format!("{LIST}value = \"{{hex}};v1\"\n"), ";v1", ""),
        (format!("{LIST}value = \"{{hex}};{{any}}\"\n"), ";", ""),
        (format!("{LIST}list = {{ separator = \",\", items = [\"{{hex}};v1\"] }}\n"), ";v1", ""),
        (list("\"t={timestamp}s\", \"v1={hex}\""), "s,", ","),
        (list("\"t={timestamp};{any}\", \"v1={hex}\""), ";,", ","),
    ] {
        let signer = Signer::new(scheme(&layout), SECRET).unwrap();
        let signed = signer.sign(request("{}", &[]), NOW).unwrap();
        let line = signed.headers()["sig"].to_str().unwrap();
        assert_eq!(code(signer.verifier(), &signed), "", "{layout}: {line}");
        assert!(line.contains(right_end), "{line}");
        let cut = line.replacen(right_end, wrong, 1);
        assert_eq!(code(signer.verifier(), &request("{}", &[&cut])), "malformed_signature", "{layout}: {cut}");
    }
}

#[test]
fn an_item_that_matches_two_layouts_is_read_as_the_first() {
    let time = "[timestamp]\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    let timed = LIST.replace("{body}", "{timestamp}.{body}");
    let toml = format!("{timed}list = {{ separator = \",\", items = [\"a{{timestamp}}\", \"{{hex}}\"] }}\n{time}");
    let signer = Signer::new(scheme(&toml), SECRET).unwrap();
    let mut codes = [None; 2];
    for number in 0..200 {
        let signed = signer.sign(request(number.to_string(), &[]), NOW).unwrap();
        let line = signed.headers()["sig"].to_str().unwrap();
        let begins_like_a_time = line.split_once(',').unwrap().1.starts_with('a');
        codes[usize::from(begins_like_a_time)] = Some(code(signer.verifier(), &signed));
    }
    assert_eq!(codes, [Some(""), Some("malformed_signature")]);
}

#[test]
fn the_secret_may_be_all_that_an_hmac_signs() {
    let toml = "algorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{secret}\"\n\
                covers_body = false\n[event]\nid = \"{header:X-Id}\"\ntold_apart_by = \"unsigned-values\"\n";
    // Computed with Python's `hmac`.
    let tag = "e5033b3f20a51cb707c89eb18d77d054a498d48d70e92a666086152fbb3e977e";
    let verifier = verifier(toml);
    assert_eq!(code(&verifier, &request("{}", &[tag])), "");
    assert_eq!(code(&verifier, &request("{}", &[WRONG])), "signature");
}

#[test]
fn a_signer_replaces_existing_values_with_its_own() {
    let toml = |signs: &str, place: &str| {
        format!(
            "algorithm = \"hmac-sha256\"\n{place}value = \"{{hex}}\"\nsigns = \"{signs}\"\ncovers_body = false\n\
             [event]\ntold_apart_by = \"signed-content\"\n"
        )
    };
    let signer = |signs: &str, place: &str| Signer::new(scheme(&toml(signs, place)), SECRET).unwrap();
    let query = signer("{query:v}", "query = \"sig\"\n");
    let request = Request::post("/?sig=old&v=1&&s=sig&sig=older").body(Bytes::new()).unwrap();
    let signed = query.sign(request, NOW).unwrap();
    assert_eq!(code(query.verifier(), &signed), "");
    let text = signed.uri().query().unwrap();
    assert!(text.starts_with("v=1&s=sig&sig=") && text.matches("sig=").count() == 1, "{text}");

    let json = signer("{json:/v}", "json = \"/sigs/1\"\n");
    let signed = json.sign(Request::post("/").body("{\"v\":1,\"sigs\":[\"a\",\"b\",\"c\"]}").unwrap(), NOW).unwrap();
    assert_eq!(code(json.verifier(), &signed), "");
    assert!(signed.body().starts_with(b"{\"v\":1,\"sigs\":[\"a\",\""), "{signed:?}");
    assert!(signed.body().ends_with(b"\",\"c\"]}"), "{signed:?}");
    for body in ["{\"v\":1,\"sigs\":[\"a\"]}", "{\"v\":1,\"sigs\":\"ab\"}"] {
        assert!(json.sign(Request::post("/").body(body).unwrap(), NOW).is_err(), "{body}");
    }
}

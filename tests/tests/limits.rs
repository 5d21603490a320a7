//! The limits of each piece of a request: a piece of exactly the limit is accepted, a longer one refused.

use std::io::Read as _;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use countersign::{
    KeyError, KeyPolicy, PublicKey, PublicKeyKind, Rejection, Scheme, SignError, Signer, Timestamp, Verifier,
};
use countersign_tests::verdict::each_way;
use flate2::{Compression, read::GzEncoder};
use http::{HeaderName, HeaderValue, Request};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "a-long-random-secret";

const SIGNATURE: &str =
    "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n";

/// The code of a verdict; empty if the request is accepted.
fn verdict(verifier: &Verifier, request: &Request<Bytes>) -> &'static str {
    each_way(verifier, request, NOW, &[1]).err().map_or("", |rejection| rejection.code())
}

/// Signs a request with these headers and this body, and returns the code of its verdict; empty if it is accepted.
fn code(file: &str, headers: &[(&str, &str)], body: &str) -> &'static str {
    let scheme = Scheme::from_toml("t", file).unwrap();
    let request = headers.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
    let request = request.body(body.to_owned()).unwrap();
    // The verifier must refuse what the signer refuses to sign, for the same reason.
    match Signer::new(&scheme, SECRET).unwrap().sign(request, NOW) {
        Ok(signed) => verdict(&Verifier::new(&scheme, SECRET).unwrap(), &signed),
        Err(SignError::Refused(rejection)) => rejection.code(),
        Err(other) => panic!("{other}"),
    }
}

/// The limit that applies if none is set.
#[test]
fn a_body_may_decode_to_16_mebibytes() {
    let file = format!("{SIGNATURE}signs = \"{{body}}\"\n[body]\ndecoded = \"gzip\"\n");
    let scheme = Scheme::from_toml("t", &file).unwrap();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let code = |length: usize| {
        let plain = Bytes::from(vec![b'x'; length]);
        let mut packed = Vec::new();
        GzEncoder::new(&*plain, Compression::fast()).read_to_end(&mut packed).unwrap();
        let mut request =
            Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/").body(plain).unwrap(), NOW).unwrap();
        request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
        verifier.verify(&request, &packed, NOW).err().map_or("", |rejection| rejection.code())
    };
    assert_eq!([16 * MEBIBYTE, 16 * MEBIBYTE + 1].map(code), ["", "body_too_large"]);
}

/// The code of a verdict on a request with this text at the place. It is signed by a scheme that accepts any text
/// there, because the signer would write its own.
fn code_at(place: &str, text: &str, file: &str, signs: &str) -> &'static str {
    let request = Request::post(format!("/?at={text}")).header("X-At", text).body("{}".to_owned()).unwrap();
    let any = format!("{SIGNATURE}signs = \"{{{place}}}{signs}\"\n");
    let signer = Signer::new(Scheme::from_toml("t", &any).unwrap(), SECRET).unwrap();
    let signed = signer.sign(request, NOW).unwrap();
    verdict(&Verifier::new(Scheme::from_toml("t", file).unwrap(), SECRET).unwrap(), &signed)
}

/// A place as a part and as a key of the file.
const PLACES: [(&str, &str); 2] = [("header:X-At", "header = \"X-At\""), ("query:at", "query = \"at\"")];

#[test]
fn an_id_may_have_256_characters() {
    for (part, place) in PLACES {
        let file = format!("{SIGNATURE}signs = \"{{id}}.{{body}}\"\n[id]\n{place}\n");
        for (length, expected) in [(1, ""), (255, ""), (256, ""), (257, "malformed_id"), (300, "malformed_id")] {
            assert_eq!(code_at(part, &"i".repeat(length), &file, ".{body}"), expected, "{place} {length}");
        }
    }
}

#[test]
fn a_timestamp_may_have_40_characters() {
    for ((part, place), format) in PLACES.into_iter().flat_map(|at| [(at, "rfc3339"), (at, "rfc3339-or-utc")]) {
        let file = format!(
            "{SIGNATURE}signs = \"{{timestamp}}\\n{{body}}\"\n[timestamp]\n{place}\nformat = \"{format}\"\ntolerance = \"5m\"\n"
        );
        let at = |length: usize, zone: &str| {
            let text = format!("2026-01-01T00:00:00.{}{zone}", "0".repeat(length - 20 - zone.len()));
            code_at(part, &text, &file, "\\n{body}")
        };
        assert_eq!([39, 40, 41].map(|length| at(length, "Z")), ["", "", "malformed_timestamp"], "{place} {format}");
        if format == "rfc3339-or-utc" {
            assert_eq!(
                [38, 39, 40, 41].map(|length| at(length, "")),
                ["", "", "malformed_timestamp", "malformed_timestamp"],
                "{place}"
            );
        }
    }
}

#[test]
fn digits_that_may_be_seconds_or_milliseconds_are_ten_or_thirteen() {
    let file = format!(
        "{SIGNATURE}signs = \"{{timestamp}}.{{body}}\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"seconds-or-milliseconds\"\n\
         tolerance = \"50000d\"\n"
    );
    let verifier = Verifier::new(Scheme::from_toml("t", &file).unwrap(), SECRET).unwrap();
    let any = format!("{SIGNATURE}signs = \"{{header:X-Time}}.{{body}}\"\n");
    let signer = Signer::new(Scheme::from_toml("t", &any).unwrap(), SECRET).unwrap();
    let code = |text: &str| {
        let request = Request::post("/").header("X-Time", text).body("{}".to_owned()).unwrap();
        let signed = signer.sign(request, NOW).unwrap();
        verdict(&verifier, &signed)
    };
    assert_eq!(["1767225600", "1767225600000"].map(code), ["", ""]);
    for text in ["176722560", "17672256000", "176722560000", "17672256000000"] {
        assert_eq!(code(text), "malformed_timestamp", "{text}");
    }
}

#[test]
fn a_signature_may_have_8192_bytes() {
    let list = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nsigns = \"{body}\"\n\
                list = { separator = \",\", items = [\"v1={hex}\"] }\n";
    let signer = Signer::new(Scheme::from_toml("t", list).unwrap(), SECRET).unwrap();
    let verifier = Verifier::new(Scheme::from_toml("t", list).unwrap(), SECRET).unwrap();
    for (length, expected) in [(8191, ""), (8192, ""), (8193, "malformed_signature")] {
        let mut signed = signer.sign(Request::post("/").body("{}".to_owned()).unwrap(), NOW).unwrap();
        let tag = signed.headers()["X-Sig"].to_str().unwrap().to_owned();
        // Items of unknown versions are skipped.
        let filler = "x".repeat(length - tag.len() - 1);
        signed.headers_mut().insert("X-Sig", format!("{filler},{tag}").parse().unwrap());
        let got = verdict(&verifier, &signed);
        assert_eq!(got, expected, "{length}");
    }
}

#[test]
fn a_form_that_is_sorted_may_have_1000_parameters() {
    let file =
        format!("{SIGNATURE}signs = \"{{form-sorted}}\"\n[form]\nbetween = \"=\"\njoin = \"&\"\nencode = true\n");
    let form = |count: usize| (0..count).map(|at| format!("p{at}=1")).collect::<Vec<_>>().join("&");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!([999, 1000, 1001].map(|count| code(&file, &headers, &form(count))), ["", "", "malformed_value"]);
}

#[test]
fn a_form_may_have_1000_parts() {
    let file = format!("{SIGNATURE}signs = \"{{form:v}}.{{body}}\"\n");
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
    let form = |count: usize| format!("{}{}--b--\r\n", part("other").repeat(count - 1), part("v"));
    assert_eq!([1, 999, 1000, 1001].map(|count| code(&file, &[], &form(count))), ["", "", "", "malformed_value"]);
}

#[test]
fn the_beginning_of_a_body_is_not_accepted_if_the_whole_exceeds_the_limit() {
    let scheme = Scheme::from_toml("t", &format!("{SIGNATURE}signs = \"{{body}}\"\n")).unwrap();
    let signed = Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/").body("0123456789").unwrap(), NOW);
    let (head, body) = signed.unwrap().into_parts();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let mut collecting = verifier.collect(&head, 10, NOW).unwrap();
    collecting.push(body).unwrap();
    assert_eq!(collecting.push(Bytes::from_static(b"!")).unwrap_err().code(), "body_too_large");
    assert_eq!(collecting.finish().unwrap_err().code(), "body_too_large");
}

#[test]
fn a_collected_body_may_be_as_long_as_its_limit_and_reports_its_length() {
    let scheme = Scheme::from_toml("t", &format!("{SIGNATURE}signs = \"{{body}}\"\n")).unwrap();
    let signed = Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/").body("0123456789").unwrap(), NOW);
    let (head, body) = signed.unwrap().into_parts();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    for (limit, expected) in [(0, "body_too_large"), (9, "body_too_large"), (10, ""), (11, "")] {
        for cut in [0, 1, 9, 10] {
            let mut collecting = verifier.collect(&head, limit, NOW).unwrap();
            let mut come = 0;
            let (first, rest) = body.split_at(cut);
            let all = [first, rest].into_iter().try_for_each(|chunk| {
                collecting.push(Bytes::copy_from_slice(chunk))?;
                come += chunk.len() as u64;
                assert_eq!(collecting.received(), come);
                Ok(())
            });
            let verdict = all.and_then(|()| collecting.finish().map(drop));
            assert_eq!(
                verdict.map_or_else(|rejection: Rejection| rejection.code(), |()| ""),
                expected,
                "{limit} {cut}"
            );
        }
    }
}

#[test]
fn a_signature_that_is_wrapped_may_have_8192_bytes_around_it() {
    let plain = format!("{SIGNATURE}signs = \"{{body}}\"\n");
    let signer = Signer::new(Scheme::from_toml("t", &plain).unwrap(), SECRET).unwrap();
    let signed = signer.sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
    let tag = signed.headers()["X-Sig"].to_str().unwrap();
    let wrapped = Scheme::from_toml("t", &format!("{plain}unwrap = {{ json = \"/tag\" }}\n")).unwrap();
    let verifier = Verifier::new(&wrapped, SECRET).unwrap();
    let code = |length: usize| {
        let around = "{\"tag\":\"\"}".len() + tag.len();
        let text = format!("{{\"tag\":{}\"{tag}\"}}", " ".repeat(length - around));
        verdict(&verifier, &Request::post("/").header("X-Sig", text).body(Bytes::from("{}")).unwrap())
    };
    assert_eq!([100, 8191, 8192, 8193].map(code), ["", "", "", "malformed_signature"]);
}

#[test]
fn what_a_token_signs_may_have_a_mebibyte() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\nalgorithms = [\"HS256\"]";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let signer = Signer::new(&scheme, SECRET).unwrap();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let signed = |length: usize| {
        let body = format!("{{\"text\":\"{}\"}}", "x".repeat(length - "{\"text\":\"\"}".len()));
        signer.sign(Request::post("/").body(body).unwrap(), NOW).unwrap().map(Bytes::from)
    };
    let length = |token: &Request<Bytes>| token.body().len() - ".".len() - SHA256_IN_BASE64;
    // Each three bytes are four characters, after the header of the token.
    let header = length(&signed(300)) - 400;
    let most = (MEBIBYTE - header) / 4 * 3;
    let (longest, longer) = (signed(most), signed(most + 3));
    assert!(length(&longest) <= MEBIBYTE && length(&longer) > MEBIBYTE);
    assert_eq!([longest, longer].map(|request| verdict(&verifier, &request)), ["", "malformed_signature"]);
}

#[test]
fn a_token_may_be_as_long_as_what_it_signs_and_its_signature_may_be() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\nalgorithms = [\"HS256\"]";
    let verifier = Verifier::new(Scheme::from_toml("t", file).unwrap(), SECRET).unwrap();
    // {"alg":"HS256"}
    let header = "eyJhbGciOiJIUzI1NiJ9";
    let code = |signed: usize, signature: usize| {
        let bytes = (signed - header.len() - ".".len()) * 3 / 4;
        let claims = format!("{{\"text\":\"{}\"}}", "x".repeat(bytes - "{\"text\":\"\"}".len()));
        let token = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(token.len(), signed);
        let token = format!("{token}.{}", "A".repeat(signature));
        verdict(&verifier, &Request::post("/").body(Bytes::from(token)).unwrap())
    };
    for (signed, signature, expected) in [
        (MEBIBYTE, 1366, "signature"),
        (MEBIBYTE, 1364, "signature"),
        (MEBIBYTE - 1, 1366, "signature"),
        (MEBIBYTE, 1367, "malformed_signature"),
        (MEBIBYTE + 1, 1366, "malformed_signature"),
        (100, 1367, "malformed_signature"),
        (MEBIBYTE + 1, 43, "malformed_signature"),
    ] {
        assert_eq!(code(signed, signature), expected, "{signed} {signature}");
    }
}

/// A file for message signatures with the secret, over these components.
fn message(components: &[String], rest: &str) -> String {
    let covers = if components.iter().any(|component| component == "content-digest") {
        ""
    } else {
        "covers_body = false\n[event]\ntold_apart_by = \"unsigned-values\"\nid = \"{header:X-Id}\"\n"
    };
    format!(
        "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n{covers}[http-signature]\n\
         algorithms = [\"hmac-sha256\"]\ncomponents = {components:?}\n{rest}"
    )
}

#[test]
fn each_header_of_a_message_signature_may_have_8192_bytes_and_4_members() {
    let scheme = Scheme::from_toml("t", &message(&["@method".to_owned()], "label = \"a\"\n")).unwrap();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let signer = Signer::new(&scheme, SECRET).unwrap();
    let with = |name: &str, more: &dyn Fn(&str) -> String| {
        let mut signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
        let line = signed.headers()[name].to_str().unwrap().to_owned();
        let line = format!("{line}{}", more(&line));
        signed.headers_mut().insert(HeaderName::try_from(name).unwrap(), line.parse().unwrap());
        verdict(&verifier, &signed)
    };
    for name in ["signature-input", "signature"] {
        let of_length = |length: usize| {
            with(name, &|line| format!(", b=\"{}\"", "x".repeat(length - line.len() - ", b=\"\"".len())))
        };
        assert_eq!([8191, 8192, 8193].map(of_length), ["", "", "malformed_signature"], "{name}");
        let of_members =
            |count: usize| with(name, &|_| (1..count).fold(String::new(), |text, at| format!("{text}, b{at}=1")));
        assert_eq!(
            [1, 3, 4, 5, 6].map(of_members),
            ["", "", "", "malformed_signature", "malformed_signature"],
            "{name}"
        );
    }
}

#[test]
fn a_message_signature_may_cover_32_components() {
    let verifier = Verifier::new(Scheme::from_toml("t", &message(&[], "")).unwrap(), SECRET).unwrap();
    let code = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("x-{at}")).collect();
        let scheme = Scheme::from_toml("t", &message(&names, "")).unwrap();
        let request = names.iter().fold(Request::post("/"), |request, name| request.header(name, "a"));
        let signed = Signer::new(&scheme, SECRET).unwrap().sign(request.body(Bytes::from("{}")).unwrap(), NOW);
        verdict(&verifier, &signed.unwrap())
    };
    assert_eq!([1, 31, 32, 33].map(code), ["", "", "", "malformed_signature"]);
}

#[test]
fn a_header_that_is_parsed_for_a_message_signature_may_have_2048_bytes() {
    for (component, is_parsed) in [("x-a;sf", true), ("x-a;key=\"a\"", true), ("x-a;bs", false), ("x-a", false)] {
        let file = message(&[component.to_owned()], "");
        let of_length = |length: usize| code(&file, &[("X-A", &format!("a=\"{}\"", "x".repeat(length - 4)))], "{}");
        let longer = if is_parsed { "malformed_value" } else { "" };
        assert_eq!([2047, 2048, 2049].map(of_length), ["", "", longer], "{component}");
    }
}

#[test]
fn the_digests_of_a_body_may_be_16_in_2048_bytes() {
    let file = message(&["content-digest".to_owned()], "");
    let verifier = Verifier::new(Scheme::from_toml("t", &file).unwrap(), SECRET).unwrap();
    let plain = format!("{SIGNATURE}signs = \"{{body}}\"\n").replace("{hex}", "{base64}");
    let plain = Signer::new(Scheme::from_toml("t", &plain).unwrap(), SECRET).unwrap();
    let code = |digests: &str| {
        let parameters = "(\"content-digest\");created=1767225600";
        let base = format!("\"content-digest\": {digests}\n\"@signature-params\": {parameters}");
        let tag = plain.sign(Request::post("/").body(base).unwrap(), NOW).unwrap();
        let request = Request::post("/")
            .header("Content-Digest", digests)
            .header("Signature-Input", format!("a={parameters}"))
            .header("Signature", format!("a=:{}:", tag.headers()["X-Sig"].to_str().unwrap()));
        verdict(&verifier, &request.body(Bytes::from("{}")).unwrap())
    };
    let of_length =
        |length: usize| code(&format!("{DIGEST}, a=\"{}\"", "x".repeat(length - DIGEST.len() - ", a=\"\"".len())));
    assert_eq!([2047, 2048, 2049].map(of_length), ["", "", "malformed_value"]);
    let of_count = |count: usize| code(&(1..count).fold(DIGEST.to_owned(), |text, at| format!("{text}, a{at}=1")));
    assert_eq!([1, 15, 16, 17, 18].map(of_count), ["", "", "", "malformed_value", "malformed_value"]);
}

/// The digest of `{}`.
const DIGEST: &str = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";

#[test]
fn a_key_may_have_64_kib_in_every_format() {
    let padded = |text: &str, length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let pem = include_str!("../vectors/keys/ed25519.pub.pem");
    for length in [65_535, 65_536, 65_537] {
        for read in [
            PublicKey::from_jwk(&padded(jwk, length), KeyPolicy::Standard),
            PublicKey::from_pem(&padded(pem, length), KeyPolicy::Standard),
        ] {
            let expected = if length > 65_536 { Err(KeyError::TooLarge) } else { Ok(PublicKeyKind::Ed25519) };
            assert_eq!(read.map(|key| key.kind()), expected, "{length}");
        }
        // A text of exactly the limit is parsed, and is no key.
        let no_key = PublicKey::from_spki_der(&vec![0; length], KeyPolicy::Standard).unwrap_err();
        assert_eq!(no_key == KeyError::TooLarge, length > 65_536, "{length}: {no_key}");
    }
}

const MEBIBYTE: usize = 1024 * 1024;
const SHA256_IN_BASE64: usize = 43;

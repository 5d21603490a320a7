//! The order of checks: cheap ones before expensive ones, and the claims of a token only after its signature.

use bytes::Bytes;
use countersign::{Key, Scheme, Secret, Signer, Timestamp, Verified, Verifier};
use countersign_tests::verdict::each_way;
use http::{HeaderValue, Request};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "a-long-random-secret";

fn endpoint(toml: &str) -> (Signer, Verifier) {
    let scheme = Scheme::from_toml("a", toml).unwrap();
    (Signer::new(&scheme, SECRET).unwrap(), Verifier::new(&scheme, SECRET).unwrap())
}

fn code(verifier: &Verifier, request: &Request<Bytes>) -> &'static str {
    verifier.verify(request, request.body(), NOW).map_or_else(|rejection| rejection.code(), |_| "")
}

fn request() -> Request<Bytes> {
    Request::post("/").body(Bytes::from_static(b"{}")).unwrap()
}

const TOKEN: &str = r#"
name = "Token"
[signature]
algorithm = "jwt"
header = "token"
[jwt]
algorithms = ["HS256"]
[[check]]
claim = "/body_sha256"
equals = "{sha256-hex:body}"
"#;

#[test]
fn the_claims_of_a_token_are_checked_after_its_signature() {
    let (signer, verifier) = endpoint(TOKEN);
    let mut request = signer.sign(request(), NOW).unwrap();
    assert_eq!(code(&verifier, &request), "");
    *request.body_mut() = Bytes::from_static(b"{ }");
    assert_eq!(code(&verifier, &request), "body_hash");
    let mut forged = Signer::new(verifier.scheme(), "another-long-secret").unwrap().sign(request, NOW).unwrap();
    *forged.body_mut() = Bytes::from_static(b"{}");
    assert_eq!(code(&verifier, &forged), "signature");
}

const HASH: &str = r#"
name = "Hash"
[signature]
algorithm = "hmac-sha256"
header = "sig"
value = "{hex}"
signs = "{header:digest}"
[[check]]
header = "digest"
equals = "{sha256-hex:body}"
"#;

#[test]
fn a_hash_of_the_body_is_checked_before_the_signature_over_it() {
    let (signer, verifier) = endpoint(HASH);
    let mut request = signer.sign(request(), NOW).unwrap();
    assert_eq!(code(&verifier, &request), "");
    request.headers_mut().insert("sig", HeaderValue::from_static(WRONG));
    assert_eq!(code(&verifier, &request), "signature");
    *request.body_mut() = Bytes::from_static(b"{ }");
    assert_eq!(code(&verifier, &request), "body_hash");
}

const ID_IN_BODY: &str = r#"
name = "Id"
[signature]
algorithm = "hmac-sha256"
header = "sig"
value = "{hex}"
signs = "{id}.{body}"
[id]
json = "/id"
"#;

#[test]
fn a_head_without_a_signature_is_refused_before_the_body_arrives() {
    let (_, verifier) = endpoint(ID_IN_BODY);
    let begun =
        |request: &Request<Bytes>| verifier.begin(request, NOW).map_or_else(|rejection| rejection.code(), |_| "");
    assert_eq!(begun(&request()), "missing_signature");
    let mut malformed = request();
    malformed.headers_mut().insert("sig", HeaderValue::from_static("00"));
    assert_eq!(begun(&malformed), "malformed_signature");
}

#[test]
fn a_head_without_a_signed_value_is_refused_before_the_body_arrives() {
    for place in ["header:X-V", "query:v", "lower:header:X-V"] {
        let (_, verifier) = endpoint(&format!(
            "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\nsigns = \"{{{place}}}.{{body}}\""
        ));
        let mut request = request();
        request.headers_mut().insert("sig", HeaderValue::from_static(WRONG));
        let begun = verifier.begin(&request, NOW).map_or_else(|rejection| rejection.code(), |_| "");
        let collected = verifier.collect(&request, 10, NOW).map_or_else(|rejection| rejection.code(), |_| "");
        assert_eq!([begun, collected], ["malformed_value"; 2], "{place}");
    }
}

#[test]
fn without_a_valid_key_only_the_method_is_checked() {
    let before = Timestamp::from_unix_millis(NOW.unix_millis() - 1);
    let key = |end: Timestamp| Key::new("a", Secret::new(SECRET).unwrap()).not_after(end);
    for toml in [ID_IN_BODY, HASH, TOKEN, "name = \"A\"\n[signature]\nalgorithm = \"token\"\nheader = \"token\""] {
        let verifier = |end| Verifier::builder(Scheme::from_toml("a", toml).unwrap()).key(key(end)).build().unwrap();
        for (end, method, expected) in [
            (NOW, "POST", "missing_signature"),
            (NOW, "GET", "method"),
            (before, "POST", "unknown_key"),
            (before, "GET", "method"),
        ] {
            let verifier = verifier(end);
            let mut request = request();
            *request.method_mut() = method.parse().unwrap();
            let begun = verifier.begin(&request, NOW).map_or_else(|rejection| rejection.code(), |_| "");
            let collected = verifier.collect(&request, 10, NOW).map_or_else(|rejection| rejection.code(), |_| "");
            assert_eq!([code(&verifier, &request), begun, collected], [expected; 3], "{method}");
        }
    }
}

const WRONG: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

const DECODED: &str = r#"
name = "Decoded"
[body]
decoded = "gzip"
[signature]
algorithm = "hmac-sha256"
header = "sig"
value = "{hex}"
signs = "{body}"
"#;

/// `{}` in one block that is not compressed (RFC 1951 section 3.2.4).
const PACKED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x01, 0x02, 0x00, 0xfd, 0xff, 0x7b, 0x7d, 0x43, 0xbf,
    0xa6, 0xa3, 0x02, 0x00, 0x00, 0x00,
];

#[test]
fn a_signature_covers_the_encoded_or_the_decoded_body_as_the_scheme_says() {
    for (toml, covers_decoded) in
        [(DECODED.to_owned(), true), (DECODED.replace("[body]\ndecoded = \"gzip\"\n", ""), false)]
    {
        let (signer, verifier) = endpoint(&toml);
        let delivery = |request: &Request<Bytes>| {
            let verified = verifier.verify(request, Bytes::clone(request.body()), NOW);
            verified.map(Verified::into_delivery).map(|delivery| (delivery.body().clone(), delivery.is_unpacked()))
        };
        let mut request = signer.sign(request(), NOW).unwrap();
        assert_eq!(delivery(&request), Ok((Bytes::from_static(b"{}"), false)));
        request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
        *request.body_mut() = Bytes::from_static(PACKED);
        assert_eq!(code(&verifier, &request), if covers_decoded { "" } else { "signature" });
        if covers_decoded {
            assert_eq!(delivery(&request), Ok((Bytes::from_static(b"{}"), true)));
        }
        // A body is decoded by the coding that the request declares, whatever else it could be.
        for coding in ["br", "deflate", "x-gzip"] {
            request.headers_mut().insert("content-encoding", HeaderValue::from_static(coding));
            assert_eq!(code(&verifier, &request), if covers_decoded { "content_coding" } else { "signature" });
        }
    }
}

#[test]
fn an_optional_end_may_be_signed_or_not() {
    let toml = |rest: &str| {
        format!("name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\n{rest}")
    };
    let (without, verifier) = endpoint(&toml("signs = \"{body}\"\noptional_end = \"\\n\""));
    let (with, strict) = endpoint(&toml("signs = \"{body}\\n\""));
    let (without, with) = (without.sign(request(), NOW).unwrap(), with.sign(request(), NOW).unwrap());
    assert_eq!([code(&verifier, &without), code(&verifier, &with)], ["", ""]);
    assert_eq!([code(&strict, &without), code(&strict, &with)], ["signature", ""]);
}

#[test]
fn a_checked_value_must_be_equal_to_the_expected_one() {
    let verifier = |rest: &str| {
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"token\"\nheader = \"token\"\n[settings]\naccount = \"its id\"\n\
             [[check]]\nheader = \"account\"\nequals = \"{{setting:account}}\"\n{rest}"
        );
        let scheme = Scheme::from_toml("a", &toml).unwrap();
        Verifier::builder(&scheme).secret(SECRET).setting("account", "a-1").build().unwrap()
    };
    let sent = |account: &'static str| {
        let mut request = request();
        request.headers_mut().insert("token", HeaderValue::from_static(SECRET));
        request.headers_mut().insert("account", HeaderValue::from_static(account));
        request
    };
    assert_eq!(code(&verifier(""), &sent("a-1")), "");
    for other in ["a-2", "a-", "a-11", ""] {
        assert_eq!(code(&verifier(""), &sent(other)), "unexpected_value", "{other}");
        assert_eq!(code(&verifier("names_key = true"), &sent(other)), "unknown_key", "{other}");
    }
}

#[test]
fn a_sent_secret_is_checked_before_the_body_arrives() {
    for (toml, header, right, wrong) in [
        ("algorithm = \"token\"\nheader = \"token\"", "token", SECRET, "another-long-secret"),
        // `us:them` and `us:then`.
        ("algorithm = \"basic\"", "authorization", "Basic dXM6dGhlbQ==", "Basic dXM6dGhlbg=="),
    ] {
        let secret = if header == "token" { SECRET } else { "us:them" };
        let scheme = Scheme::from_toml("a", &format!("name = \"A\"\n[signature]\n{toml}\n")).unwrap();
        let verifier = Verifier::new(&scheme, secret).unwrap();
        let begun = |text: &'static str| {
            let mut request = request();
            request.headers_mut().insert(header, HeaderValue::from_static(text));
            verifier.begin(&request, NOW).map_or_else(|rejection| rejection.code(), |_| "")
        };
        assert_eq!([begun(right), begun(wrong)], ["", "signature"], "{header}");
    }
}

#[test]
fn a_checked_value_in_the_body_is_checked_however_the_body_arrives() {
    let (signer, verifier) = endpoint(
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
         [[check]]\njson = \"/env\"\nequals = \"live\"\n",
    );
    // The same without the check, whose value the signer would put into the body.
    let (other, _) = endpoint(
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n",
    );
    let live = signer.sign(request(), NOW).unwrap();
    assert_eq!(live.body(), "{\"env\":\"live\"}");
    assert!(each_way(&verifier, &live, NOW, &[3, 9]).is_ok());
    for body in ["{\"env\":\"test\"}", "{}"] {
        let signed = other.sign(Request::post("/").body(body).unwrap(), NOW).unwrap();
        let refused = each_way(&verifier, &signed, NOW, &[3, 9]).unwrap_err();
        assert_eq!(refused.code(), if body == "{}" { "malformed_value" } else { "unexpected_value" }, "{body}");
    }
}

#[test]
fn a_time_in_the_signed_body_is_checked_after_the_signature_and_any_other_before_it() {
    let toml = |signs: &str, place: &str| {
        let rest = if signs.contains("{body}") {
            ""
        } else {
            "covers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n"
        };
        format!(
            "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n\
             {rest}[timestamp]\n{place}\nformat = \"seconds\"\ntolerance = \"5m\"\n"
        )
    };
    let early = Timestamp::from_unix_millis(NOW.unix_millis() - 3_600_000);
    for (signs, place, forged_and_old) in [
        ("{body}", "json = \"/at\"", "signature"),
        ("{timestamp}.{json:/v}", "json = \"/at\"", "timestamp_too_old"),
        ("{header:X-Time}.{body}", "header = \"X-Time\"", "timestamp_too_old"),
        ("{timestamp}.{body}", "header = \"X-Time\"", "timestamp_too_old"),
    ] {
        let (signer, verifier) = endpoint(&toml(signs, place));
        let forger = Signer::new(verifier.scheme(), "another-long-secret").unwrap();
        let body = "{\"v\":1,\"at\":0}";
        let code_of = |signer: &Signer, at: Timestamp| {
            let signed = signer.sign(Request::post("/").body(body).unwrap(), at).unwrap();
            each_way(&verifier, &signed, NOW, &[3]).map_or_else(|rejection| rejection.code(), |_| "")
        };
        let codes = [code_of(&signer, NOW), code_of(&signer, early), code_of(&forger, NOW), code_of(&forger, early)];
        assert_eq!(codes, ["", "timestamp_too_old", "signature", forged_and_old], "{signs}, {place}");
    }
}

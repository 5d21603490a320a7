//! The checks of a JSON Web Token besides its signature, with the token that RFC 7515 prints in appendix A.1.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use countersign::{Payload, Scheme, Signer, Timestamp, Tolerance, Verifier, providers};
use countersign_tests::verdict::each_way;
use http::Request;

/// `{"typ":"JWT","alg":"HS256"}` and `{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}`, apart from
/// white space.
const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const EXPIRES: i64 = 1_300_819_380;

/// The code with which the token is refused under these rules, this many seconds after its expiry; empty if it is
/// accepted.
fn code(rules: &str, behind_end: i64) -> &'static str {
    code_of(TOKEN, rules, behind_end)
}

fn code_of(token: &str, rules: &str, behind_end: i64) -> &'static str {
    let toml = format!(
        "name = \"A\"\n[secret]\nencoding = \"base64url-unpadded\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\n\
         covers_body = false\n[jwt]\n{rules}\n[event]\ntype = \"{{claim:/iss}}\""
    );
    let scheme = Scheme::from_toml("a", &toml).unwrap();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let request = Request::post("/").header("token", token).body("{}").unwrap();
    let now = Timestamp::from_unix_seconds(EXPIRES + behind_end);
    match verifier.verify(&request, *request.body(), now) {
        Ok(verified) => {
            let issuer = verified.event_type().unwrap();
            assert_eq!((issuer.as_str(), issuer.to_string()), ("joe", "joe".to_owned()));
            ""
        }
        Err(rejection) => rejection.code(),
    }
}

const HS256: &str = "algorithms = [\"HS256\"]";

#[test]
fn a_token_expires_at_its_end_plus_the_leeway() {
    assert_eq!(code(HS256, -1), "");
    assert_eq!(code(HS256, 0), "timestamp_too_old");
    let with_leeway = format!("{HS256}\nleeway = \"5s\"");
    assert_eq!(code(&with_leeway, 4), "");
    assert_eq!(code(&with_leeway, 5), "timestamp_too_old");
}

#[test]
fn a_token_may_be_issued_by_a_clock_that_is_a_minute_ahead() {
    let scheme = |rules: &str| {
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\ncovers_body = false\n[jwt]\n{rules}"
        );
        Scheme::from_toml("a", &toml).unwrap()
    };
    let now = Timestamp::from_unix_seconds(EXPIRES);
    let ahead = |rules: &str, seconds| {
        let made = Timestamp::from_unix_seconds(EXPIRES + seconds);
        let signed =
            Signer::new(scheme(rules), SECRET).unwrap().sign(Request::post("/").body("{}").unwrap(), made).unwrap();
        let verdict = Verifier::new(scheme(rules), SECRET).unwrap().verify(&signed, signed.body(), now).map(drop);
        verdict.map_or_else(|rejection| rejection.code(), |()| "")
    };
    let requires = format!("{HS256}\nrequires = [\"iat\"]");
    for rules in [requires.clone(), format!("{HS256}\nmax_age = \"5m\"")] {
        assert_eq!((ahead(&rules, 60), ahead(&rules, 61)), ("", "timestamp_in_future"), "{rules}");
        let exact = format!("{rules}\nleeway = \"0s\"");
        assert_eq!((ahead(&exact, 0), ahead(&exact, 1)), ("", "timestamp_in_future"), "{exact}");
    }
}

#[test]
fn a_token_that_is_the_body_may_have_250_kilobytes() {
    let toml = format!("name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\n{HS256}");
    let scheme = Scheme::from_toml("a", &toml).unwrap();
    let (now, body) = (Timestamp::from_unix_seconds(EXPIRES), format!("{{\"text\": \"{}\"}}", "x".repeat(200_000)));
    let signed = Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/").body(body).unwrap(), now).unwrap();
    let signed = signed.map(Bytes::from);
    assert!(signed.body().len() > 250_000);
    each_way(&Verifier::new(&scheme, SECRET).unwrap(), &signed, now, &[1000]).unwrap();
}

#[test]
fn a_token_must_be_of_the_expected_issuer() {
    assert_eq!(code(&format!("{HS256}\nissuer = \"joe\""), -1), "");
    assert_eq!(code(&format!("{HS256}\nissuer = [\"ann\", \"joe\"]"), -1), "");
    assert_eq!(code(&format!("{HS256}\nissuer = \"ann\""), -1), "unexpected_value");
}

#[test]
fn a_token_without_an_audience_is_refused() {
    assert_eq!(code(&format!("{HS256}\naudience = \"us\""), -1), "unexpected_value");
}

#[test]
fn a_claim_that_is_required_must_be_there() {
    assert_eq!(code(&format!("{HS256}\nrequires = [\"exp\", \"iss\"]"), -1), "");
    assert_eq!(code(&format!("{HS256}\nrequires = [\"sub\"]"), -1), "malformed_value");
    assert_eq!(code(&format!("{HS256}\nmax_age = \"5m\""), -1), "malformed_value");
}

/// The message with which a token with these claims is refused under these rules, at its usual expiry; empty if it is
/// accepted.
fn said_of(claims: &str, rules: &str) -> String {
    let scheme = |rules: &str| {
        let toml = format!("name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\n{HS256}\n{rules}");
        Scheme::from_toml("a", &toml).unwrap()
    };
    let now = Timestamp::from_unix_seconds(EXPIRES);
    let signer = Signer::new(scheme(""), SECRET).unwrap();
    let signed = signer.sign(Request::post("/").body(claims.to_owned()).unwrap(), now).unwrap();
    let verdict = each_way(&Verifier::new(scheme(rules), SECRET).unwrap(), &signed, now, &[7]);
    verdict.map_or_else(|rejection| rejection.to_string(), |_| String::new())
}

#[test]
fn the_times_of_a_token_are_numbers_with_or_without_a_fraction() {
    let exp = |time: &str| said_of(&format!("{{\"exp\":{time}}}"), "");
    for later in ["1300819381", "1300819380.5", "1300819380.001", "253402300799.5", "1.300819381e9"] {
        assert_eq!(exp(later), "", "{later}");
    }
    for over in ["1300819380", "1300819379.5", "1300819380.0", "0", "-0.5"] {
        assert!(exp(over).contains("expired "), "{over}: {}", exp(over));
    }
    for other in
        ["253402300800.0", "253402300800.5", "-253402300800.5", "1e300", "\"1300819381\"", "null", "[]", "true"]
    {
        assert!(
            exp(other).starts_with("the value in claim `/exp`, which the scheme needs, is not of"),
            "{other}: {}",
            exp(other)
        );
    }
}

#[test]
fn a_token_with_the_body_among_its_claims_is_refused_with_another_body() {
    let toml = format!(
        "name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\n[jwt]\n{HS256}\n[[check]]\nclaim = \"/data\"\nequals = \"{{body}}\""
    );
    let scheme = Scheme::from_toml("a", &toml).unwrap();
    assert!(scheme.covers_body());
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    let now = Timestamp::from_unix_seconds(EXPIRES);
    let signed = Signer::new(&scheme, SECRET).unwrap();
    let signed = signed.sign(Request::post("/").body("{\"a\": \"\u{e9}\"}".to_owned()).unwrap(), now).unwrap();
    assert!(each_way(&verifier, &signed, now, &[7]).is_ok());
    for other in ["{\"a\":\"\u{e9}\"}", "", "{\"a\": \"\u{e9}\"} "] {
        let forged = signed.clone().map(|_| other.into());
        assert_eq!(each_way(&verifier, &forged, now, &[7]).unwrap_err().code(), "body_hash", "{other}");
    }
    let elsewhere = toml.replace("claim = \"/data\"", "header = \"x-body\"");
    assert!(Scheme::from_toml("a", &elsewhere).is_err());
}

#[test]
fn two_tokens_in_one_header_are_refused() {
    let toml = format!(
        "name = \"A\"\n[secret]\nencoding = \"base64url-unpadded\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\n\
         list = {{ separator = \" \", items = [\"Bearer\", \"{{jwt}}\"] }}\ncovers_body = false\n[jwt]\n{HS256}"
    );
    let verifier = Verifier::new(Scheme::from_toml("a", &toml).unwrap(), SECRET).unwrap();
    let code = |token: &str| {
        let request = Request::post("/").header("token", token).body("{}").unwrap();
        let now = Timestamp::from_unix_seconds(EXPIRES - 1);
        verifier.verify(&request, "{}", now).map_or_else(|rejection| rejection.code(), |_| "")
    };
    assert_eq!(code(&format!("Bearer {TOKEN}")), "");
    assert_eq!(code(&format!("Bearer {TOKEN} Bearer {TOKEN}")), "malformed_signature");
    assert_eq!(code(&format!("Bearer {TOKEN} Bearer a.b.c")), "malformed_signature");
}

#[test]
fn a_token_may_have_several_audiences_but_only_one_issuer() {
    let (audience, issuer) = ("audience = \"us\"", "issuer = \"joe\"");
    for ours in ["\"us\"", "[\"us\"]", "[\"them\",\"us\"]"] {
        assert_eq!(said_of(&format!("{{\"aud\":{ours}}}"), audience), "", "{ours}");
    }
    for theirs in ["\"them\"", "[\"them\"]", "[]", "{\"us\":1}", "[[\"us\"]]", "null"] {
        let said = said_of(&format!("{{\"aud\":{theirs}}}"), audience);
        assert_eq!(said, "claim `/aud` does not have the value that this endpoint expects", "{theirs}");
    }
    assert_eq!(said_of("{\"iss\":\"joe\"}", issuer), "");
    for other in ["\"ann\"", "[\"joe\"]", "null"] {
        let said = said_of(&format!("{{\"iss\":{other}}}"), issuer);
        assert_eq!(said, "claim `/iss` does not have the value that this endpoint expects", "{other}");
    }
}

#[test]
fn the_audience_of_a_token_may_be_the_public_url() {
    let scheme = |rules: &str| {
        let toml = format!("name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\n{HS256}\n{rules}");
        Scheme::from_toml("a", &toml).unwrap()
    };
    let now = Timestamp::from_unix_seconds(EXPIRES);
    for (rule, claim) in [("audience = \"{url}\"", "aud"), ("issuer = \"{url}\"", "iss")] {
        let verifier =
            Verifier::builder(scheme(rule)).secret(SECRET).public_url("https://example.com").build().unwrap();
        let code = |url: &str| {
            let claims = format!("{{\"{claim}\":\"{url}\"}}");
            let request = Request::post("/in?a=1").body(claims).unwrap();
            let signed = Signer::new(scheme(""), SECRET).unwrap().sign(request, now).unwrap();
            each_way(&verifier, &signed, now, &[7]).map_or_else(|rejection| rejection.code(), |_| "")
        };
        assert_eq!(code("https://example.com/in?a=1"), "", "{rule}");
        for other in ["https://example.com/in", "https://example.org/in?a=1", "{url}"] {
            assert_eq!(code(other), "unexpected_value", "{rule} {other}");
        }
    }
}

#[test]
fn a_detached_signature_may_be_made_with_a_secret() {
    let toml = "name = \"A\"\n[signature]\nalgorithm = \"jws-detached\"\nheader = \"sig\"\nsigns = \"{body}\"\n\
                [jwt]\nalgorithms = [\"HS256\"]";
    let (scheme, now) = (Scheme::from_toml("a", toml).unwrap(), Timestamp::from_unix_seconds(EXPIRES));
    let signed = Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/").body("{}").unwrap(), now).unwrap();
    let code = |secret: &str, body: &'static str| {
        let request = signed.clone().map(|_| bytes::Bytes::from_static(body.as_bytes()));
        let verdict = each_way(&Verifier::new(&scheme, secret).unwrap(), &request, now, &[1]);
        verdict.map_or_else(|rejection| rejection.code(), |_| "")
    };
    assert_eq!(
        [code(SECRET, "{}"), code(SECRET, "[]"), code("another-long-secret", "{}")],
        ["", "signature", "signature"]
    );
}

/// The value of `tl_version` that `TrueLayer`'s own code demands.
#[test]
fn a_signer_names_the_version_of_what_it_signs_in_the_tokens_header() {
    let toml = "name = \"A\"\n[signature]\nalgorithm = \"jws-detached\"\nheader = \"sig\"\nsigns = \"{canonical:truelayer}\"\n\
                [jwt]\nalgorithms = [\"HS256\"]";
    let (scheme, now) = (Scheme::from_toml("a", toml).unwrap(), Timestamp::from_unix_seconds(EXPIRES));
    let body = bytes::Bytes::from_static(b"{}");
    let signed = Signer::new(&scheme, SECRET).unwrap().sign(Request::post("/in").body(body).unwrap(), now).unwrap();
    let header = signed.headers()["sig"].to_str().unwrap().split('.').next().unwrap();
    let header: serde_json::Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["tl_version"], "2");
    assert!(each_way(&Verifier::new(&scheme, SECRET).unwrap(), &signed, now, &[1]).is_ok());
}

#[test]
fn a_token_has_one_of_the_algorithms_that_are_allowed() {
    assert_eq!(code("algorithms = [\"HS384\", \"HS512\"]", -1), "malformed_signature");
    assert_eq!(code("algorithms = [\"HS384\", \"HS256\"]", -1), "");
}

#[test]
fn the_claims_of_a_token_can_be_read_as_they_were_signed() {
    let toml = "name = \"A\"\n[secret]\nencoding = \"base64url-unpadded\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"token\"\n\
                covers_body = false\n[jwt]\nalgorithms = [\"HS256\"]\n";
    let verifier = Verifier::new(Scheme::from_toml("a", toml).unwrap(), SECRET).unwrap();
    let now = Timestamp::from_unix_seconds(EXPIRES - 1);
    let body = bytes::Bytes::from_static(b"{}");
    let request = Request::post("/").header("token", TOKEN).body(body.clone()).unwrap();
    let verified = verifier.verify(&request, body.clone(), now).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(TOKEN.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(verified.claims(), Some(&claims[..]));
    assert_eq!(verified.into_delivery().claims(), Some(&claims[..]));

    let hmac = Signer::new(providers::GITHUB, SECRET).unwrap();
    let signed = hmac.sign(Request::post("/").body(body).unwrap(), now).unwrap();
    let verified = hmac.verifier().verify(&signed, signed.body().clone(), now).unwrap();
    assert_eq!((verified.provider(), verified.claims()), ("github", None));
    assert_eq!(verified.into_delivery().claims(), None);
}

#[test]
fn a_token_with_any_other_character_is_refused() {
    for (at, character) in TOKEN.char_indices() {
        let other = if character == 'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &TOKEN[..at], &TOKEN[at + 1..]);
        assert_ne!(code_of(&changed, HS256, -1), "", "{at}");
    }
}

#[test]
fn the_signature_of_a_token_is_as_long_as_its_hash() {
    let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with = |signature: &[u8]| code_of(&format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)), HS256, -1);
    assert_eq!(with(&signature), "");
    for other in [&signature[..31], &[&signature[..], b"\0"].concat(), &signature.repeat(2)] {
        assert_eq!(with(other), "signature", "{}", other.len());
    }
}

#[test]
fn a_delivery_has_the_claims_of_its_token_and_they_are_its_payload_where_the_token_is_the_body() {
    let (now, claims) = (Timestamp::from_unix_seconds(EXPIRES), r#"{"sub":"a"}"#);
    for (signature, is_token, is_body) in [
        (format!("algorithm = \"jwt\"\nbody = true\n[jwt]\n{HS256}"), true, true),
        (format!("algorithm = \"jwt\"\nheader = \"token\"\ncovers_body = false\n[jwt]\n{HS256}"), true, false),
        ("algorithm = \"token\"\nheader = \"token\"\ncovers_body = false".to_owned(), false, false),
    ] {
        let scheme = Scheme::from_toml("a", &format!("name = \"A\"\n[signature]\n{signature}")).unwrap();
        let (signer, verifier) =
            (Signer::new(&scheme, "a-long-random-secret"), Verifier::new(&scheme, "a-long-random-secret").unwrap());
        let signed = signer.unwrap().sign(Request::post("/").body(claims).unwrap(), now).unwrap();
        let (head, body) = signed.map(Bytes::from).into_parts();
        let delivery = verifier.verify(&head, body.clone(), now).unwrap().into_delivery();
        assert_eq!(delivery.claims().is_some(), is_token, "{signature}");
        let told = delivery.claims().map(|claims| serde_json::from_slice::<serde_json::Value>(claims).unwrap());
        assert_eq!(told.is_some_and(|told| told["sub"] == "a"), is_body, "{signature}");
        let payload = if is_body { Payload::Claims(delivery.claims().unwrap()) } else { Payload::Body(&body) };
        assert_eq!(delivery.payload(), payload, "{signature}");
    }
}

#[test]
fn a_verifier_reports_its_tolerance() {
    let secret = "whsec_of_this_test";
    let own = Verifier::new(providers::STRIPE, secret).unwrap();
    assert_eq!(own.tolerance(), Some(Tolerance::symmetric(Duration::from_secs(300))));
    let other = Verifier::builder(providers::STRIPE).secret(secret).tolerance(Duration::from_secs(7)).build().unwrap();
    assert_eq!(other.tolerance(), Some(Tolerance::symmetric(Duration::from_secs(7))));
    assert_eq!(Verifier::new(providers::GITHUB, secret).unwrap().tolerance(), None);
}

#[test]
fn the_method_of_a_question_is_not_accepted_for_a_delivery() {
    let toml = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
                [[handshake]]\nmethod = \"PUT\"\nsigned = true\nwhen = { header = \"challenge\" }\nanswer = \"{header:challenge}\"";
    let scheme = Scheme::from_toml("a", toml).unwrap();
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
    let now = Timestamp::from_unix_seconds(EXPIRES);
    let mut signed = signer.sign(Request::post("/").body("{}").unwrap(), now).unwrap();
    assert!(verifier.verify(&signed, signed.body(), now).is_ok());
    signed.headers_mut().insert("challenge", http::HeaderValue::from_static("c-1"));
    assert!(verifier.handshake_in_body(&signed, signed.body(), now).unwrap().is_none());
    *signed.method_mut() = http::Method::PUT;
    assert_eq!(verifier.verify(&signed, signed.body(), now).unwrap_err().code(), "method");
    assert!(verifier.handshake_in_body(&signed, signed.body(), now).unwrap().is_some());
    let other = verifier.handshake_in_body(&signed, b"other", now).unwrap_err();
    assert_eq!(other.code(), "signature");
}

/// Made by `PyJWT` 2.12.1, which writes `b64` without `crit`, as Saleor uses it. `jose`, with which Saleor's own SDK
/// verifies, accepts it.
#[test]
fn a_detached_payload_may_be_signed_as_it_is_without_crit_where_the_scheme_says_so() {
    let body = r#"[{"id": "T3JkZXI6MQ==", "type": "Order", "token": "abc", "total": "10.00"}]"#;
    let request = |body: &'static str| Request::post("/").header("Saleor-Signature", PYJWT).body(body).unwrap();
    let now = Timestamp::from_unix_seconds(EXPIRES);
    let verifier = Verifier::new(providers::SALEOR, PYJWT_KEY).unwrap();
    assert!(verifier.verify(&request(body), body.as_bytes(), now).is_ok());
    assert!(verifier.verify(&request("[]"), b"[]", now).is_err());
    for strict in ["", "b64_without_crit = false"] {
        let toml = providers::SALEOR.toml().replace("b64_without_crit = true", strict);
        let verifier = Verifier::new(Scheme::from_toml("strict", &toml).unwrap(), PYJWT_KEY).unwrap();
        let rejection = verifier.verify(&request(body), body.as_bytes(), now).unwrap_err();
        assert_eq!(rejection.code(), "malformed_signature", "{strict}");
    }
}

const PYJWT: &str = "eyJhbGciOiJSUzI1NiIsImI2NCI6ZmFsc2UsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ..fLH037DVzHbuWcCmmU5xZAnlN7J8LI7XFd9Z2gCnmh\
     7LUCWr1XVRF536oyU_zmEPcMPczaQg79eV_GziKcgAFqbSLfe9DoXwnmBvDcQLMKlelusyNsbasgAmnrMJqIy8aHLk-TByzC7cdjmA-LTVl2FZ\
     nuWazkr1okpuGj6Ogk8nFQrzc4J9rZfvj1wGJsZxcWMe0SIOmNJN17hBpl3uRi5dx-P4fUdKZqhj01YdAV_LFvzVoy6uO5_V3vpNT6hZh89LsW\
     JFopoBYhnsoMmOKJ0CAZOWmzHzXUB97U8M6l1EPGNPOUCJqoM_eDTOtvoub0inZHs5wDegp_yXraJSQQ";
const PYJWT_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmVpvKVU9T2XaERJOcdr6\n\
    nEN2EQMQfVrejgEBNpr1SISYWqI1r/i4rLEy4OwesoO9ybKLGcXENhh/LJH720ft\n\
    Utyua7XQYK5T3b+/DvpBEM1opVaGu+HLahWQjNjLeMxlQITfpHjVUSCIGQpFAkpL\n\
    cK2IJKePwUOSf1c68ZIrr5Ke6dJn+pOwho0clfvEiSdpcrUEqrPTOw4vY94jMThx\n\
    D8gAyA62YPoDUxtaWBfyhEHg7ukkifodToCkO797Qh8JA3ecDeUTQyzjR6q+6M9s\n\
    AUKa0X2Tx2caJ9HXxbPpzhOC/CRXE5REQlEElmMa26HYrre3yoL0vUbzGaZ0OVQ3\n\
    lwIDAQAB\n\
    -----END PUBLIC KEY-----";

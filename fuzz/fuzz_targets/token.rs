#![no_main]
//! Any text as a token, and any header and claims that are signed with the right secret: an accepted token has all that
//! is required, in the only valid form.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use countersign::{Scheme, Timestamp, Verifier};
use countersign_fuzz::has_name_twice;
use countersign_tests::verdict::each_way;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::{Digest, Sha256};

const NOW: i64 = 1_767_225_600;
const SECRET: &str = "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e";
const BODY: &[u8] = b"{}";

const INSIDE: &str = r#"
name = "Inside"
[signature]
algorithm = "jwt"
header = "token"
[jwt]
algorithms = ["HS256", "HS512"]
issuer = ["acme", "other"]
audience = "us"
requires = ["exp", "sub"]
[[check]]
claim = "/body_sha256"
equals = "{sha256-hex:body}"
[event]
id = "{claim:/sub}"
"#;

const DETACHED: &str = r#"
name = "Detached"
[signature]
algorithm = "jws-detached"
header = "token"
signs = "{body}"
[jwt]
algorithms = ["HS256"]
"#;

static VERIFIERS: LazyLock<[Verifier; 2]> = LazyLock::new(|| {
    [INSIDE, DETACHED].map(|toml| {
        let scheme = Scheme::from_toml("acme", toml).expect("the file is right");
        Verifier::new(&scheme, SECRET).expect("the secret fits")
    })
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let [inside, detached] = &*VERIFIERS;
    match kind % 3 {
        0 => {
            assert!(!is_accepted(inside, data) && !is_accepted(detached, data), "accepted without a signature");
        }
        1 => {
            let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
            let (header, claims) = (&data[..end], &data[end + 1..]);
            let signed = [URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)].join(".");
            if is_accepted(inside, token(&signed, &signed).as_bytes()) {
                assert!(is_header(header) && are_claims(claims), "accepted: {}", data.escape_ascii());
                let other = [URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode([claims, b" "].concat())].join(".");
                assert!(!is_accepted(inside, token(&other, &signed).as_bytes()), "accepted with other claims");
            }
        }
        _ => {
            let header = URL_SAFE_NO_PAD.encode(data);
            let in_base64 = is_accepted(detached, token(&format!("{header}."), &format!("{header}.e30")).as_bytes());
            let as_it_is = is_accepted(detached, token(&format!("{header}."), &format!("{header}.{{}}")).as_bytes());
            assert!(!(in_base64 && as_it_is), "one header means two payloads");
            if in_base64 || as_it_is {
                assert!(is_header(data), "accepted: {}", data.escape_ascii());
            }
        }
    }
});

fn token(text: &str, signed: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length will do");
    let tag = mac.chain_update(signed).finalize().into_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn is_accepted(verifier: &Verifier, token: &[u8]) -> bool {
    let Ok(token) = HeaderValue::from_bytes(token) else { return false };
    let request = Request::post("/").header("token", token).body(Bytes::from_static(BODY)).expect("a request");
    each_way(verifier, &request, Timestamp::from_unix_seconds(NOW), &[1]).is_ok()
}

/// RFC 7515 section 4: an object that names no member twice, the algorithm, and no extension but that of RFC 7797.
fn is_header(text: &[u8]) -> bool {
    let Ok(Value::Object(header)) = serde_json::from_slice(text) else { return false };
    let extensions = header.get("crit").is_none_or(|names| *names == serde_json::json!(["b64"]));
    header["alg"] == "HS256" && extensions && !has_name_twice(text)
}

fn are_claims(text: &[u8]) -> bool {
    let Ok(Value::Object(claims)) = serde_json::from_slice(text) else { return false };
    // A fraction of a second may be cut off, to either side.
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().expect("a time is a number"));
    #[expect(clippy::cast_precision_loss, reason = "it is exact up to 2^53")]
    let now = NOW as f64;
    let timely = time("exp").is_some_and(|end| end > now - 0.001)
        && time("nbf").is_none_or(|start| start < now + 0.001)
        // The clock of the sender may be a minute ahead.
        && time("iat").is_none_or(|issued| issued < now + 60.001);
    let is_for_us = claims.get("aud").is_some_and(|audience| match audience {
        Value::Array(all) => all.iter().any(|one| one == "us"),
        one => one == "us",
    });
    let is_from_them = claims.get("iss").is_some_and(|issuer| issuer == "acme" || issuer == "other");
    let digest: String = Sha256::digest(BODY).iter().map(|byte| format!("{byte:02x}")).collect();
    let body = claims.get("body_sha256").is_some_and(|told| *told == digest.as_str());
    timely && is_for_us && is_from_them && body && claims.contains_key("sub") && !has_name_twice(text)
}

//! How long each piece of a request may be: what is as long as may be is taken, and what is one longer is refused.

use bytes::Bytes;
use countersign::{Scheme, SignError, Signer, Timestamp, Verifier};
use countersign_tests::verdict::each_way;
use http::Request;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "a-long-random-secret";

const SIGNATURE: &str =
    "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n";

/// The code of a verdict; empty if the request is accepted.
fn verdict(verifier: &Verifier, request: &Request<Bytes>) -> &'static str {
    each_way(verifier, request, NOW, &[1]).err().map_or("", |rejection| rejection.code())
}

/// Signs a request that has these headers and this body, and gives the code of its verdict; empty if it is accepted.
fn code(file: &str, headers: &[(&str, &str)], body: &str) -> &'static str {
    let scheme = Scheme::from_toml("t", file).unwrap();
    let request = headers.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
    let request = request.body(body.to_owned()).unwrap();
    // What the signer will not sign, the verifier must refuse for the same reason.
    match Signer::new(&scheme, SECRET).unwrap().sign(request, NOW) {
        Ok(signed) => verdict(&Verifier::new(&scheme, SECRET).unwrap(), &signed),
        Err(SignError::Refused(rejection)) => rejection.code(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_id_may_have_256_characters() {
    let in_header = format!("{SIGNATURE}signs = \"{{id}}.{{body}}\"\n[id]\nheader = \"X-Id\"\n");
    for (length, expected) in [(1, ""), (255, ""), (256, ""), (257, "malformed_id"), (300, "malformed_id")] {
        assert_eq!(code(&in_header, &[("X-Id", &"i".repeat(length))], "{}"), expected, "{length}");
    }
}

#[test]
fn a_timestamp_may_have_40_characters() {
    for format in ["rfc3339", "rfc3339-or-utc"] {
        let file = format!(
            "{SIGNATURE}signs = \"{{timestamp}}\\n{{body}}\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"{format}\"\ntolerance = \"5m\"\n"
        );
        let at = |length: usize, zone: &str| {
            let text = format!("2026-01-01T00:00:00.{}{zone}", "0".repeat(length - 20 - zone.len()));
            let request = Request::post("/").header("X-Time", &text).body("{}".to_owned()).unwrap();
            let scheme = Scheme::from_toml("t", &file).unwrap();
            // The signer writes a time of its own, so the tag is made by a scheme that takes any text for it.
            let any = format!("{SIGNATURE}signs = \"{{header:X-Time}}\\n{{body}}\"\n");
            let signer = Signer::new(Scheme::from_toml("t", &any).unwrap(), SECRET).unwrap();
            let signed = signer.sign(request, NOW).unwrap();
            let verifier = Verifier::new(&scheme, SECRET).unwrap();
            verdict(&verifier, &signed)
        };
        assert_eq!([39, 40, 41].map(|length| at(length, "Z")), ["", "", "malformed_timestamp"], "{format}");
        if format == "rfc3339-or-utc" {
            assert_eq!([38, 39, 41].map(|length| at(length, "")), ["", "", "malformed_timestamp"]);
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
        // Items of versions that are not known are passed over.
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

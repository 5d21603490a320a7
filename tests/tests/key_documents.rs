//! What is read of the documents in which providers publish their keys, and what is not.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{
    CertificateProblem, KeyError, KeySet, KeySetError, MAX_KEYS_TRIED, Scheme, Timestamp, TrustRoots, Unkeyed, Verifier,
};
use http::Request;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_798_761_600);

fn unkeyed(algorithm: &str, keys: &str) -> Unkeyed {
    let text = format!(
        "name = \"T\"\n[signature]\nalgorithm = \"{algorithm}\"\nheader = \"X-Sig\"\n\
         value = \"{{base64}}\"\nsigns = \"{{body}}\"\n[keys]\nurl = \"https://acme.example/keys\"\n{keys}"
    );
    Verifier::builder(Scheme::from_toml("t", &text).unwrap()).without_keys().unwrap()
}

fn read(unkeyed: &Unkeyed, document: impl AsRef<[u8]>) -> Result<KeySet, KeySetError> {
    unkeyed.read(document.as_ref(), &TrustRoots::none(), NOW)
}

/// Whether a verifier with these keys takes what the key of the vectors signed.
fn proves(unkeyed: &Unkeyed, keys: &KeySet, key_id: Option<&str>, signature: &[u8]) -> Option<bool> {
    let verifier = unkeyed.verifier(keys, key_id).unwrap()?;
    let request = Request::post("/").header("X-Sig", STANDARD.encode(signature)).body(MESSAGE).unwrap();
    Some(verifier.verify(&request, MESSAGE, NOW).is_ok())
}

const MESSAGE: &[u8] = include_bytes!("../vectors/keys/message");
const ED25519: &[u8] = include_bytes!("../vectors/keys/ed25519.sig");
const RSA: &[u8] = include_bytes!("../vectors/keys/rsa-sha256.sig");

/// The `x` of `ed25519.pub.pem`, and that of RFC 8037 appendix A.2.
const OURS: &str = "DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq_R2GZP0";
const OTHER: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn jwk(kid: Option<&str>, x: &str) -> String {
    let kid = kid.map_or(String::new(), |kid| format!("\"kid\":\"{kid}\","));
    format!("{{{kid}\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}")
}

fn set(keys: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn jwks() -> Unkeyed {
    unkeyed("ed25519", "format = \"jwks\"\n")
}

#[test]
fn of_a_set_the_key_is_taken_that_the_request_names_or_each_that_may_have_signed() {
    let unkeyed = jwks();
    let keys = read(&unkeyed, set(&[jwk(Some("a"), OTHER), jwk(None, OTHER), jwk(Some("b"), OURS)])).unwrap();
    assert_eq!((keys.len(), keys.is_empty(), keys.not_after()), (3, false, None));
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["a", "b"]);
    let by = |id| proves(&unkeyed, &keys, id, ED25519);
    assert_eq!([by(Some("a")), by(Some("b")), by(Some("c")), by(None)], [Some(false), Some(true), None, Some(true)]);
}

#[test]
fn keys_that_are_not_understood_or_for_something_else_are_passed_over() {
    let unkeyed = jwks();
    let for_encryption = jwk(Some("a"), OURS).replace("\"kty\"", "\"use\":\"enc\",\"kty\"");
    let of_another_kind = "{\"kid\":\"b\",\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}".to_owned();
    let keys = read(&unkeyed, set(&[for_encryption.clone(), of_another_kind.clone(), jwk(Some("c"), OURS)])).unwrap();
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["c"]);
    for none in [vec![], vec![for_encryption], vec![of_another_kind]] {
        assert_eq!(read(&unkeyed, set(&none)).unwrap_err(), KeySetError::NoKey);
    }
}

#[test]
fn the_label_of_a_fetched_key_is_its_id_or_another_where_that_is_taken() {
    let unkeyed = jwks();
    let labels = |ids: &[Option<&str>]| {
        let keys: Vec<_> = ids.iter().map(|id| jwk(*id, OURS)).collect();
        let verifier = unkeyed.verifier(&read(&unkeyed, set(&keys)).unwrap(), None).unwrap().unwrap();
        verifier.key_labels().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(labels(&[Some("a"), Some("b")]), ["a", "b"]);
    assert_eq!(labels(&[Some("a"), Some("a")]), ["a", "a (2)"]);
    assert_eq!(labels(&[Some("b (3)"), Some("b"), Some("b")]), ["b (3)", "b", "b (3) (3)"]);
    assert_eq!(labels(&[None, None]), ["fetched-1", "fetched-2"]);
}

#[test]
fn where_the_request_names_no_key_eight_of_a_set_are_tried() {
    let unkeyed = jwks();
    for others in [MAX_KEYS_TRIED - 1, MAX_KEYS_TRIED] {
        let mut keys = vec![jwk(None, OTHER); others];
        keys.push(jwk(None, OURS));
        let keys = read(&unkeyed, set(&keys)).unwrap();
        assert_eq!(proves(&unkeyed, &keys, None, ED25519), Some(others < MAX_KEYS_TRIED));
    }
}

#[test]
fn a_document_may_have_64_keys_and_64_kib() {
    let unkeyed = jwks();
    let of = |count: usize| read(&unkeyed, set(&vec![jwk(None, OURS); count]));
    assert_eq!((of(64).unwrap().len(), of(65).unwrap_err()), (64, KeySetError::TooMany));
    let document = set(&[jwk(None, OURS)]);
    let long = |length: usize| read(&unkeyed, format!("{document}{}", " ".repeat(length - document.len())));
    assert_eq!([long(65_535), long(65_536)].map(|keys| keys.unwrap().len()), [1, 1]);
    assert_eq!(long(65_537).unwrap_err(), KeySetError::TooLarge);
}

#[test]
fn a_document_is_what_the_scheme_says_or_is_refused_as_that() {
    let cases = [
        ("format = \"jwks\"\n", "a set of JSON Web Keys"),
        ("format = \"certificate\"\n", "a certificate in PEM"),
        ("format = \"pem\"\n", "a key in PEM"),
        ("format = \"json\"\njson = \"/key\"\n", "a JSON document with the key as a text"),
    ];
    for (keys, format) in cases {
        let unkeyed = unkeyed("ed25519", keys);
        let refused = read(&unkeyed, b"{\"key\": \"\xff\", \"keys\": []}").unwrap_err();
        assert_eq!(refused, KeySetError::Malformed { format });
        assert_eq!(refused.to_string(), format!("the document is not {format}"));
    }
    for document in ["", "null", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}{\"keys\":[]}"] {
        let refused = read(&jwks(), document).unwrap_err();
        assert_eq!(refused, KeySetError::Malformed { format: "a set of JSON Web Keys" }, "{document}");
    }
    for document in ["{}", "{\"key\":1}", "{\"key\":null}", "{\"key\":[\"a\"]}"] {
        let refused = read(&unkeyed("ed25519", "format = \"json\"\njson = \"/key\"\n"), document).unwrap_err();
        assert!(matches!(refused, KeySetError::Malformed { .. }), "{document}");
    }
}

#[test]
fn a_single_key_is_written_as_a_pasted_one_may_be() {
    let pem = include_str!("../vectors/keys/ed25519.pub.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let raw = "\n[secret]\nencoding = \"hex\"\n";
    for (text, more) in [(pem, ""), (&base64, ""), (pem, raw), (pem.trim(), raw), (OURS_IN_HEX, raw)] {
        let as_json = serde_json::json!({ "data": { "key": text } }).to_string();
        for (keys, document) in [("format = \"pem\"", text), ("format = \"json\"\njson = \"/data/key\"", &*as_json)] {
            let unkeyed = unkeyed("ed25519", &format!("{keys}\n{more}"));
            let keys = read(&unkeyed, document).unwrap_or_else(|error| panic!("{document}: {error}"));
            assert_eq!((keys.len(), keys.ids().count()), (1, 0));
            // The id was for the URL: here is one key.
            assert_eq!(proves(&unkeyed, &keys, Some("any"), ED25519), Some(true), "{document}");
        }
    }
}

const OURS_IN_HEX: &str = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";

#[test]
fn of_a_key_that_is_unusable_it_is_said_why() {
    let rsa = unkeyed("rsa-sha256", "format = \"pem\"\n");
    let refused = read(&rsa, include_str!("../vectors/keys/rsa1024.pub.pem")).unwrap_err();
    assert_eq!(refused, KeySetError::Key(KeyError::RsaSize { bits: 1024, least: 2048 }));
    let private = read(&rsa, include_str!("../vectors/keys/rsa2048.pem")).unwrap_err();
    assert_eq!(private, KeySetError::Key(KeyError::Private));
    assert_eq!(private.to_string(), KeyError::Private.to_string());
    let other = read(&rsa, include_str!("../vectors/keys/ed25519.pub.pem")).unwrap_err();
    assert_eq!(other, KeySetError::NoKey);
}

#[test]
fn an_rsa_key_of_1024_bits_is_taken_from_a_document_where_legacy_is_allowed() {
    let text = "name = \"T\"\n[signature]\nalgorithm = \"rsa-sha256\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"\n\
                [keys]\nurl = \"https://acme.example/keys\"\nformat = \"pem\"\n";
    let builder = Verifier::builder(Scheme::from_toml("t", text).unwrap()).allow_legacy();
    let unkeyed = builder.without_keys().unwrap();
    let keys = read(&unkeyed, include_str!("../vectors/keys/rsa1024.pub.pem")).unwrap();
    let signature = include_bytes!("../vectors/keys/rsa1024-sha256.sig");
    assert_eq!(proves(&unkeyed, &keys, None, signature), Some(true));
}

#[test]
fn the_key_of_a_certificate_is_good_for_as_long_as_that() {
    let unkeyed = unkeyed("rsa-sha256", "format = \"certificate\"\n");
    let document = include_str!("../vectors/keys/rsa2048.crt.pem");
    let keys = read(&unkeyed, document).unwrap();
    let (first, last) = (Timestamp::from_unix_seconds(1_795_526_086), Timestamp::from_unix_seconds(2_110_886_086));
    assert_eq!((keys.len(), keys.not_after()), (1, Some(last)));
    let verifier = unkeyed.verifier(&keys, None).unwrap().unwrap();
    let request = Request::post("/").header("X-Sig", STANDARD.encode(RSA)).body(MESSAGE).unwrap();
    let code = |now| verifier.verify(&request, MESSAGE, now).map_or_else(|rejection| rejection.code(), |_| "");
    let beside = |at: Timestamp, millis: i64| Timestamp::from_unix_millis(at.unix_millis() + millis);
    assert_eq!([beside(first, -1), first, last, beside(last, 1)].map(code), ["unknown_key", "", "", "unknown_key"]);
    for (now, problem) in
        [(beside(first, -1), CertificateProblem::NotYetValid), (beside(last, 1), CertificateProblem::Expired)]
    {
        let refused = unkeyed.read(document.as_bytes(), &TrustRoots::none(), now).unwrap_err();
        assert_eq!(refused, KeySetError::Certificate(problem));
        assert_eq!(refused.to_string(), problem.to_string());
    }
}

#[test]
fn an_error_of_a_document_tells_its_bound() {
    assert_eq!(KeySetError::TooLarge.to_string(), "the document is longer than 65536 bytes");
    assert_eq!(KeySetError::TooMany.to_string(), "the document has more than 64 keys");
    assert!(KeySetError::NoKey.to_string().contains("no key"));
}

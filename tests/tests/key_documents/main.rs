//! The documents in which providers publish their keys: what is read from them, and what is refused.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign::{
    KeyError, KeyPolicy, KeySet, KeySetError, MAX_KEYS_TRIED, PublicKey, Scheme, Timestamp, TrustRoots, Unkeyed,
    Verifier,
};
use http::Request;

mod certificates;

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

/// Whether a verifier with these keys accepts the signature of the vectors' key.
fn proves(unkeyed: &Unkeyed, keys: &KeySet, key_id: Option<&str>, signature: &[u8]) -> Option<bool> {
    let verifier = unkeyed.verifier(keys, key_id).unwrap()?;
    let request = Request::post("/").header("X-Sig", STANDARD.encode(signature)).body(MESSAGE).unwrap();
    Some(verifier.verify(&request, MESSAGE, NOW).is_ok())
}

const MESSAGE: &[u8] = include_bytes!("../../vectors/keys/message");
const ED25519: &[u8] = include_bytes!("../../vectors/keys/ed25519.sig");
const RSA: &[u8] = include_bytes!("../../vectors/keys/rsa-sha256.sig");

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
fn a_verifier_gets_the_named_key_of_a_set_or_every_key_that_may_have_signed() {
    let unkeyed = jwks();
    let keys = read(&unkeyed, set(&[jwk(Some("a"), OTHER), jwk(None, OTHER), jwk(Some("b"), OURS)])).unwrap();
    assert_eq!((keys.len(), keys.is_empty(), keys.not_after()), (3, false, None));
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["a", "b"]);
    let by = |id| proves(&unkeyed, &keys, id, ED25519);
    assert_eq!([by(Some("a")), by(Some("b")), by(Some("c")), by(None)], [Some(false), Some(true), None, Some(true)]);
}

#[test]
fn keys_that_are_unknown_or_for_another_use_are_skipped() {
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
fn the_label_of_a_fetched_key_is_its_id_or_another_if_that_is_taken() {
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
fn eight_keys_of_a_set_are_tried_if_the_request_names_none() {
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
fn a_document_must_have_the_format_that_the_scheme_declares() {
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
fn a_single_key_may_have_every_format_of_a_pasted_one() {
    let pem = include_str!("../../vectors/keys/ed25519.pub.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let raw = "\n[secret]\nencoding = \"hex\"\n";
    for (text, more) in [(pem, ""), (&base64, ""), (pem, raw), (pem.trim(), raw), (OURS_IN_HEX, raw)] {
        let as_json = serde_json::json!({ "data": { "key": text } }).to_string();
        for (keys, document) in [("format = \"pem\"", text), ("format = \"json\"\njson = \"/data/key\"", &*as_json)] {
            let unkeyed = unkeyed("ed25519", &format!("{keys}\n{more}"));
            let keys = read(&unkeyed, document).unwrap_or_else(|error| panic!("{document}: {error}"));
            assert_eq!((keys.len(), keys.ids().count()), (1, 0));
            // The id was for the URL: this document has only one key.
            assert_eq!(proves(&unkeyed, &keys, Some("any"), ED25519), Some(true), "{document}");
        }
    }
}

const OURS_IN_HEX: &str = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";

#[test]
fn an_error_says_why_a_key_is_unusable() {
    let rsa = unkeyed("rsa-sha256", "format = \"pem\"\n");
    let refused = read(&rsa, include_str!("../../vectors/keys/rsa1024.pub.pem")).unwrap_err();
    assert_eq!(refused, KeySetError::Key(KeyError::RsaSize { bits: 1024, least: 2048 }));
    let private = read(&rsa, include_str!("../../vectors/keys/rsa2048.pem")).unwrap_err();
    assert_eq!(private, KeySetError::Key(KeyError::Private));
    assert_eq!(private.to_string(), KeyError::Private.to_string());
    let other = read(&rsa, include_str!("../../vectors/keys/ed25519.pub.pem")).unwrap_err();
    assert_eq!(other, KeySetError::NoKey);
}

#[test]
fn an_rsa_key_of_1024_bits_is_taken_from_a_document_if_legacy_is_allowed() {
    let text = "name = \"T\"\n[signature]\nalgorithm = \"rsa-sha256\"\nheader = \"X-Sig\"\nvalue = \"{base64}\"\nsigns = \"{body}\"\n\
                [keys]\nurl = \"https://acme.example/keys\"\nformat = \"pem\"\n";
    let builder = Verifier::builder(Scheme::from_toml("t", text).unwrap()).allow_legacy();
    let unkeyed = builder.without_keys().unwrap();
    let keys = read(&unkeyed, include_str!("../../vectors/keys/rsa1024.pub.pem")).unwrap();
    let signature = include_bytes!("../../vectors/keys/rsa1024-sha256.sig");
    assert_eq!(proves(&unkeyed, &keys, None, signature), Some(true));
}

#[test]
fn an_error_of_a_document_names_the_limit() {
    assert_eq!(KeySetError::TooLarge.to_string(), "the document is longer than 65536 bytes");
    assert_eq!(KeySetError::TooMany.to_string(), "the document has more than 64 keys");
    assert!(KeySetError::NoKey.to_string().contains("no key"));
}

/// A key on a curve, such as that of `p256.pub.pem`.
struct OnCurve {
    curve: &'static str,
    /// The `alg` of RFC 7518.
    alg: &'static str,
    algorithm: &'static str,
    /// The length of a coordinate in bytes.
    len: usize,
    x: &'static str,
    y: &'static str,
    signature: &'static [u8],
}

const ON_CURVES: [OnCurve; 3] = [
    OnCurve {
        curve: "P-256",
        alg: "ES256",
        algorithm: "ecdsa-p256-sha256",
        len: 32,
        x: "2IT0tuZTyM3hDIr8lj2p1pKCGiZlIbcaLvWVZsqjz40",
        y: "PBpf8n8tHlhoHuFyz0p7oMERAdKYrWI4gDMJvIAJZmU",
        signature: include_bytes!("../../vectors/keys/ecdsa-p256-sha256.sig"),
    },
    OnCurve {
        curve: "P-384",
        alg: "ES384",
        algorithm: "ecdsa-p384-sha384",
        len: 48,
        x: "8XGTzahH3d4VxIAwi64Ltk2HHT1VssCncE3lAkV5S2kJ6s-_tvP-NGQdC5tOhEoQ",
        y: "7XtCptCSQvQylGA-HR984rbNoj1qIHvXSjcTo4Ubuf_1DZcO0_6Z2wyLQECPnacR",
        signature: include_bytes!("../../vectors/keys/ecdsa-p384-sha384.sig"),
    },
    OnCurve {
        curve: "P-521",
        alg: "ES512",
        algorithm: "ecdsa-p521-sha512",
        len: 66,
        x: "ATNUH-dq9TQf7cugj3xYUQaH9Kd55SnSe-n4uz5MwON4PaTXZ8ZN69Yh39LPZIWC2yylC8BHmCqdJntbEoBAwCv8",
        y: "AIcIrcvIogd_CvBO5E9IL77ZaJDdwkEYgvBU2Mk1BsNl-Q4_usit6OvMiVclKhonVKo-pPHdUH_Fz5XD3p3bg-5Y",
        signature: include_bytes!("../../vectors/keys/ecdsa-p521-sha512.sig"),
    },
];

impl OnCurve {
    fn jwk(&self, x: &str, y: &str, more: &str) -> String {
        format!("{{\"kty\":\"EC\",\"crv\":\"{}\",\"x\":\"{x}\",\"y\":\"{y}\"{more}}}", self.curve)
    }
}

#[test]
fn a_key_on_a_curve_is_used_for_its_own_algorithm_only() {
    for key in &ON_CURVES {
        let unkeyed = unkeyed(key.algorithm, "format = \"jwks\"\n");
        let of = |more: &str| {
            let keys = read(&unkeyed, set(&[key.jwk(key.x, key.y, more)]))?;
            Ok(proves(&unkeyed, &keys, None, key.signature))
        };
        assert_eq!(of(""), Ok(Some(true)), "{}", key.curve);
        for other in &ON_CURVES {
            let expected = if other.curve == key.curve { Ok(Some(true)) } else { Err(KeySetError::NoKey) };
            assert_eq!(of(&format!(",\"alg\":\"{}\"", other.alg)), expected, "{} {}", key.curve, other.alg);
        }
    }
}

#[test]
fn a_coordinate_may_be_shorter_than_that_of_its_curve_but_not_longer() {
    let malformed = Some(KeyError::Malformed { format: "a JSON Web Key" });
    for key in &ON_CURVES {
        let refused = |x: &[u8], y: &[u8]| {
            let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            PublicKey::from_jwk(&key.jwk(&x, &y, ""), KeyPolicy::Standard).err()
        };
        let [x, y] = [key.x, key.y].map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
        assert_eq!((x.len(), y.len(), refused(&x, &y)), (key.len, key.len, None), "{}", key.curve);
        let longer = |bytes: &[u8]| [&[0], bytes].concat();
        assert_eq!(refused(&longer(&x), &y), malformed, "{}", key.curve);
        assert_eq!(refused(&x, &longer(&y)), malformed, "{}", key.curve);
        assert_eq!(refused(&longer(&x), &longer(&y)), malformed, "{}", key.curve);
        // Some writers omit a leading zero, such as that of the y of our key on P-521; without any other byte it is
        // another point.
        let shorter = refused(&x, &y[1..]);
        assert_eq!(shorter.is_none(), key.curve == "P-521", "{}: {shorter:?}", key.curve);
        assert_ne!(shorter, malformed, "{}", key.curve);
    }
}

#[test]
fn a_key_with_parameters_that_its_kind_does_not_have_is_refused() {
    let der =
        |pem: &str| STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let replaced = |der: &[u8], old: &[u8], new: &[u8]| {
        let at = der.windows(old.len()).position(|window| window == old).unwrap();
        [&der[..at], new, &der[at + old.len()..]].concat()
    };
    let what = |der: &[u8]| match PublicKey::parse(&STANDARD.encode(der), KeyPolicy::Standard) {
        Err(KeyError::Unsupported { what }) => what,
        other => panic!("{other:?}"),
    };
    // RFC 8410 section 3: none at all. The lengths of the two sequences around them grow by those of NULL.
    let ed25519 = der(include_str!("../../vectors/keys/ed25519.pub.pem"));
    let (plain, with_null) = (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70", b"\x30\x2c\x30\x07\x06\x03\x2b\x65\x70\x05\x00");
    assert!(what(&replaced(&ed25519, plain, with_null)).contains("Ed25519"));
    // RFC 3279 section 2.3.1: NULL, and not an empty text.
    let rsa = der(include_str!("../../vectors/keys/rsa2048.pub.pem"));
    let oid = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    assert!(what(&replaced(&rsa, &[oid, &[5, 0][..]].concat(), &[oid, &[4, 0][..]].concat())).contains("RSA"));
    let pss = der(include_str!("../../vectors/keys/rsa-pss.params.pub.pem"));
    assert_eq!(what(&pss), "RSA-PSS with parameters");
}

#[test]
fn every_key_set_error_has_a_message() {
    for (problem, words) in [
        (KeyError::Encrypted, "is encrypted"),
        (
            KeyError::FeatureOff { kind: "an RSA key", feature: "rsa" },
            "cannot use an RSA key: turn on the feature `rsa`",
        ),
        (KeyError::Malformed { format: "a key in PEM" }, "is not a key in PEM"),
        (KeyError::NotForSignatures, "not for verifying signatures"),
        (KeyError::Private, "is a private key"),
        (KeyError::Public, "is a public key"),
        (KeyError::RsaExponent, "exponent must be odd"),
        (KeyError::RsaSize { bits: 1024, least: 2048 }, "has 1024 bits, but must have 2048 to 8192"),
        (KeyError::Several, "more than one key"),
        (KeyError::Symmetric, "is a symmetric key"),
        (KeyError::TooLarge, "longer than 65536 bytes"),
        (KeyError::Unsupported { what: "some curve" }, "not supported: some curve"),
        (KeyError::Weak, "not a sound Ed25519 key"),
    ] {
        assert!(problem.to_string().contains(words), "{problem}");
    }
}

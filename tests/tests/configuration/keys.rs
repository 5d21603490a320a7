//! Keys: several for one endpoint, and the forms of public and private ones.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign::{
    ConfigError, Key, KeyError, KeyPolicy, PrivateKey, PublicKeyKind, Scheme, Secret, Signer, Timestamp, Verifier,
    providers,
};
use countersign_tests::endpoint::{Endpoint, NOW};
use http::Request;

#[test]
fn two_keys_of_one_label_are_refused() {
    let endpoint = Endpoint::find("github");
    let same = endpoint.builder().key(endpoint.key("a")).key(endpoint.key("a")).build().unwrap_err();
    assert_eq!(same, ConfigError::SameLabel { label: "a".to_owned() });
}

#[test]
fn a_key_that_can_never_be_valid_is_refused_by_its_label() {
    let endpoint = Endpoint::find("github");
    let (start, end) = (Timestamp::from_unix_seconds(2), Timestamp::from_unix_seconds(1));
    let build = |key: Key| endpoint.builder().secret(endpoint.secret).key(key).build();
    let error = build(endpoint.key("old").not_before(start).not_after(end)).unwrap_err();
    assert_eq!(error, ConfigError::NeverValid { label: "old".to_owned() });
    assert!(error.to_string().contains("`old`"), "{error}");
    assert!(build(endpoint.key("moment").not_before(end).not_after(end)).is_ok());
}

#[test]
fn too_many_keys_are_refused() {
    let endpoint = Endpoint::find("github");
    let many = |count: usize| {
        let labels = (0..count).map(|at| endpoint.key(&at.to_string()));
        labels.fold(endpoint.builder(), countersign::VerifierBuilder::key).build()
    };
    assert!(many(countersign::MAX_KEYS).is_ok());
    assert_eq!(many(countersign::MAX_KEYS + 1).unwrap_err(), ConfigError::TooManySecrets);
}

#[test]
fn a_signer_takes_no_second_secret() {
    let error =
        Signer::configured(providers::GITHUB, "a-long-random-secret", |builder| builder.secret("another-secret"));
    assert_eq!(error.err(), Some(ConfigError::SecretBesideSigner));
}

#[test]
fn a_key_may_have_an_id_only_if_signatures_name_their_key() {
    let key = || Key::new("a", Secret::new("a-long-random-secret").unwrap()).with_id("2026");
    let error = Verifier::builder(providers::GITHUB).key(key()).build().unwrap_err();
    assert_eq!(error, ConfigError::NamesNoKey { scheme: "github".to_owned() });
    let endpoint = Endpoint::find("own-http-hmac");
    assert!(endpoint.builder().key(key()).build().is_ok());
}

#[test]
fn a_public_key_that_may_be_bare_bytes_may_be_a_file_as_well() {
    let bare = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";
    let pem = include_str!("../../vectors/keys/ed25519.pub.pem").trim();
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq_R2GZP0"}"#;
    let message: &[u8] = include_bytes!("../../vectors/keys/message");
    let signature = STANDARD.encode(include_bytes!("../../vectors/keys/ed25519.sig"));
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\n\
                value = \"{base64}\"\nsigns = \"{body}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let request = Request::post("/").header("X-Sig", signature).body(message).unwrap();
    for text in [bare, pem, jwk] {
        let verifier = Verifier::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(verifier.verify(&request, message, NOW).is_ok(), "{text}");
    }
    // An HTTP Message Signature takes a key like any other scheme.
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"http-signature\"\n\
                [http-signature]\nalgorithms = [\"ed25519\"]\ncomponents = [\"content-digest\"]\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let private = include_str!("../../vectors/keys/ed25519.pem");
    let signed = Signer::new(&scheme, private).unwrap().sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
    for text in [bare, pem, jwk] {
        let verifier = Verifier::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(verifier.verify(&signed, b"{}", NOW).is_ok(), "{text}");
    }
}

#[test]
fn a_signer_takes_a_private_key_as_bare_bytes_or_as_a_file() {
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\n\
                value = \"{base64}\"\nsigns = \"{body}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let bare = "76ff1192a55c0e2358a38fd6cf08b93b73f802de2539adcec128b29f0e393934";
    let message: &[u8] = include_bytes!("../../vectors/keys/message");
    for text in [bare, include_str!("../../vectors/keys/ed25519.pem")] {
        let signer = Signer::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let signed = signer.sign(Request::post("/").body(Bytes::from_static(message)).unwrap(), NOW).unwrap();
        assert_eq!(signed.headers()["X-Sig"], STANDARD.encode(include_bytes!("../../vectors/keys/ed25519.sig")));
    }
}

#[test]
fn a_signer_names_the_strongest_algorithm_if_the_request_names_one() {
    let file = |choices: &str| {
        let text = format!(
            "name = \"T\"\n[signature]\nalgorithm = {{ header = \"X-Alg\", choices = {{ {choices} }} }}\nheader = \"X-Sig\"\n\
             value = \"{{base64}}\"\nsigns = \"{{body}}\"\n"
        );
        Scheme::from_toml("t", &text).unwrap()
    };
    for (choices, named) in [
        ("\"1\" = \"rsa-sha1\", \"2\" = \"rsa-sha256\"", "2"),
        ("\"1\" = \"rsa-sha256\", \"2\" = \"rsa-sha1\"", "1"),
        ("\"1\" = \"rsa-sha1\"", "1"),
    ] {
        let scheme = file(choices);
        let private = include_str!("../../vectors/keys/rsa2048.pem");
        let signer = Signer::configured(&scheme, private, countersign::VerifierBuilder::allow_legacy).unwrap();
        let signed = signer.sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
        assert_eq!(signed.headers()["X-Alg"], named, "{choices}");
        assert!(signer.verifier().verify(&signed, signed.body(), NOW).is_ok(), "{choices}");
    }
}

/// A structure in DER, of less than 256 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let length = u8::try_from(inside.len()).unwrap();
    let head = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, inside].concat()
}

/// RFC 5915 section 3 demands the curve's name in the key as well; most writers omit it, because the container has it.
#[test]
fn a_private_key_may_name_its_curve_twice_but_not_two_curves() {
    let (p256, p384) = (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x06\x05\x2b\x81\x04\x00\x22");
    let key = |inside: &[u8]| {
        let ec = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
        let key = der(0x30, &[b"\x02\x01\x01", &der(0x04, &[&[7; 32]]), inside]);
        let info = der(0x30, &[b"\x02\x01\x00", &der(0x30, &[ec, p256]), &der(0x04, &[&key])]);
        let text = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(info));
        PrivateKey::from_pem(&text, KeyPolicy::Standard).map(|key| key.public_key().kind())
    };
    assert_eq!([key(b""), key(&der(0xa0, &[p256]))], [Ok(PublicKeyKind::P256), Ok(PublicKeyKind::P256)]);
    assert_eq!(key(&der(0xa0, &[p384])), Err(KeyError::Malformed { format: "an elliptic curve's private key" }));
}

#[test]
fn an_error_names_the_unusable_one_of_several_secrets() {
    let error = |second: &str| {
        let builder = Verifier::builder(providers::STRIPE).secret("whsec_for_this_test").secret(second);
        builder.build().unwrap_err().to_string()
    };
    assert!(error("").starts_with("the key `key-2`: the secret is empty"), "{}", error(""));
    let alone = Verifier::builder(providers::STRIPE).secret("").build().unwrap_err().to_string();
    assert!(alone.starts_with("the secret is empty"), "{alone}");
}

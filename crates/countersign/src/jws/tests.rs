//! The examples of the RFCs, and tokens that must be refused.

use super::*;
use crate::algorithm::Digest;

const ALL: &[JwsAlgorithm] = &JwsAlgorithm::ALL;

fn base64(bytes: &[u8]) -> String {
    Encoding::Base64UrlUnpadded.encode(bytes)
}

/// RFC 7515 appendix A.1.1.
fn secret() -> Vec<u8> {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    Encoding::Base64UrlUnpadded.decode(key.as_bytes()).unwrap()
}

fn keyed() -> Mac {
    Digest::Sha256.start_hmac(&secret())
}

fn tag(mut mac: Mac, signed: &[u8]) -> Vec<u8> {
    mac.update(signed);
    mac.finish().as_bytes().to_vec()
}

/// A token with that header, signed with HMAC-SHA-256 under the secret.
fn token(header: &str, payload: &[u8]) -> String {
    let signed = format!("{}.{}", base64(header.as_bytes()), base64(payload));
    format!("{signed}.{}", base64(&tag(keyed(), signed.as_bytes())))
}

fn problem(text: &str) -> JwsProblem {
    Jws::parse(text.as_bytes(), ALL).unwrap_err()
}

const RFC_7515_A1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn the_hmac_example_of_rfc_7515_is_accepted() {
    let jws = Jws::parse(RFC_7515_A1.as_bytes(), &[JwsAlgorithm::Hs256]).unwrap();
    assert!(bool::from(jws.is_signed_with_secret(&keyed())));
    assert_eq!((jws.key_id(), jws.parameter("typ")), (None, Some("JWT")));
    assert!(jws.claims().unwrap().starts_with(b"{\"iss\":\"joe\""));
    assert_eq!(jws.payload(), jws.claims().unwrap());
    assert!(RFC_7515_A1.as_bytes().starts_with(jws.signing_input()));
}

#[test]
fn one_changed_character_is_refused() {
    for at in 0..RFC_7515_A1.len() {
        let mut text = RFC_7515_A1.as_bytes().to_vec();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        let accepted = Jws::parse(&text, ALL).is_ok_and(|jws| jws.is_signed_with_secret(&keyed()).into());
        assert!(!accepted, "{at}");
    }
}

#[test]
fn a_token_that_is_not_three_canonical_parts_is_refused() {
    let (signed, signature) = RFC_7515_A1.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for text in ["", ".", "a", "a.b", signed, &format!("{RFC_7515_A1}."), &format!("{RFC_7515_A1}.e30"), "a.b.c.d.e"] {
        assert_eq!(problem(text), JwsProblem::Parts, "{text}");
    }
    let encodings = [
        format!("{RFC_7515_A1}="),
        format!("{RFC_7515_A1}\n"),
        format!("{RFC_7515_A1}AA=="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!("{header}. {payload}.{signature}"),
        // The last bits of the signature are unused, and must be zero.
        RFC_7515_A1.replace("EjXk", "EjXl"),
        RFC_7515_A1.replace("-mB92K27uhb", "+mB92K27uhb"),
    ];
    for text in encodings {
        assert_eq!(problem(&text), JwsProblem::Encoding, "{text}");
    }
    assert_eq!(problem(&format!("{header}..{signature}")), JwsProblem::Payload);
    assert_eq!(problem(&format!(".{payload}.{signature}")), JwsProblem::Header);
}

#[test]
fn the_length_is_checked_before_anything_is_decoded() {
    let header = base64(br#"{"alg":"HS256"}"#);
    let fits = format!("{header}.{}.AAAA", "A".repeat(MAX_SIGNED - header.len() - 1 - 1));
    assert!(Jws::parse(fits.as_bytes(), ALL).is_ok());
    let long = format!("{header}.{}.AAAA", "A".repeat(MAX_SIGNED - header.len()));
    assert_eq!(problem(&long), JwsProblem::TooLong);
    assert_eq!(problem(&format!("{header}.AAAA.{}", "A".repeat(MAX_SIGNATURE + 1))), JwsProblem::TooLong);
    assert_eq!(problem(&".".repeat(2 * MAX_SIGNED)), JwsProblem::TooLong);
}

#[test]
fn only_an_allowed_algorithm_is_read() {
    for alg in ["none", "None", "NONE", "", "hs256", "HS256 ", "HS1", "PS1", "ES256K", "HS224"] {
        for signature in ["", ".AAAA"] {
            let text = format!("{}.e30.{}", base64(format!(r#"{{"alg":"{alg}"}}"#).as_bytes()), &signature);
            assert!(Jws::parse(text.as_bytes(), ALL).is_err(), "{alg}");
        }
        assert_eq!(problem(&token(&format!(r#"{{"alg":"{alg}"}}"#), b"{}")), JwsProblem::Algorithm);
    }
    assert_eq!(problem(&token("{}", b"{}")), JwsProblem::Algorithm);
    let others: Vec<_> = ALL.iter().copied().filter(|algorithm| *algorithm != JwsAlgorithm::Hs256).collect();
    assert_eq!(Jws::parse(RFC_7515_A1.as_bytes(), &others).unwrap_err(), JwsProblem::Algorithm);
    assert_eq!(Jws::parse(RFC_7515_A1.as_bytes(), &[]).unwrap_err(), JwsProblem::Algorithm);
    for algorithm in JwsAlgorithm::ALL {
        assert_eq!(JwsAlgorithm::from_name(algorithm.name()), Some(algorithm));
    }
}

#[test]
fn a_header_that_two_readers_could_read_differently_is_refused() {
    let headers = [
        "",
        "1",
        "[]",
        r#""HS256""#,
        r#"{"alg":"HS256""#,
        r#"{"alg":"HS256"} x"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":1,"x":2}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":1}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256","b64":"false"}"#,
        "\u{feff}{\"alg\":\"HS256\"}",
    ];
    for header in headers {
        assert_eq!(problem(&token(header, b"{}")), JwsProblem::Header, "{header}");
    }
    let not_utf_8 = format!("{}.e30.AAAA", base64(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}"));
    assert_eq!(problem(&not_utf_8), JwsProblem::Header);
    let deep = format!(r#"{{"alg":"HS256","x":{}1{}}}"#, "[".repeat(2000), "]".repeat(2000));
    assert_eq!(problem(&token(&deep, b"{}")), JwsProblem::Header);
}

#[test]
fn an_extension_that_is_not_understood_is_refused() {
    let headers = [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"b64","b64":false}"#,
        r#"{"alg":"HS256","crit":["b64","b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":["b64","exp"],"b64":false,"exp":1}"#,
        r#"{"alg":"HS256","crit":["b64"]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false}"#,
    ];
    for header in headers {
        assert_eq!(problem(&token(header, b"{}")), JwsProblem::Critical, "{header}");
        let detached = format!("{}..AAAA", base64(header.as_bytes()));
        assert_eq!(
            DetachedJws::parse(detached.as_bytes(), ALL, B64::Critical).unwrap_err(),
            JwsProblem::Critical,
            "{header}"
        );
    }
    // RFC 7797 section 7: not allowed in a token with its payload inside.
    for value in ["true", "false"] {
        let header = format!(r#"{{"alg":"HS256","crit":["b64"],"b64":{value}}}"#);
        assert_eq!(problem(&token(&header, b"{}")), JwsProblem::Critical);
    }
}

#[test]
fn a_key_id_is_visible_and_short() {
    let id = |id: &str| {
        let text = token(&format!(r#"{{"alg":"HS256","kid":"{id}"}}"#), b"{}");
        Jws::parse(text.as_bytes(), ALL).map(|jws| jws.key_id().map(str::to_owned))
    };
    let longest = "k".repeat(256);
    assert_eq!(id("key-1"), Ok(Some("key-1".to_owned())));
    assert_eq!(id(&longest), Ok(Some(longest.clone())));
    for wrong in ["", "two words", "\\n", "\\u0000", "schl\u{fc}ssel", &format!("{longest}k")] {
        assert_eq!(id(wrong), Err(JwsProblem::KeyId), "{wrong}");
    }
}

#[test]
fn claims_are_one_object_without_duplicate_names() {
    let claims = |payload: &[u8]| {
        let text = token(r#"{"alg":"HS256"}"#, payload);
        let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
        assert!(bool::from(jws.is_signed_with_secret(&keyed())));
        jws.claims().map(<[u8]>::to_vec)
    };
    assert_eq!(claims(br#"{"iss":"a","x":{"iss":"b"}}"#), Ok(br#"{"iss":"a","x":{"iss":"b"}}"#.to_vec()));
    for payload in [&b"foo"[..], b"[]", b"\"{}\"", b"{}{}", br#"{"iss":"a","iss":"b"}"#, b"{\"iss\":\"\xff\"}", b"null"]
    {
        assert_eq!(claims(payload), Err(JwsProblem::Claims), "{payload:?}");
    }
}

#[test]
fn a_secret_verifies_only_the_hash_that_it_was_made_ready_for() {
    let digests = [Digest::Sha256, Digest::Sha384, Digest::Sha512];
    let algorithms = [JwsAlgorithm::Hs256, JwsAlgorithm::Hs384, JwsAlgorithm::Hs512];
    for (digest, algorithm) in digests.into_iter().zip(algorithms) {
        let text =
            write(algorithm, &[("kid", "1")], b"{}", |signed| Some(tag(digest.start_hmac(&secret()), signed))).unwrap();
        let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
        assert_eq!((jws.algorithm(), jws.key_id()), (algorithm, Some("1")));
        for other in Digest::ALL {
            let accepted = bool::from(jws.is_signed_with_secret(&other.start_hmac(&secret())));
            assert_eq!(accepted, *other == digest);
        }
        assert!(!bool::from(jws.is_signed_with_secret(&digest.start())), "a plain hash is no HMAC");
        assert!(!bool::from(jws.is_signed_with_secret(&digest.start_hmac(b"another"))));
    }
}

#[test]
fn a_shortened_tag_is_refused() {
    let (signed, _) = RFC_7515_A1.rsplit_once('.').unwrap();
    let tag = tag(keyed(), signed.as_bytes());
    for tag in [&tag[..0], &tag[..1], &tag[..31], &[&tag[..], &[0]].concat()] {
        let text = format!("{signed}.{}", base64(tag));
        let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
        assert!(!bool::from(jws.is_signed_with_secret(&keyed())));
    }
}

#[test]
fn the_detached_examples_of_rfc_7797_are_accepted() {
    let encoded = "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ";
    let plain = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    for (text, encodes) in [(encoded, true), (plain, false)] {
        let jws = DetachedJws::parse(text.as_bytes(), ALL, B64::Critical).unwrap();
        assert_eq!(jws.encodes_payload(), encodes);
        assert!(jws.signing_input(b"$.02").starts_with(jws.signed_prefix()));
        let is_accepted = |payload: &[u8]| bool::from(jws.is_signed_with_secret(payload, &keyed()));
        assert!(is_accepted(b"$.02"), "{text}");
        assert!(!is_accepted(b"$.03") && !is_accepted(b"") && !is_accepted(base64(b"$.02").as_bytes()), "{text}");
        let sign = |signed: &[u8]| Some(tag(keyed(), signed));
        assert_eq!(write_detached(JwsAlgorithm::Hs256, &[], b"$.02", encodes, sign).as_deref(), Some(text));
    }
}

#[test]
fn a_payload_is_either_inside_the_token_or_detached() {
    assert_eq!(DetachedJws::parse(RFC_7515_A1.as_bytes(), ALL, B64::Critical).unwrap_err(), JwsProblem::Payload);
    let empty = write(JwsAlgorithm::Hs256, &[], b"", |signed| Some(tag(keyed(), signed))).unwrap();
    assert_eq!(problem(&empty), JwsProblem::Payload);
}

#[cfg(all(feature = "ed25519", feature = "p521", feature = "rsa"))]
mod public_keys {
    use super::*;
    use crate::public_key::{KeyPolicy, PrivateKey};

    fn jwk(text: &str) -> PublicKey {
        PublicKey::from_jwk(text, KeyPolicy::Standard).unwrap()
    }

    /// RFC 8037 appendix A.4; RFC 7515 appendices A.2, A.3 and A.4.
    fn examples() -> [(JwsAlgorithm, PublicKey, &'static str); 4] {
        [
            (JwsAlgorithm::EdDsa, jwk(RFC_8037_A2), RFC_8037_A4),
            (JwsAlgorithm::Rs256, jwk(RFC_7515_A2_KEY), RFC_7515_A2),
            (JwsAlgorithm::Es256, jwk(RFC_7515_A3_KEY), RFC_7515_A3),
            (JwsAlgorithm::Es512, jwk(RFC_7515_A4_KEY), RFC_7515_A4),
        ]
    }

    #[test]
    fn the_examples_of_the_rfcs_are_accepted_by_their_own_key_only() {
        for (algorithm, _, text) in examples() {
            let jws = Jws::parse(text.as_bytes(), &[algorithm]).unwrap();
            for (other, key, _) in examples() {
                assert_eq!(jws.is_signed_with_private_key_of(&key), other == algorithm, "{algorithm:?} {other:?}");
            }
            assert!(!bool::from(jws.is_signed_with_secret(&keyed())));
        }
    }

    #[test]
    fn a_public_key_taken_for_a_secret_signs_nothing() {
        // The attack: sign by HMAC with the public key as the secret. The verifier uses the key as a public key, which
        // has no HMAC.
        for (_, key, _) in examples() {
            for bytes in [RFC_8037_A2, RFC_7515_A2_KEY, RFC_7515_A3_KEY, RFC_7515_A4_KEY] {
                let sign = |signed: &[u8]| Some(tag(Digest::Sha256.start_hmac(bytes.as_bytes()), signed));
                let text = write(JwsAlgorithm::Hs256, &[], b"{}", sign).unwrap();
                let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
                assert!(!jws.is_signed_with_private_key_of(&key));
            }
        }
    }

    #[test]
    fn a_key_inside_the_token_is_never_looked_at() {
        let private = PrivateKey::from_raw(crate::PublicKeyKind::Ed25519, &[7; 32]).unwrap();
        let header = base64(format!(r#"{{"alg":"EdDSA","jwk":{RFC_8037_A2}}}"#).as_bytes());
        let signed = format!("{header}.e30");
        let algorithm = crate::public_key::PublicKeyAlgorithm::Ed25519;
        let signature = private.sign(algorithm, SignatureForm::Jose, signed.as_bytes()).unwrap();
        let text = format!("{signed}.{}", base64(&signature));
        let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
        assert!(jws.is_signed_with_private_key_of(&private.public_key()));
        assert!(!jws.is_signed_with_private_key_of(&jwk(RFC_8037_A2)));
    }

    #[test]
    fn ecdsa_signatures_in_der_are_no_jws() {
        let private = PrivateKey::from_raw(crate::PublicKeyKind::P256, &[7; 32]).unwrap();
        let algorithm = crate::public_key::PublicKeyAlgorithm::EcdsaP256Sha256;
        for (form, accepted) in [(SignatureForm::Jose, true), (SignatureForm::Usual, false)] {
            let sign = |signed: &[u8]| private.sign(algorithm, form, signed);
            let text = write(JwsAlgorithm::Es256, &[], b"{}", sign).unwrap();
            let jws = Jws::parse(text.as_bytes(), ALL).unwrap();
            assert_eq!(jws.is_signed_with_private_key_of(&private.public_key()), accepted);

            let text = write_detached(JwsAlgorithm::Es256, &[("tl_version", "2")], b"body", true, sign).unwrap();
            let jws = DetachedJws::parse(text.as_bytes(), ALL, B64::Critical).unwrap();
            assert_eq!(jws.parameter("tl_version"), Some("2"));
            assert_eq!(jws.is_signed_with_private_key_of(b"body", &private.public_key()), accepted);
            assert!(!jws.is_signed_with_private_key_of(b"bodx", &private.public_key()));
        }
    }

    const RFC_8037_A2: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const RFC_8037_A4: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const RFC_7515_A2_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
    const RFC_7515_A2: &str = "eyJhbGciOiJSUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RFC_7515_A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    const RFC_7515_A3: &str = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const RFC_7515_A4_KEY: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;
    const RFC_7515_A4: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.\
        AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
}

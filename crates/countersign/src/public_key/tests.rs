//! Keys and signatures made by OpenSSL, and keys and signatures that must be refused.

use super::{KeyError, KeyPolicy, PrivateKey, PublicKey, PublicKeyAlgorithm, PublicKeyKind, SignatureForm};
use crate::encoding::Encoding;

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/keys/", $name))
    };
}

macro_rules! bytes {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/keys/", $name)).as_slice()
    };
}

const MESSAGE: &[u8] = bytes!("message");

fn public(pem: &str) -> PublicKey {
    PublicKey::from_pem(pem, KeyPolicy::Standard).unwrap()
}

fn private(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem, KeyPolicy::Standard).unwrap()
}

fn refused(pem: &str) -> KeyError {
    PublicKey::parse(pem, KeyPolicy::Standard).unwrap_err()
}

/// For each algorithm, its keys and a signature by OpenSSL.
fn signed_by_openssl() -> [(PublicKeyAlgorithm, PublicKey, PrivateKey, &'static [u8]); 12] {
    let p256 = || (public(file!("p256.pub.pem")), private(file!("p256.pem")));
    let rsa = || (public(file!("rsa2048.pub.pem")), private(file!("rsa2048.pem")));
    let ed25519 = (public(file!("ed25519.pub.pem")), private(file!("ed25519.pem")));
    let p384 = (public(file!("p384.pub.pem")), private(file!("p384.pem")));
    let p521 = (public(file!("p521.pub.pem")), private(file!("p521.pem")));
    let with = |algorithm, (public, private), signature| (algorithm, public, private, signature);
    [
        with(PublicKeyAlgorithm::Ed25519, ed25519, bytes!("ed25519.sig")),
        with(PublicKeyAlgorithm::EcdsaP256Sha1, p256(), bytes!("ecdsa-p256-sha1.sig")),
        with(PublicKeyAlgorithm::EcdsaP256Sha256, p256(), bytes!("ecdsa-p256-sha256.sig")),
        with(PublicKeyAlgorithm::EcdsaP384Sha384, p384, bytes!("ecdsa-p384-sha384.sig")),
        with(PublicKeyAlgorithm::EcdsaP521Sha512, p521, bytes!("ecdsa-p521-sha512.sig")),
        with(PublicKeyAlgorithm::RsaPkcs1Sha1, rsa(), bytes!("rsa-sha1.sig")),
        with(PublicKeyAlgorithm::RsaPkcs1Sha256, rsa(), bytes!("rsa-sha256.sig")),
        with(PublicKeyAlgorithm::RsaPkcs1Sha384, rsa(), bytes!("rsa-sha384.sig")),
        with(PublicKeyAlgorithm::RsaPkcs1Sha512, rsa(), bytes!("rsa-sha512.sig")),
        with(PublicKeyAlgorithm::RsaPssSha256, rsa(), bytes!("rsa-pss-sha256.sig")),
        with(PublicKeyAlgorithm::RsaPssSha384, rsa(), bytes!("rsa-pss-sha384.sig")),
        with(PublicKeyAlgorithm::RsaPssSha512, rsa(), bytes!("rsa-pss-sha512.sig")),
    ]
}

#[test]
fn openssl_and_this_library_accept_each_others_signatures() {
    for (algorithm, public, private, signature) in signed_by_openssl() {
        assert!(public.verify(algorithm, SignatureForm::Usual, MESSAGE, signature), "{algorithm:?}");
        for form in [SignatureForm::Usual, SignatureForm::Jose] {
            let own = private.sign(algorithm, form, MESSAGE).unwrap();
            assert_eq!(own, private.sign(algorithm, form, MESSAGE).unwrap());
            assert!(public.verify(algorithm, form, MESSAGE, &own), "{algorithm:?}");
            assert!(private.public_key().verify(algorithm, form, MESSAGE, &own), "{algorithm:?}");
            // ECDSA and RSASSA-PSS leave the signer a choice.
            let is_open = algorithm.name().starts_with("ecdsa") || algorithm.name().starts_with("rsa-pss");
            assert!(is_open || own == signature, "{algorithm:?}");
        }
    }
}

#[test]
fn a_signature_is_valid_for_its_message_form_and_algorithm_only() {
    let all = signed_by_openssl();
    for (algorithm, public, _, signature) in &all {
        let verify =
            |message: &[u8], signature: &[u8]| public.verify(*algorithm, SignatureForm::Usual, message, signature);
        assert!(!verify(b"a messagf", signature) && !verify(b"", signature), "{algorithm:?}");
        assert!(!verify(MESSAGE, &[signature, &[0][..]].concat()), "{algorithm:?}");
        assert!(!verify(MESSAGE, &[&[0][..], signature].concat()), "{algorithm:?}");
        for end in [0, 1, 2, signature.len() / 2, signature.len() - 1] {
            assert!(!verify(MESSAGE, &signature[..end]), "{algorithm:?}");
        }
        for at in (0..signature.len()).step_by(signature.len() / 16) {
            let mut other = signature.to_vec();
            other[at] ^= 1;
            assert!(!verify(MESSAGE, &other), "{algorithm:?} byte {at}");
        }
        let is_ecdsa = algorithm.name().starts_with("ecdsa");
        assert_eq!(public.verify(*algorithm, SignatureForm::Jose, MESSAGE, signature), !is_ecdsa, "{algorithm:?}");
        for (other, ..) in all.iter().filter(|(other, ..)| other != algorithm) {
            assert!(!public.verify(*other, SignatureForm::Usual, MESSAGE, signature), "{algorithm:?} as {other:?}");
        }
    }
}

#[test]
fn a_digest_can_replace_its_message_except_under_ed25519() {
    for (algorithm, public, _, signature) in signed_by_openssl() {
        let verify = |digest: &[u8]| public.verify_digest(algorithm, SignatureForm::Usual, digest, signature);
        let Some(hash) = algorithm.digest() else {
            assert!(!verify(MESSAGE) && !verify(&[0; 64]));
            continue;
        };
        let digest = hash.of(MESSAGE);
        assert!(verify(digest.as_bytes()), "{algorithm:?}");
        assert!(!verify(hash.of(b"other").as_bytes()) && !verify(b""), "{algorithm:?}");
        assert!(!verify(&digest.as_bytes()[1..]) && !verify(&[digest.as_bytes(), b"\0"].concat()), "{algorithm:?}");
    }
}

#[test]
fn nothing_is_signed_under_an_algorithm_that_the_key_does_not_fit() {
    for (algorithm, _, private, _) in signed_by_openssl() {
        for other in PublicKeyAlgorithm::ALL {
            let signature = private.sign(other, SignatureForm::Usual, MESSAGE);
            assert_eq!(signature.is_some(), other.kind() == algorithm.kind(), "{algorithm:?} {other:?}");
        }
    }
}

#[test]
fn a_salt_of_any_length_is_accepted_unless_an_rfc_forbids_it() {
    let (key, algorithm) = (public(file!("rsa2048.pub.pem")), PublicKeyAlgorithm::RsaPssSha256);
    let as_long_as_the_hash = bytes!("rsa-pss-sha256.sig");
    for signature in [as_long_as_the_hash, bytes!("rsa-pss-sha256.longest-salt.sig")] {
        assert!(key.verify(algorithm, SignatureForm::Usual, MESSAGE, signature));
        let by_rfc = key.verify(algorithm, SignatureForm::Jose, MESSAGE, signature);
        assert_eq!(by_rfc, signature == as_long_as_the_hash);
    }
    for padding in [PublicKeyAlgorithm::RsaPkcs1Sha256, PublicKeyAlgorithm::RsaPssSha512] {
        assert!(!key.verify(padding, SignatureForm::Usual, MESSAGE, bytes!("rsa-pss-sha256.sig")));
    }
}

#[test]
fn a_key_that_is_marked_for_pss_is_an_rsa_key() {
    let (key, signature) = (public(file!("rsa-pss.pub.pem")), bytes!("rsa-pss.own.sig"));
    assert!(key.verify(PublicKeyAlgorithm::RsaPssSha256, SignatureForm::Jose, MESSAGE, signature));
    let own = private(file!("rsa-pss.pem")).sign(PublicKeyAlgorithm::RsaPssSha256, SignatureForm::Jose, MESSAGE);
    assert!(key.verify(PublicKeyAlgorithm::RsaPssSha256, SignatureForm::Jose, MESSAGE, &own.unwrap()));
}

#[test]
fn an_ecdsa_signature_with_negated_s_is_accepted() {
    // The order of P-256, FIPS 186-5 and SP 800-186 section 3.2.1.3.
    let order = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = Encoding::HexLower.decode(order).unwrap();
    let key = private(file!("p256.pem"));
    let algorithm = PublicKeyAlgorithm::EcdsaP256Sha256;
    let mut signature = key.sign(algorithm, SignatureForm::Jose, MESSAGE).unwrap();
    let mut borrow = false;
    for at in (0..32).rev() {
        let (once, first) = order[at].overflowing_sub(signature[32 + at]);
        let (twice, second) = once.overflowing_sub(borrow.into());
        (signature[32 + at], borrow) = (twice, first || second);
    }
    assert!(key.public_key().verify(algorithm, SignatureForm::Jose, MESSAGE, &signature));
    for (r, s) in [([0; 32], [0; 32]), ([0; 32], [1; 32]), ([1; 32], [0; 32])] {
        assert!(!key.public_key().verify(algorithm, SignatureForm::Jose, MESSAGE, &[r, s].concat()));
    }
    let too_large = [&signature[..32], &order].concat();
    assert!(!key.public_key().verify(algorithm, SignatureForm::Jose, MESSAGE, &too_large));
}

#[test]
fn a_key_is_the_same_in_every_format() {
    let algorithm = PublicKeyAlgorithm::RsaPkcs1Sha256;
    for pem in [file!("rsa2048.pub.pem"), file!("rsa2048.pkcs1.pub.pem"), file!("rsa2048.crt.pem")] {
        assert!(public(pem).verify(algorithm, SignatureForm::Usual, MESSAGE, bytes!("rsa-sha256.sig")));
    }
    let own = private(file!("rsa2048.pkcs1.pem")).sign(algorithm, SignatureForm::Usual, MESSAGE).unwrap();
    assert_eq!(own, bytes!("rsa-sha256.sig"));

    let algorithm = PublicKeyAlgorithm::EcdsaP256Sha256;
    for pem in [file!("p256.pub.pem"), file!("p256.compressed.pub.pem"), file!("chain.crt.pem")] {
        assert!(public(pem).verify(algorithm, SignatureForm::Usual, MESSAGE, bytes!("ecdsa-p256-sha256.sig")));
    }
    let own = private(file!("p256.pem")).sign(algorithm, SignatureForm::Usual, MESSAGE);
    for pem in [file!("p256.sec1.pem"), file!("p256.params.pem")] {
        assert_eq!(private(pem).sign(algorithm, SignatureForm::Usual, MESSAGE), own);
    }
}

#[test]
fn a_pasted_key_may_have_lost_its_lines() {
    let pem = file!("p256.pub.pem");
    let inner: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let escaped = pem.replace('\n', "\\n");
    let written = [
        pem.to_owned(),
        format!("\n {}", pem.replace('\n', "\r\n")),
        pem.replace('\n', " "),
        escaped.replace("\\n", "\\r\\n"),
        escaped,
        inner,
        lines.join("\n"),
        format!("subject=CN = leaf\n{pem}"),
    ];
    for text in written {
        let key = PublicKey::parse(&text, KeyPolicy::Standard).unwrap();
        assert!(key.verify(
            PublicKeyAlgorithm::EcdsaP256Sha256,
            SignatureForm::Usual,
            MESSAGE,
            bytes!("ecdsa-p256-sha256.sig")
        ));
    }
}

#[test]
fn a_text_that_is_no_public_key_is_refused_with_a_reason() {
    let of = |format| KeyError::Malformed { format };
    assert_eq!(refused(file!("p256.pem")), KeyError::Private);
    assert_eq!(refused(file!("rsa2048.pkcs1.pem")), KeyError::Private);
    assert_eq!(refused(file!("p256.encrypted.pem")), KeyError::Private);
    assert_eq!(refused(&[file!("p256.pub.pem"), file!("p384.pub.pem")].concat()), KeyError::Several);
    assert_eq!(refused(&[file!("p256.pub.pem"), file!("rsa2048.crt.pem")].concat()), KeyError::Several);
    assert_eq!(refused(""), of("a public key in PEM, in base64 of its DER, or as a JWK"));
    assert_eq!(refused("-----BEGIN PUBLIC KEY-----"), of("a key in PEM"));
    assert_eq!(refused(&file!("p256.pub.pem").replace("END PUBLIC", "END RSA PUBLIC")), of("a key in PEM"));
    assert_eq!(refused(&file!("p256.pub.pem").replace("KoZI", "Ko=I")), of("a key in PEM"));
    assert_eq!(refused(&"A".repeat(65 * 1024)), KeyError::TooLarge);
    for pem in [
        file!("secp256k1.pub.pem"),
        file!("p256.explicit.pub.pem"),
        file!("rsa-pss.params.pub.pem"),
        file!("x25519.pub.pem"),
    ] {
        assert!(matches!(refused(pem), KeyError::Unsupported { .. }), "{pem}");
    }
}

#[test]
fn a_text_that_is_no_private_key_is_refused_with_a_reason() {
    let refused = |pem: &str| PrivateKey::from_pem(pem, KeyPolicy::Standard).unwrap_err();
    assert_eq!(refused(file!("p256.pub.pem")), KeyError::Public);
    assert_eq!(refused(file!("chain.crt.pem")), KeyError::Several);
    assert_eq!(refused(file!("p256.encrypted.pem")), KeyError::Encrypted);
    assert_eq!(refused(file!("rsa1024.encrypted.pem")), KeyError::Encrypted);
    assert_eq!(refused(file!("rsa1024.pem")), KeyError::RsaSize { bits: 1024, least: 2048 });
    for kind in [PublicKeyKind::P256, PublicKeyKind::P384, PublicKeyKind::P521] {
        for bytes in [&[][..], &[0; 32], &[0; 48], &[0; 66], &[255; 32], &[255; 48], &[255; 66]] {
            assert!(PrivateKey::from_raw(kind, bytes).is_err(), "{kind:?}");
        }
    }
    assert!(PrivateKey::from_raw(PublicKeyKind::Ed25519, &[7; 31]).is_err());
    assert_eq!(format!("{:?}", PrivateKey::from_raw(PublicKeyKind::Ed25519, &[7; 32])), "Ok(PrivateKey(..))");
}

#[test]
fn damaged_der_is_refused_and_never_panics() {
    for pem in [file!("p256.pub.pem"), file!("rsa2048.pub.pem"), file!("ed25519.pub.pem"), file!("p521.pub.pem")] {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = Encoding::Base64.decode(base64.as_bytes()).unwrap();
        let read = |der: &[u8]| PublicKey::from_spki_der(der, KeyPolicy::Standard);
        assert!(read(&der).is_ok());
        assert!(read(&[&der, &[0][..]].concat()).is_err());
        for end in 0..der.len() {
            assert!(read(&der[..end]).is_err());
        }
        for at in 0..der.len() {
            let mut other = der.clone();
            other[at] ^= 0x80;
            drop(read(&other));
        }
    }
}

#[test]
fn a_small_rsa_key_is_taken_only_when_asked_for() {
    let pem = file!("rsa1024.pub.pem");
    assert_eq!(refused(pem), KeyError::RsaSize { bits: 1024, least: 2048 });
    let key = PublicKey::from_pem(pem, KeyPolicy::DangerousSmallRsa).unwrap();
    assert!(key.verify(
        PublicKeyAlgorithm::RsaPkcs1Sha256,
        SignatureForm::Usual,
        MESSAGE,
        bytes!("rsa1024-sha256.sig")
    ));
}

#[test]
fn rsa_keys_have_bounds() {
    let jwk = |modulus: &[u8], exponent: &[u8]| {
        let encode = |bytes| Encoding::Base64UrlUnpadded.encode(bytes);
        let text = format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, encode(modulus), encode(exponent));
        PublicKey::from_jwk(&text, KeyPolicy::DangerousSmallRsa).map(|key| key.kind())
    };
    let size = |bits| Err(KeyError::RsaSize { bits, least: 1024 });
    assert_eq!(jwk(&[0xff; 128], &[1, 0, 1]), Ok(PublicKeyKind::Rsa));
    assert_eq!(jwk(&[0xff; 1024], &[3]), Ok(PublicKeyKind::Rsa));
    assert_eq!(jwk(&[&[0][..], &[0xff; 256]].concat(), &[0, 3]), Ok(PublicKeyKind::Rsa));
    assert_eq!(jwk(&[&[0x7f][..], &[0xff; 127]].concat(), &[3]), size(1023));
    assert_eq!(jwk(&[&[1][..], &[0xff; 1024]].concat(), &[3]), size(8193));
    assert_eq!(jwk(&[&[0; 1024][..], &[0xff; 127]].concat(), &[3]), size(1016));
    assert_eq!(jwk(&[], &[3]), size(0));
    assert_eq!(jwk(&[0xff; 256], &[0x01, 0xff, 0xff, 0xff, 0xff]), Ok(PublicKeyKind::Rsa));
    for exponent in [&[][..], &[0], &[1], &[2], &[4], &[1, 0, 0], &[2, 0, 0, 0, 1], &[0xff; 9], &[0xff; 256]] {
        assert_eq!(jwk(&[0xff; 256], exponent), Err(KeyError::RsaExponent), "{exponent:?}");
    }
    assert!(jwk(&[0xfe; 256], &[3]).is_err(), "an even modulus");
}

#[test]
fn an_ed25519_key_that_anyone_could_sign_under_is_refused() {
    // The points of small order, followed by their other encodings; the sign of x is the last bit.
    let small_order = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for key in small_order {
        let key = Encoding::HexLower.decode(key.as_bytes()).unwrap();
        assert_eq!(PublicKey::from_raw(PublicKeyKind::Ed25519, &key).unwrap_err(), KeyError::Weak, "{key:x?}");
    }
    // y from 2^255 - 19 on, which a lax reader takes for y - (2^255 - 19).
    for (first, last) in (0xed..=0xff).flat_map(|first| [(first, 0x7f), (first, 0xff)]) {
        let key = [&[first][..], &[0xff; 30], &[last]].concat();
        assert!(PublicKey::from_raw(PublicKeyKind::Ed25519, &key).is_err(), "{key:x?}");
    }
    for len in [0, 31, 33, 64] {
        assert!(PublicKey::from_raw(PublicKeyKind::Ed25519, &vec![0x58; len]).is_err());
    }
}

#[test]
fn an_ed25519_signature_with_a_point_of_small_order_is_refused() {
    let key = public(file!("ed25519.pub.pem"));
    for first in [0, 1, 0xec] {
        let rest = if first == 0xec { 0xff } else { 0 };
        let mut signature = [&[first][..], &[rest; 30], &[rest & 0x7f], &[0; 32]].concat();
        assert!(!key.verify(PublicKeyAlgorithm::Ed25519, SignatureForm::Jose, MESSAGE, &signature));
        signature[32] = 1;
        assert!(!key.verify(PublicKeyAlgorithm::Ed25519, SignatureForm::Jose, MESSAGE, &signature));
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    for (kind, len) in [(PublicKeyKind::P256, 32), (PublicKeyKind::P384, 48), (PublicKeyKind::P521, 66)] {
        let read = |bytes: &[u8]| PublicKey::from_raw(kind, bytes).map(|key| key.kind());
        let off_curve = [vec![4], vec![0; len - 1], vec![5], vec![0; len - 1], vec![5]].concat();
        let too_large = [vec![4], vec![0xff; len * 2]].concat();
        let hybrid = [vec![6], vec![0; len * 2]].concat();
        for bytes in [&[][..], &[0], &[4], &off_curve, &too_large, &hybrid, &off_curve[..len * 2]] {
            assert!(read(bytes).is_err(), "{kind:?} {bytes:x?}");
        }
    }
    assert!(PublicKey::from_raw(PublicKeyKind::Rsa, &[1; 32]).is_err());
}

#[test]
fn a_json_web_key_is_used_only_for_its_declared_purpose() {
    // RFC 8037 appendix A.2.
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let read = |more: &str| {
        let text = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{more}}}"#);
        PublicKey::parse(&text, KeyPolicy::Standard)
    };
    for more in
        ["", r#","use":"sig""#, r#","alg":"EdDSA""#, r#","alg":"Ed25519","kid":"1""#, r#","key_ops":["verify"]"#]
    {
        assert!(read(more).unwrap().fits(PublicKeyAlgorithm::Ed25519), "{more}");
    }
    let not_for_signatures = [
        r#","use":"enc""#,
        r#","alg":"ES256""#,
        r#","alg":"ECDH-ES""#,
        r#","key_ops":["encrypt"]"#,
        r#","key_ops":[]"#,
    ];
    for more in not_for_signatures {
        assert_eq!(read(more).unwrap_err(), KeyError::NotForSignatures, "{more}");
    }
    assert_eq!(read(r#","d":"AA""#).unwrap_err(), KeyError::Private);
    for more in [r#","x":"AA""#, r#","use":1"#, r#","key_ops":"verify""#, r#","alg":null"#, "}"] {
        assert_eq!(read(more).unwrap_err(), KeyError::Malformed { format: "a JSON Web Key" }, "{more}");
    }
    let symmetric = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}"#;
    assert_eq!(refused(symmetric), KeyError::Symmetric);
    assert!(matches!(refused(r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#), KeyError::Unsupported { .. }));
    assert!(matches!(refused(r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#), KeyError::Unsupported { .. }));
    assert!(matches!(refused(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#), KeyError::Malformed { .. }));
}

#[test]
fn a_json_web_key_with_an_algorithm_verifies_no_other() {
    let modulus = Encoding::Base64UrlUnpadded.encode(&[0xff; 256]);
    let text = format!(r#"{{"kty":"RSA","alg":"RS256","n":"{modulus}","e":"AQAB"}}"#);
    let key = PublicKey::from_jwk(&text, KeyPolicy::Standard).unwrap();
    assert!(key.fits(PublicKeyAlgorithm::RsaPkcs1Sha256));
    assert!(!key.fits(PublicKeyAlgorithm::RsaPkcs1Sha512) && !key.fits(PublicKeyAlgorithm::RsaPkcs1Sha1));
    for alg in ["RSA-OAEP", "none", "HS256"] {
        assert!(PublicKey::from_jwk(&text.replace("RS256", alg), KeyPolicy::Standard).is_err(), "{alg}");
    }
}

#[test]
fn every_algorithm_has_its_own_name() {
    for algorithm in PublicKeyAlgorithm::ALL {
        assert_eq!(PublicKeyAlgorithm::from_name(algorithm.name()), Some(algorithm));
        assert_eq!(algorithm.missing_feature(), None);
        assert_eq!(algorithm.is_legacy(), algorithm.name().ends_with("sha1"));
    }
    assert_eq!(PublicKeyAlgorithm::from_name("rsa-md5"), None);
}

//! Project Wycheproof's cases: each one gets the expected verdict.
//!
//! One kind that the project calls acceptable is refused here, `MissingNull`: an RSA signature over a `DigestInfo`
//! without the `NULL` of its algorithm. RFC 8017 appendix A.2.4 lets a verifier accept it, but no sender writes it.

use serde::Deserialize;
use serde_json::Value;

use super::{KeyPolicy, PublicKey, PublicKeyAlgorithm, SignatureForm};
use crate::{
    algorithm::{Digest, Tag},
    encoding::Encoding,
};

/// Each line of a file is one group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key_der: Option<String>,
    #[serde(alias = "keyJwk")]
    public_key_jwk: Option<Value>,
    tag_size: Option<usize>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    flags: Vec<String>,
    key: Option<String>,
    msg: String,
    #[serde(alias = "tag")]
    sig: String,
    result: String,
}

impl Case {
    fn check(&self, file: &str, verdict: bool) {
        let expected = match self.result.as_str() {
            "valid" => true,
            "invalid" => false,
            "acceptable" => {
                assert_eq!(self.flags, ["MissingNull"], "{file} {}", self.tc_id);
                false
            }
            other => panic!("{file} {}: {other}", self.tc_id),
        };
        assert_eq!(verdict, expected, "{file} {}: {:?}", self.tc_id, self.flags);
    }
}

fn hex(text: &str) -> Vec<u8> {
    Encoding::HexLower.decode(text.as_bytes()).unwrap()
}

fn groups(text: &str, cases: usize) -> Vec<Group> {
    let groups: Vec<Group> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(groups.iter().map(|group| group.tests.len()).sum::<usize>(), cases);
    groups
}

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/wycheproof/", $name))
    };
}

fn check_signatures(algorithm: PublicKeyAlgorithm, form: SignatureForm, text: &str, cases: usize) {
    for group in groups(text, cases) {
        let key = PublicKey::from_spki_der(&hex(&group.public_key_der.unwrap()), KeyPolicy::Standard).unwrap();
        let jwk = group.public_key_jwk.map(|jwk| PublicKey::from_jwk(&jwk.to_string(), KeyPolicy::Standard).unwrap());
        for case in group.tests {
            let (message, signature) = (hex(&case.msg), hex(&case.sig));
            case.check(algorithm.name(), key.verify(algorithm, form, &message, &signature));
            // The same key in another format; the first case shows that it is the same.
            if let (Some(jwk), "valid") = (&jwk, case.result.as_str()) {
                assert!(jwk.verify(algorithm, form, &message, &signature));
            }
        }
    }
}

#[test]
fn ed25519_signatures_get_the_verdict_of_wycheproof() {
    check_signatures(PublicKeyAlgorithm::Ed25519, SignatureForm::Jose, file!("ed25519.jsonl"), 151);
}

#[test]
fn p256_signatures_get_the_verdict_of_wycheproof() {
    let algorithm = PublicKeyAlgorithm::EcdsaP256Sha256;
    check_signatures(algorithm, SignatureForm::Usual, file!("ecdsa_secp256r1_sha256.jsonl"), 484);
    check_signatures(algorithm, SignatureForm::Jose, file!("ecdsa_secp256r1_sha256_p1363.jsonl"), 262);
}

#[test]
fn p384_signatures_get_the_verdict_of_wycheproof() {
    let algorithm = PublicKeyAlgorithm::EcdsaP384Sha384;
    check_signatures(algorithm, SignatureForm::Usual, file!("ecdsa_secp384r1_sha384.jsonl"), 504);
    check_signatures(algorithm, SignatureForm::Jose, file!("ecdsa_secp384r1_sha384_p1363.jsonl"), 280);
}

#[test]
fn p521_signatures_get_the_verdict_of_wycheproof() {
    let algorithm = PublicKeyAlgorithm::EcdsaP521Sha512;
    check_signatures(algorithm, SignatureForm::Usual, file!("ecdsa_secp521r1_sha512.jsonl"), 542);
    check_signatures(algorithm, SignatureForm::Jose, file!("ecdsa_secp521r1_sha512_p1363.jsonl"), 318);
}

#[test]
fn rsa_signatures_get_the_verdict_of_wycheproof() {
    let check = |algorithm, text, cases| check_signatures(algorithm, SignatureForm::Usual, text, cases);
    check(PublicKeyAlgorithm::RsaPkcs1Sha256, file!("rsa_signature_2048_sha256.jsonl"), 259);
    check(PublicKeyAlgorithm::RsaPkcs1Sha384, file!("rsa_signature_2048_sha384.jsonl"), 258);
    check(PublicKeyAlgorithm::RsaPkcs1Sha512, file!("rsa_signature_2048_sha512.jsonl"), 259);
}

#[test]
fn rsa_pss_signatures_get_the_verdict_of_wycheproof() {
    let check = |algorithm, text, cases| check_signatures(algorithm, SignatureForm::Jose, text, cases);
    check(PublicKeyAlgorithm::RsaPssSha256, file!("rsa_pss_2048_sha256.jsonl"), 108);
    check(PublicKeyAlgorithm::RsaPssSha384, file!("rsa_pss_2048_sha384.jsonl"), 141);
    check(PublicKeyAlgorithm::RsaPssSha512, file!("rsa_pss_4096_sha512.jsonl"), 179);
}

/// In the cases 67 to 70 only the empty salt is allowed. A verifier of this form cannot know that.
#[test]
fn rsa_pss_signatures_with_an_empty_salt_get_the_verdict_of_wycheproof() {
    for group in groups(file!("rsa_pss_2048_sha256_no_salt.jsonl"), 103) {
        let key = PublicKey::from_spki_der(&hex(&group.public_key_der.unwrap()), KeyPolicy::Standard).unwrap();
        for case in group.tests {
            let verify = |form| key.verify(PublicKeyAlgorithm::RsaPssSha256, form, &hex(&case.msg), &hex(&case.sig));
            case.check("any salt", verify(SignatureForm::Usual) && !(67..=70).contains(&case.tc_id));
            assert_eq!(verify(SignatureForm::Jose), case.tc_id == 69, "{}", case.tc_id);
        }
    }
}

#[test]
fn hmac_tags_get_the_verdict_of_wycheproof() {
    check_tags(Digest::Sha1, file!("hmac_sha1.jsonl"), 170);
    check_tags(Digest::Sha256, file!("hmac_sha256.jsonl"), 174);
    check_tags(Digest::Sha384, file!("hmac_sha384.jsonl"), 174);
    check_tags(Digest::Sha512, file!("hmac_sha512.jsonl"), 174);
    #[cfg(feature = "sha3")]
    check_tags(Digest::Sha3_512, file!("hmac_sha3_512.jsonl"), 174);
}

/// Half of the groups have truncated tags, which no scheme accepts: for them the beginning is compared.
fn check_tags(digest: Digest, text: &str, cases: usize) {
    for group in groups(text, cases) {
        let len = group.tag_size.unwrap() / 8;
        for case in group.tests {
            let mut mac = digest.start_hmac(&hex(case.key.as_deref().unwrap()));
            mac.update(&hex(&case.msg));
            let tag = mac.finish();
            let mut presented = Tag::default();
            let is_equal = if len == digest.len() {
                presented.decode(Encoding::HexLower, case.sig.as_bytes(), len).unwrap();
                bool::from(tag.equals(&presented))
            } else {
                tag.as_bytes()[..len] == hex(&case.sig)
            };
            case.check(digest.name(), is_equal);
        }
    }
}

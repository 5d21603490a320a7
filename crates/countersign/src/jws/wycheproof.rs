//! Project Wycheproof's cases of JSON Web Signatures: each one gets the expected verdict, or is in a list of
//! exceptions.

use serde::Deserialize;
use serde_json::Value;

use super::{Jws, JwsAlgorithm, JwsKey};
use crate::{
    encoding::Encoding,
    public_key::{KeyPolicy, PublicKey},
};

/// Each line of the file is one group.
const FILE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/wycheproof/json_web_signature.jsonl"));

#[derive(Deserialize)]
struct Group {
    /// A JSON Web Key.
    key: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    jws: String,
    result: String,
}

/// Valid by the file, but refused here.
fn is_refused_here(case: &Case) -> bool {
    // An empty payload: it could be detached (RFC 7515 appendix F), and no webhook's token has no claims.
    let is_empty = [259, 264, 268, 272, 320, 325].contains(&case.tc_id);
    // A token with PS384, whose key says PS256.
    let is_of_another_algorithm = [346, 350].contains(&case.tc_id);
    // A character that is not in base64, and that lenient decoders skip.
    let has_stray_character = [372, 373].contains(&case.tc_id);
    is_empty || is_of_another_algorithm || has_stray_character
}

/// Invalid by the file, although they are identical to 357, which is valid.
const SAME_AS_VALID: [u32; 2] = [367, 370];

impl Group {
    fn text(&self, member: &str) -> &str {
        self.key[member].as_str().unwrap_or_default()
    }

    /// The algorithm of the key, if it is known here.
    fn algorithm(&self) -> Option<JwsAlgorithm> {
        // The file's name for the algorithm of RFC 7520.
        let name = if self.text("alg") == "ES521" { "ES512" } else { self.text("alg") };
        JwsAlgorithm::from_name(name)
    }

    /// The verdict of a receiver that allows only the algorithm of its key.
    fn accepts(&self, text: &str) -> bool {
        let Some(algorithm) = self.algorithm() else { return false };
        let Ok(jws) = Jws::parse(text.as_bytes(), &[algorithm]) else { return false };
        match algorithm.key() {
            JwsKey::Secret(digest) => {
                let secret = Encoding::Base64UrlUnpadded.decode(self.text("k").as_bytes()).unwrap();
                jws.is_signed_with_secret(&digest.start_hmac(&secret)).into()
            }
            JwsKey::Public(_) => {
                let mut key = self.key.clone();
                if key["alg"] == "ES521" {
                    key["alg"] = "ES512".into();
                }
                let key = PublicKey::from_jwk(&key.to_string(), KeyPolicy::Standard).unwrap();
                jws.is_signed_with_private_key_of(&key)
            }
        }
    }
}

#[test]
fn tokens_get_the_verdict_of_wycheproof() {
    let groups: Vec<Group> = FILE.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(groups.iter().map(|group| group.tests.len()).sum::<usize>(), 401);
    let valid = &groups.iter().flat_map(|group| &group.tests).find(|case| case.tc_id == 357).unwrap().jws;
    for group in &groups {
        for case in &group.tests {
            let expected = if SAME_AS_VALID.contains(&case.tc_id) {
                assert_eq!(&case.jws, valid);
                true
            } else {
                case.result == "valid" && !is_refused_here(case)
            };
            assert_eq!(group.accepts(&case.jws), expected, "{}", case.tc_id);
        }
    }
}

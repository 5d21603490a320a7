//! RSA-PSS in each place that uses it: a scheme, HTTP Message Signatures, JSON Web Signatures.

use bytes::Bytes;
use countersign::{Scheme, Signer};
use countersign_tests::{
    endpoint::{Endpoint, NOW, PUBLIC_URL},
    own,
    verdict::each_way,
};
use http::Request;

/// The scheme of this name, and the same with the other padding of RSA.
const PADDINGS: [(&str, &str, &str); 3] = [
    ("own-rsa-pss", "rsa-pss-sha384", "rsa-sha384"),
    ("own-rsa-pss-jws", "PS256", "RS256"),
    ("own-http-rsa-pss", "rsa-pss-sha512", "rsa-v1_5-sha256"),
];

const PRIVATE_KEY: &str = include_str!("../vectors/keys/rsa2048.pem");

fn signed(toml: &str) -> Request<Bytes> {
    let scheme = Scheme::from_toml("signer", toml).unwrap();
    let request = Request::post("/in").body(Bytes::from("{\"a\":1}")).unwrap();
    Signer::with_public_url(&scheme, PRIVATE_KEY, PUBLIC_URL).unwrap().sign(request, NOW).unwrap()
}

#[test]
fn only_the_signed_message_is_accepted() {
    for (id, ..) in PADDINGS {
        let toml = own::FILES.iter().find(|(own, _)| *own == id).unwrap().1;
        let verifier = Endpoint::new(id, toml).verifier();
        let mut request = signed(toml);
        assert!(each_way(&verifier, &request, NOW, &[3]).is_ok(), "{id}");
        *request.body_mut() = Bytes::from("{\"a\":2}");
        assert!(each_way(&verifier, &request, NOW, &[3]).is_err(), "{id}");
    }
}

#[test]
fn a_signature_with_the_other_padding_of_rsa_is_refused() {
    for (id, pss, pkcs1) in PADDINGS {
        let toml = own::FILES.iter().find(|(own, _)| *own == id).unwrap().1;
        assert!(toml.contains(pss), "{id}");
        let other = toml.replace(pss, pkcs1);
        let verdicts = [
            each_way(&Endpoint::new(id, toml).verifier(), &signed(&other), NOW, &[]),
            each_way(&Endpoint::new(id, other.clone().leak()).verifier(), &signed(toml), NOW, &[]),
        ];
        for verdict in verdicts {
            let refused = verdict.unwrap_err();
            // Tokens and message signatures name their algorithm.
            let expected = if id == "own-rsa-pss" { "signature" } else { "malformed_signature" };
            assert_eq!(refused.code(), expected, "{id}: {refused:?}");
        }
    }
}

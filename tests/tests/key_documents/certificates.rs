//! Certificate chains in which keys are published, and which of them are trusted.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{CertificateProblem, KeyError, KeySetError, Timestamp, TrustRoots};
use http::Request;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, PublicKeyData as _,
    date_time_ymd,
};

use crate::{MESSAGE, NOW, RSA, read, unkeyed};

type Authority = CertifiedIssuer<'static, KeyPair>;

const HOST: &str = "keys.acme.example";
/// The validity of a certificate that is valid at [`NOW`].
const YEARS: (i32, i32) = (2020, 2030);

/// The parameters of a certificate that is valid from the beginning of one year to the beginning of another.
fn params(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 2), date_time_ymd(years.1, 1, 2));
    params
}

/// An authority, with or without an issuer.
fn authority(name: &str, years: (i32, i32), issuer: Option<&Authority>) -> Authority {
    let mut params = params(name, years);
    (params.subject_alt_names, params.is_ca) = (Vec::new(), IsCa::Ca(BasicConstraints::Unconstrained));
    let key = KeyPair::generate().unwrap();
    match issuer {
        Some(issuer) => CertifiedIssuer::signed_by(params, key, issuer).unwrap(),
        None => CertifiedIssuer::self_signed(params, key).unwrap(),
    }
}

fn leaf(issuer: &Authority) -> String {
    params("leaf", YEARS).signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().pem()
}

/// The verdict on a document, under a scheme with these rules for its certificates.
fn judged(more: &str, document: &str, roots: &TrustRoots) -> Result<(), CertificateProblem> {
    let unkeyed = unkeyed("ecdsa-p256-sha256", &format!("format = \"certificate\"\n{more}"));
    match unkeyed.read(document.as_bytes(), roots, NOW) {
        Ok(keys) => {
            assert_eq!(keys.len(), 1);
            Ok(())
        }
        Err(KeySetError::Certificate(problem)) => Err(problem),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_key_of_a_certificate_is_valid_as_long_as_the_certificate() {
    let unkeyed = unkeyed("rsa-sha256", "format = \"certificate\"\n");
    let document = include_str!("../../vectors/keys/rsa2048.crt.pem");
    let keys = read(&unkeyed, document).unwrap();
    let (first, last) = (Timestamp::from_unix_seconds(1_795_526_086), Timestamp::from_unix_seconds(2_110_886_086));
    assert_eq!((keys.len(), keys.not_after()), (1, Some(last)));
    let verifier = unkeyed.verifier(&keys, None).unwrap().unwrap();
    let request = Request::post("/").header("X-Sig", STANDARD.encode(RSA)).body(MESSAGE).unwrap();
    let code = |now| verifier.verify(&request, MESSAGE, now).map_or_else(|rejection| rejection.code(), |_| "");
    let beside = |at: Timestamp, millis: i64| Timestamp::from_unix_millis(at.unix_millis() + millis);
    assert_eq!([beside(first, -1), first, last, beside(last, 1)].map(code), ["unknown_key", "", "", "unknown_key"]);
    for now in [first, last] {
        assert_eq!(unkeyed.read(document.as_bytes(), &TrustRoots::none(), now).map(|keys| keys.len()), Ok(1));
    }
    for (now, problem) in
        [(beside(first, -1), CertificateProblem::NotYetValid), (beside(last, 1), CertificateProblem::Expired)]
    {
        let refused = unkeyed.read(document.as_bytes(), &TrustRoots::none(), now).unwrap_err();
        assert_eq!(refused, KeySetError::Certificate(problem));
        assert_eq!(refused.to_string(), problem.to_string());
    }
}

#[test]
fn an_error_says_why_a_chain_is_not_trusted() {
    let root = authority("root", YEARS, None);
    let between = |years| authority("between", years, Some(&root));
    let (now, over, later) = (between(YEARS), between((2020, 2025)), between((2028, 2030)));
    let chain = |issuer: &Authority, shown: &Authority| format!("{}{}", leaf(issuer), shown.pem());
    let roots = TrustRoots::none().with_pem(&root.pem()).unwrap();
    let strangers = TrustRoots::none().with_pem(&authority("root", YEARS, None).pem()).unwrap();
    let unknown = Err(CertificateProblem::UnknownIssuer);
    assert_eq!(judged("", &chain(&now, &now), &roots), Ok(()));
    assert_eq!(judged("", &chain(&now, &now), &TrustRoots::none()), unknown);
    assert_eq!(judged("", &chain(&now, &authority("another", YEARS, Some(&root))), &roots), unknown);
    assert_eq!(judged("", &chain(&now, &now), &strangers), Err(CertificateProblem::Chain));
    assert_eq!(judged("", &chain(&later, &now), &roots), Err(CertificateProblem::Chain));
    assert_eq!(judged("", &chain(&over, &over), &roots), Err(CertificateProblem::Expired));
    assert_eq!(judged("", &chain(&later, &later), &roots), Err(CertificateProblem::NotYetValid));
    let (ours, others) = (format!("issued_to = \"{HOST}\"\n"), "issued_to = \"other.acme.example\"\n");
    assert_eq!(judged(&ours, &leaf(&root), &roots), Ok(()));
    assert_eq!(judged(&ours, &leaf(&root), &TrustRoots::none()), unknown);
    assert_eq!(judged(others, &leaf(&root), &roots), Err(CertificateProblem::Name));
}

#[test]
fn an_authority_can_be_trusted_by_its_parts_or_by_its_certificate() {
    let root = authority("root", YEARS, None);
    // The contents of the sequences: a set of one attribute, the common name, and the key.
    let subject = b"\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04root";
    let spki = root.key().subject_public_key_info();
    let roots = TrustRoots::none().with_anchor(subject, &spki[2..], None);
    let document = format!("{}{}", leaf(&root), root.pem());
    assert_eq!(judged("", &document, &roots), Ok(()));
    let other = TrustRoots::none().with_anchor(b"\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04toor", &spki[2..], None);
    assert_eq!(judged("", &document, &other), Err(CertificateProblem::UnknownIssuer));
}

#[test]
fn only_certificates_are_trusted() {
    let key = include_str!("../../vectors/keys/p256.pub.pem");
    let certificates = format!("{}{}", authority("one", YEARS, None).pem(), authority("two", YEARS, None).pem());
    assert_eq!(format!("{:?}", TrustRoots::none().with_pem(&certificates).unwrap()), "TrustRoots(2)");
    for text in [key.to_owned(), format!("{certificates}{key}")] {
        let refused = TrustRoots::none().with_pem(&text).unwrap_err();
        assert!(matches!(refused, KeyError::Unsupported { .. }), "{refused:?}");
    }
    assert!(TrustRoots::none().with_pem("").is_err());
}

#[test]
fn a_chain_may_have_eight_certificates() {
    let root = authority("root", YEARS, None);
    let roots = TrustRoots::none().with_pem(&root.pem()).unwrap();
    let unkeyed = unkeyed("ecdsa-p256-sha256", "format = \"certificate\"\n");
    let of = |count: usize| {
        let document = format!("{}{}", leaf(&root), root.pem().repeat(count - 1));
        unkeyed.read(document.as_bytes(), &roots, NOW).map(|keys| keys.len())
    };
    assert_eq!([of(1), of(7), of(8)], [Ok(1), Ok(1), Ok(1)]);
    assert_eq!([of(9), of(10)], [Err(KeySetError::Key(KeyError::Several)), Err(KeySetError::Key(KeyError::Several))]);
}

#[test]
fn every_certificate_problem_has_a_message() {
    for (problem, words) in [
        (CertificateProblem::Chain, "chain is broken"),
        (CertificateProblem::Expired, "has expired"),
        (CertificateProblem::FeatureOff, "the feature `certificates`"),
        (CertificateProblem::Name, "was not issued to the name"),
        (CertificateProblem::NotYetValid, "is not valid yet"),
        (CertificateProblem::UnknownIssuer, "no trusted authority"),
    ] {
        assert!(problem.to_string().contains(words), "{problem}");
    }
}

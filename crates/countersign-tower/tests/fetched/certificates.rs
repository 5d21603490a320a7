//! Fetched certificates: their validity, their chain, their name.

use bytes::Bytes;
use countersign_tower::{
    FetchedKeys, HttpsFetch,
    countersign::{Scheme, TrustRoots},
    public_roots,
};
use http::Request;
use http_body_util::Full;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::{
    server::{Authority, Reply, Server, authority},
    world::{Clock, HOST, delivery, fetched, https, key, scheme, send},
};

const NAME: &str = "messages.acme.example";

/// The URL in a header, under a rule; `more` is added to `[keys]`.
fn named(more: &str) -> Scheme {
    scheme(&format!(
        "format = \"certificate\"\nurl_at = {{ header = \"X-Cert-Url\" }}\nhosts = [\"{HOST}\"]\n\
         path = \"/certs/{{word}}.pem\"\n{more}"
    ))
}

/// A certificate for a key, valid from the one year's beginning to the other's.
fn certificate(key: &KeyPair, issuer: &Authority, (from, to): (i32, i32)) -> String {
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 2), date_time_ymd(to, 1, 2));
    params.signed_by(key, issuer).unwrap().pem()
}

fn signed(key: &KeyPair, url: &str) -> Request<Full<Bytes>> {
    delivery(&named(""), key, &[("X-Cert-Url", url)], "{}")
}

async fn start(document: String, scheme: &Scheme, roots: &[&Authority]) -> (Server, FetchedKeys<HttpsFetch>) {
    let web = authority("web");
    let server = Server::start(&web, &[HOST], Reply::document(document)).await;
    let roots = roots.iter().fold(TrustRoots::none(), |roots, root| roots.with_pem(&root.pem()).unwrap());
    let keys = fetched(scheme, https(&web, &server, &[HOST]), &Clock::default()).with_roots(roots);
    (server, keys)
}

const URL: &str = "https://keys.acme.example/certs/CERT-1.pem";

#[tokio::test]
async fn a_single_certificate_is_trusted_for_its_url_while_it_is_valid() {
    let (one, issuer) = (key(), authority("issuer"));
    for (years, verdict) in
        [((2020, 2030), Ok(())), ((2020, 2025), Err("keys_unavailable")), ((2027, 2030), Err("keys_unavailable"))]
    {
        let (_server, keys) = start(certificate(&one, &issuer, years), &named(""), &[]).await;
        assert_eq!(send(&keys, signed(&one, URL)).await, verdict, "{years:?}");
    }
}

#[tokio::test]
async fn a_chain_must_lead_to_a_trusted_root() {
    let (one, issuer, stranger) = (key(), authority("issuer"), authority("stranger"));
    let leaf = certificate(&one, &issuer, (2020, 2030));
    let with_issuer = format!("{leaf}{}", issuer.pem());
    let with_stranger = format!("{leaf}{}", stranger.pem());
    for (document, roots, verdict) in [
        (&with_issuer, vec![&issuer], Ok(())),
        (&with_issuer, vec![&stranger], Err("keys_unavailable")),
        (&with_issuer, vec![], Err("keys_unavailable")),
        (&with_stranger, vec![&stranger], Err("keys_unavailable")),
    ] {
        let (_server, keys) = start(document.clone(), &named(""), &roots).await;
        assert_eq!(send(&keys, signed(&one, URL)).await, verdict);
    }
}

#[test]
fn the_public_authorities_are_some() {
    assert_ne!(format!("{:?}", public_roots()), format!("{:?}", TrustRoots::none()));
}

#[tokio::test]
async fn where_the_scheme_says_to_whom_even_a_certificate_alone_must_be_issued_so() {
    let (one, issuer, stranger) = (key(), authority("issuer"), authority("stranger"));
    let leaf = certificate(&one, &issuer, (2020, 2030));
    let ours = named(&format!("issued_to = \"{NAME}\""));
    let others = named("issued_to = \"other.acme.example\"");
    for (scheme, root, verdict) in [
        (&ours, &issuer, Ok(())),
        (&ours, &stranger, Err("keys_unavailable")),
        (&others, &issuer, Err("keys_unavailable")),
    ] {
        let (_server, keys) = start(leaf.clone(), scheme, &[root]).await;
        assert_eq!(send(&keys, signed(&one, URL)).await, verdict);
    }
}

#[tokio::test]
async fn no_url_of_a_request_leads_where_the_scheme_does_not() {
    let (one, issuer) = (key(), authority("issuer"));
    let (server, keys) = start(certificate(&one, &issuer, (2020, 2030)), &named(""), &[]).await;
    for url in [
        "http://keys.acme.example/certs/CERT-1.pem",
        "HTTPS://keys.acme.example/certs/CERT-1.pem",
        "https://KEYS.acme.example/certs/CERT-1.pem",
        "https://keys.acme.example:443/certs/CERT-1.pem",
        "https://user@keys.acme.example/certs/CERT-1.pem",
        "https://keys.acme.example@evil.example/certs/CERT-1.pem",
        "https://keys.acme.example.evil.example/certs/CERT-1.pem",
        "https://evil.example/keys.acme.example/certs/CERT-1.pem",
        "https://evil.example\\@keys.acme.example/certs/CERT-1.pem",
        "https://keys.acme.example./certs/CERT-1.pem",
        "https://127.0.0.1/certs/CERT-1.pem",
        "https://2130706433/certs/CERT-1.pem",
        "https://[::1]/certs/CERT-1.pem",
        "https:///keys.acme.example/certs/CERT-1.pem",
        "https:keys.acme.example/certs/CERT-1.pem",
        "//keys.acme.example/certs/CERT-1.pem",
        "https://keys.acme.example/certs/../upload/CERT-1.pem",
        "https://keys.acme.example/certs/CERT%2d1.pem",
        "https://keys.acme.example/certs/CERT-1.pem?x=1",
        "https://keys.acme.example/certs/CERT-1.pem#x",
        "https://keys.acme.example/certs//CERT-1.pem",
        "https://keys.acme.example/certs/.pem",
        "https://keys.acme.example/other/CERT-1.pem",
        "https://keys.acme.example",
        " https://keys.acme.example/certs/CERT-1.pem\u{b}",
    ] {
        let mut request = signed(&one, URL);
        let Ok(value) = http::HeaderValue::from_bytes(url.as_bytes()) else { continue };
        request.headers_mut().insert("X-Cert-Url", value);
        assert_eq!(send(&keys, request).await, Err("unexpected_value"), "{url}");
    }
    assert_eq!(server.requests(), 0);
    assert_eq!(send(&keys, signed(&one, URL)).await, Ok(()));
}

//! Keys that the body names: it is read first, and does not reach the inner service before the verdict.

use countersign_tower::countersign::Scheme;
use http_body_util::Full;
use rcgen::{CertificateParams, KeyPair};

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, delivery, fetched, https, key, scheme, send},
};

const HOST: &str = "sns.us-east-1.amazonaws.com";

/// As Amazon SNS names its certificates.
fn sns() -> Scheme {
    scheme(
        "format = \"certificate\"\nurl_at = { json = \"/SigningCertURL\" }\nhosts = [\"sns.{region}.amazonaws.com\"]\n\
         path = \"/SimpleNotificationService-{hex}.pem\"",
    )
}

fn message(url: &str) -> String {
    format!(r#"{{"Type":"Notification","SigningCertURL":"{url}"}}"#)
}

const URL: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";

async fn start(key: &KeyPair) -> (Server, countersign_tower::FetchedKeys<countersign_tower::HttpsFetch>) {
    let (web, issuer) = (authority("web"), authority("issuer"));
    let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(key, &issuer).unwrap().pem();
    let hosts = [HOST, "sns.s3.amazonaws.com", "sns.s3-us-east-1.amazonaws.com"];
    let server = Server::start(&web, &hosts, Reply::document(certificate)).await;
    let keys = fetched(&sns(), https(&web, &server, &hosts), &Clock::default());
    (server, keys)
}

#[tokio::test]
async fn the_key_of_a_body_is_fetched_once_and_used_for_the_next() {
    let one = key();
    let (server, keys) = start(&one).await;
    for _ in 0..3 {
        assert_eq!(send(&keys, delivery(&sns(), &one, &[], &message(URL))).await, Ok(()));
    }
    assert_eq!(send(&keys, delivery(&sns(), &key(), &[], &message(URL))).await, Err("signature"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_bucket_and_its_like_are_not_asked() {
    let one = key();
    let (server, keys) = start(&one).await;
    for url in [
        "https://sns.s3.amazonaws.com/SimpleNotificationService-00.pem",
        "https://sns.s3-us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com/other/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem.exe",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem?X-Amz-Signature=0",
        "https://u:p@sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
    ] {
        assert_eq!(send(&keys, delivery(&sns(), &one, &[], &message(url))).await, Err("unexpected_value"), "{url}");
    }
    assert_eq!(send(&keys, delivery(&sns(), &one, &[], "{}")).await, Err("malformed_value"));
    assert_eq!(send(&keys, delivery(&sns(), &one, &[], "not JSON")).await, Err("malformed_value"));
    let twice = format!(r#"{{"SigningCertURL":"{URL}","SigningCertURL":"https://evil.example/"}}"#);
    assert_eq!(send(&keys, delivery(&sns(), &one, &[], &twice)).await, Err("malformed_value"));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn the_body_is_read_under_the_limits_of_the_layer() {
    let one = key();
    let (server, keys) = start(&one).await;
    let large = format!(r#"{{"SigningCertURL":"{URL}","Message":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    assert_eq!(send(&keys, delivery(&sns(), &one, &[], &large)).await, Err("body_too_large"));
    let short = delivery(&sns(), &one, &[("Content-Length", "5000")], &message(URL));
    assert_eq!(send(&keys, short).await, Err("body_incomplete"));
    let mut unsigned = delivery(&sns(), &one, &[], &message(URL)).map(|_| Full::from("{}"));
    unsigned.headers_mut().remove("X-Signature");
    assert_eq!(send(&keys, unsigned).await, Err("missing_signature"));
    assert_eq!(server.requests(), 0);
}

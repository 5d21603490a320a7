//! Keys whose URLs requests name: which are fetched, and how few of those that nobody knows.

use std::time::Duration;

use countersign_tower::countersign::{Scheme, Verifier, providers};
use rcgen::KeyPair;

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, HOST, delivery, fetched, https, key, scheme, send, set},
};

/// One document for each key, as Circle has it.
fn by_id() -> Scheme {
    scheme(&format!(
        "format = \"json\"\njson = \"/data/publicKey\"\nurl = \"https://{HOST}/v2/{{key-id}}\"\n\
         id = {{ header = \"X-Key-Id\" }}\nbearer = \"an API key\""
    ))
}

fn document_of(key: &KeyPair) -> Reply {
    let pem = key.public_key_pem().replace('\n', "\\n");
    Reply::document(format!(r#"{{"data":{{"publicKey":"{pem}"}}}}"#))
}

#[tokio::test]
async fn a_key_with_a_url_of_its_own_is_fetched_with_the_credential_that_it_takes() {
    let (one, authority) = (key(), authority("test"));
    let base64: String = one.public_key_pem().lines().filter(|line| !line.starts_with("---")).collect();
    let server =
        Server::start(&authority, &[HOST], Reply::document(format!(r#"{{"data":{{"publicKey":"{base64}"}}}}"#))).await;
    let fetch = https(&authority, &server, &[HOST]).with_bearer("API_KEY:1").unwrap();
    let keys = fetched(&by_id(), fetch, &Clock::default());
    let request = |id: &str| delivery(&by_id(), &one, &[("X-Key-Id", id)], "{}");
    assert_eq!(send(&keys, request("b3d9-2d5")).await, Ok(()));
    assert!(server.last_head().starts_with("GET /v2/b3d9-2d5 HTTP/1.1\r\n"));
    assert!(server.last_head().contains("authorization: Bearer API_KEY:1\r\n"));
    for id in ["..", "a/b", "a?b", "a%2e", ".hidden", "a#b"] {
        assert_eq!(send(&keys, request(id)).await, Err("unknown_key"), "{id}");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn new_urls_are_tried_within_a_budget_and_known_ones_go_on_to_work() {
    let (one, authority, clock) = (key(), authority("test"), Clock::default());
    let server = Server::start(&authority, &[HOST], document_of(&one)).await;
    let keys = fetched(&by_id(), https(&authority, &server, &[HOST]), &clock);
    let request = |id: &str| delivery(&by_id(), &one, &[("X-Key-Id", id)], "{}");
    assert_eq!(send(&keys, request("real")).await, Ok(()));
    server.reply(Reply::Status("404 Not Found".to_owned()));
    let mut answers = Vec::new();
    for id in 0..50 {
        answers.push(send(&keys, request(&format!("invented-{id}"))).await);
    }
    assert_eq!(answers.iter().filter(|answer| **answer == Err("unknown_key")).count(), 7);
    assert_eq!(answers.iter().filter(|answer| **answer == Err("keys_unavailable")).count(), 43);
    assert_eq!(server.requests(), 8);
    assert_eq!(send(&keys, request("invented-0")).await, Err("unknown_key"), "that it is not there is remembered");
    assert_eq!(send(&keys, request("real")).await, Ok(()));
    assert_eq!(server.requests(), 8);
    // Whoever asks in vain does not make it begin anew.
    clock.advance(3);
    assert_eq!(send(&keys, request("early")).await, Err("keys_unavailable"));
    clock.advance(2);
    assert_eq!(send(&keys, request("late")).await, Err("unknown_key"));
    assert_eq!(send(&keys, request("later")).await, Err("keys_unavailable"));
    assert_eq!(server.requests(), 9);
}

#[tokio::test]
async fn a_known_url_is_not_delayed_by_invented_ones() {
    let (one, authority, clock) = (key(), authority("test"), Clock::default());
    let server = Server::start(&authority, &[HOST], Reply::Status("404 Not Found".to_owned())).await;
    let keys = fetched(&by_id(), https(&authority, &server, &[HOST]), &clock);
    let known = keys.unkeyed().url_of("real").unwrap();
    let keys = keys.with_known_urls([known]);
    let request = |id: &str| delivery(&by_id(), &one, &[("X-Key-Id", id)], "{}");
    for id in 0..8 {
        assert_eq!(send(&keys, request(&format!("invented-{id}"))).await, Err("unknown_key"));
    }
    assert_eq!(send(&keys, request("invented-8")).await, Err("keys_unavailable"));
    server.reply(document_of(&one));
    assert_eq!(send(&keys, request("real")).await, Ok(()));
    assert_eq!(server.requests(), 9);
}

#[test]
fn only_a_url_that_a_request_can_name_is_made_of_a_key_id() {
    let unkeyed = |scheme: &Scheme| Verifier::builder(scheme).without_keys().unwrap();
    assert_eq!(unkeyed(&by_id()).url_of("one"), Some(format!("https://{HOST}/v2/one")));
    assert_eq!(unkeyed(&by_id()).url_of("../one"), None);
    assert_eq!(unkeyed(&set()).url_of("one"), None, "all keys are at one URL");
    let sns = unkeyed(&providers::AWS_SNS.scheme().unwrap());
    let url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";
    assert_eq!(sns.url_of(url).as_deref(), Some(url));
    assert_eq!(sns.url_of("https://sns.eu-west-1.evil.example/SimpleNotificationService-0123.pem"), None);
}

#[tokio::test]
async fn entries_without_a_copy_are_evicted_first_and_the_capacity_is_kept() {
    let (one, authority, clock) = (key(), authority("test"), Clock::default());
    let server = Server::start(&authority, &[HOST], document_of(&one)).await;
    let keys = fetched(&by_id(), https(&authority, &server, &[HOST]), &clock)
        .with_capacity(4)
        .with_new_urls(1000, Duration::from_secs(1));
    let request = |id: &str| delivery(&by_id(), &one, &[("X-Key-Id", id)], "{}");
    assert_eq!(send(&keys, request("real")).await, Ok(()));
    server.reply(Reply::Status("404 Not Found".to_owned()));
    for id in 0..20 {
        clock.advance(1);
        assert_eq!(send(&keys, request(&format!("invented-{id}"))).await, Err("unknown_key"));
    }
    assert_eq!(send(&keys, request("real")).await, Ok(()));
    assert_eq!(server.requests(), 21);
    assert!(format!("{keys:?}").contains("urls: 4"), "{keys:?}");
}

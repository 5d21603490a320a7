//! The key cache: how often a URL is fetched, and which copy is used meanwhile.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use countersign_tower::{
    Fetch, FetchError, Fetched, FetchedKeys, HttpsFetch, Stack, StackError,
    countersign::{KeyAddress, Rejection, Scheme, Verifier, providers},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, HOST, NOW, delivery, fetched, https, jwks, key, scheme, send, set, with_id},
};

async fn settled(server: &Server, requests: usize) {
    for _ in 0..200 {
        if server.requests() >= requests {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was asked for in the background is there when its task has ended.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.requests(), requests);
}

async fn start(reply: Reply) -> (Server, FetchedKeys<HttpsFetch>, Clock) {
    let (authority, clock) = (authority("test"), Clock::default());
    let server = Server::start(&authority, &[HOST], reply).await;
    let keys = fetched(&set(), https(&authority, &server, &[HOST]), &clock);
    (server, keys, clock)
}

#[tokio::test]
async fn a_delivery_is_verified_with_the_key_that_it_names() {
    let (one, two) = (key(), key());
    let (server, keys, _) = start(Reply::document(jwks(&[("one", &one), ("two", &two)]))).await;
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    assert_eq!(send(&keys, with_id(&two, "two")).await, Ok(()));
    assert_eq!(send(&keys, with_id(&two, "one")).await, Err("signature"));
    assert_eq!(server.requests(), 1, "one copy serves all keys of a set");
    let head = server.last_head();
    assert!(
        head.starts_with("GET /keys.json HTTP/1.1\r\n") && head.to_lowercase().contains("host: keys.acme.example\r\n")
    );
    assert!(!head.to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn a_request_that_its_head_refuses_fetches_nothing() {
    let one = key();
    let (server, keys, _) = start(Reply::document(jwks(&[("one", &one)]))).await;
    let mut unsigned = with_id(&one, "one");
    unsigned.headers_mut().remove("X-Signature");
    assert_eq!(send(&keys, unsigned).await, Err("missing_signature"));
    let mut nameless = with_id(&one, "one");
    nameless.headers_mut().remove("X-Key-Id");
    assert_eq!(send(&keys, nameless).await, Err("malformed_value"));
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn sixty_four_requests_at_once_share_one_fetch() {
    let one = key();
    let (server, keys, _) = start(Reply::document(jwks(&[("one", &one)]))).await;
    server.delay(Duration::from_millis(100));
    let all: Vec<_> = (0..64)
        .map(|_| {
            let (keys, request) = (keys.clone(), with_id(&one, "one"));
            tokio::spawn(async move { send(&keys, request).await })
        })
        .collect();
    for answer in all {
        assert_eq!(answer.await.unwrap(), Ok(()));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_dropped_request_does_not_cancel_a_fetch_that_others_wait_for() {
    let one = key();
    let (server, keys, _) = start(Reply::document(jwks(&[("one", &one)]))).await;
    server.delay(Duration::from_millis(200));
    let first = tokio::spawn({
        let (keys, request) = (keys.clone(), with_id(&one, "one"));
        async move { send(&keys, request).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.abort();
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_copy_is_good_for_as_long_as_the_provider_says_within_bounds() {
    let one = key();
    let document = jwks(&[("one", &one)]);
    let seconds = Duration::from_secs;
    let own = || Some(seconds(120)..=seconds(1200));
    let cases = [
        (600, None, 600),
        (1, None, 60),
        (1_000_000, None, 86_400),
        (1, own(), 120),
        (600, own(), 600),
        (9999, own(), 1200),
    ];
    for (said, range, good) in cases {
        let (server, keys, clock) = start(Reply::with_max_age(&document, said)).await;
        let keys = range.map_or_else(|| keys.clone(), |range| keys.clone().with_time_to_live(range));
        assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
        clock.advance(good * 3 / 4);
        assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
        settled(&server, 1).await;
        // Its time is over: the request waits for a new one.
        clock.advance(good);
        server.reply(Reply::document(jwks(&[("other", &one)])));
        assert_eq!(send(&keys, with_id(&one, "one")).await, Err("unknown_key"), "{said}");
        settled(&server, 2).await;
    }
}

#[tokio::test]
#[should_panic(expected = "time to live is empty")]
async fn an_empty_range_for_the_time_to_live_is_refused() {
    let (_server, keys, _clock) = start(Reply::document("")).await;
    let seconds = Duration::from_secs;
    let _ = keys.with_time_to_live(seconds(3600)..=seconds(60));
}

#[tokio::test]
#[should_panic(expected = "fails every fetch")]
async fn a_fetch_timeout_of_zero_is_refused() {
    let (_server, keys, _clock) = start(Reply::document("")).await;
    let _ = keys.with_fetch_timeout(Duration::ZERO);
}

#[test]
#[should_panic(expected = "fails every connection")]
fn a_connect_timeout_of_zero_is_refused() {
    let _ = HttpsFetch::new().with_connect_timeout(Duration::ZERO);
}

#[tokio::test]
async fn a_copy_is_renewed_in_the_background_before_its_time_to_live_ends() {
    let (one, two) = (key(), key());
    let (server, keys, clock) = start(Reply::with_max_age(jwks(&[("one", &one)]), 1000)).await;
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    server.reply(Reply::with_max_age(jwks(&[("one", &one), ("two", &two)]), 1000));
    clock.advance(850);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    settled(&server, 2).await;
    assert_eq!(send(&keys, with_id(&two, "two")).await, Ok(()), "the new copy is in use");
    clock.advance(700);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    settled(&server, 2).await;
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_forgotten() {
    let (old, new) = (key(), key());
    let (server, keys, clock) = start(Reply::document(jwks(&[("old", &old)]))).await;
    assert_eq!(send(&keys, with_id(&old, "old")).await, Ok(()));
    server.reply(Reply::document(jwks(&[("new", &new)])));
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&new, "new")).await, Ok(()));
    assert_eq!(send(&keys, with_id(&old, "old")).await, Err("keys_unavailable"), "the provider may not be asked yet");
    assert_eq!(server.requests(), 2);
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&old, "old")).await, Err("unknown_key"));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_404_for_a_set_of_keys_is_no_401_for_a_key() {
    let one = key();
    let (server, keys, clock) = start(Reply::Status("404 Not Found".to_owned())).await;
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    server.reply(Reply::document(jwks(&[("one", &one)])));
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
}

#[tokio::test]
async fn an_invented_key_id_does_not_make_a_new_key_unknown() {
    let (old, new) = (key(), key());
    let (server, keys, clock) = start(Reply::document(jwks(&[("old", &old)]))).await;
    assert_eq!(send(&keys, with_id(&old, "old")).await, Ok(()));
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&old, "invented")).await, Err("unknown_key"));
    server.reply(Reply::document(jwks(&[("old", &old), ("new", &new)])));
    assert_eq!(send(&keys, with_id(&new, "new")).await, Err("keys_unavailable"), "the provider sends it again");
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&new, "new")).await, Ok(()));
}

#[tokio::test]
async fn no_more_requests_wait_for_a_url_than_the_limit() {
    struct Silent(Arc<Semaphore>);
    impl Fetch for Silent {
        async fn fetch(&self, _: &KeyAddress) -> Result<Fetched, FetchError> {
            let _ = self.0.acquire().await;
            Err(FetchError::failed("nothing"))
        }
    }
    let (one, go) = (key(), Arc::new(Semaphore::new(0)));
    let unkeyed = Verifier::builder(set()).without_keys().unwrap();
    let keys = FetchedKeys::new(unkeyed, Silent(Arc::clone(&go)));
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let (keys, request) = (keys.clone(), with_id(&one, "one"));
            tokio::spawn(async move { send(&keys, request).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    assert!(waiting.iter().all(|request| !request.is_finished()));
    go.close();
    for request in waiting {
        assert_eq!(request.await.unwrap(), Err("keys_unavailable"));
    }
}

#[tokio::test]
async fn invented_key_ids_cause_at_most_one_fetch_per_interval() {
    let one = key();
    let (server, keys, clock) = start(Reply::document(jwks(&[("one", &one)]))).await;
    for round in 0..5 {
        for id in 0..100 {
            let expected = if id == 0 { "unknown_key" } else { "keys_unavailable" };
            assert_eq!(send(&keys, with_id(&one, &format!("invented-{round}-{id}"))).await, Err(expected));
        }
        assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()), "the real key goes on to work");
        clock.advance(31);
    }
    assert_eq!(server.requests(), 5, "one fetch in each interval of 30 s");
}

#[tokio::test]
async fn a_copy_is_used_until_the_next_fetch_is_allowed() {
    let one = key();
    let (server, keys, clock) = start(Reply::with_max_age(jwks(&[("one", &one)]), 60)).await;
    let keys = keys.with_interval(Duration::from_secs(300));
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    server.reply(Reply::document(jwks(&[("other", &one)])));
    for seconds in [60, 70, 70, 70] {
        clock.advance(seconds);
        assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
        assert_eq!(send(&keys, with_id(&one, "other")).await, Err("keys_unavailable"), "this copy cannot tell");
    }
    settled(&server, 1).await;
    clock.advance(70);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("unknown_key"), "the provider has taken it back");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn the_last_good_copy_is_used_for_as_long_as_it_was_set() {
    let one = key();
    let (server, keys, clock) = start(Reply::with_max_age(jwks(&[("one", &one)]), 600)).await;
    let keys = keys.with_last_good(Duration::from_secs(300));
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    server.reply(Reply::Status("500 Internal Server Error".to_owned()));
    clock.advance(899);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    settled(&server, 2).await;
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
}

#[tokio::test]
async fn the_last_good_copy_is_used_while_the_provider_fails_but_not_for_ever() {
    let one = key();
    let (server, keys, clock) = start(Reply::with_max_age(jwks(&[("one", &one)]), 600)).await;
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
    let status = Reply::Status("500 Internal Server Error".to_owned());
    for (failure, requests) in [(status, 2), (Reply::Hang, 3), (Reply::document("<html>"), 4), (Reply::Garbage, 5)] {
        server.reply(failure);
        clock.advance(3600);
        for _ in 0..10 {
            assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
        }
        // Renewed in the background from now on, once in an interval.
        settled(&server, requests).await;
    }
    clock.advance(86_400);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    server.reply(Reply::document(jwks(&[("one", &one)])));
    clock.advance(31);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
}

#[tokio::test]
async fn without_a_copy_a_failure_is_answered_503_and_tried_again_later() {
    let one = key();
    let (server, keys, clock) = start(Reply::Status("503 Service Unavailable".to_owned())).await;
    for _ in 0..10 {
        assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    }
    assert_eq!(server.requests(), 1);
    server.reply(Reply::document(jwks(&[("one", &one)])));
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    clock.advance(30);
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
}

/// One document for each key, as Circle has it.
fn by_id() -> Scheme {
    scheme(&format!(
        "format = \"json\"\njson = \"/data/publicKey\"\nurl = \"https://{HOST}/v2/{{key-id}}\"\n\
         id = {{ header = \"X-Key-Id\" }}\nbearer = \"an API key\""
    ))
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

#[test]
fn a_credential_that_fits_into_no_header_is_refused_before_it_is_sent() {
    for credential in ["", "API KEY", "key\r\nX-Other: 1", "schlüssel"] {
        assert!(HttpsFetch::new().with_bearer(credential).is_err(), "{credential}");
    }
}

#[tokio::test]
async fn new_urls_are_tried_within_a_budget_and_known_ones_go_on_to_work() {
    let (one, authority, clock) = (key(), authority("test"), Clock::default());
    let pem = one.public_key_pem().replace('\n', "\\n");
    let document = Reply::document(format!(r#"{{"data":{{"publicKey":"{pem}"}}}}"#));
    let server = Server::start(&authority, &[HOST], document).await;
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
    let pem = one.public_key_pem().replace('\n', "\\n");
    server.reply(Reply::document(format!(r#"{{"data":{{"publicKey":"{pem}"}}}}"#)));
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
    let pem = one.public_key_pem().replace('\n', "\\n");
    let document = Reply::document(format!(r#"{{"data":{{"publicKey":"{pem}"}}}}"#));
    let server = Server::start(&authority, &[HOST], document).await;
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

/// What breaks down where it should fetch.
struct Broken;

impl Fetch for Broken {
    async fn fetch(&self, _: &KeyAddress) -> Result<Fetched, FetchError> {
        panic!("it breaks down");
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_fetch_that_panics_is_answered() {
    let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), Broken);
    let request = with_id(&key(), "one");
    let address = keys.unkeyed().locate(&request, None).unwrap();
    let answer = timeout(Duration::from_secs(60), keys.resolve(&address, NOW)).await.expect("nobody waits for ever");
    assert_eq!(answer.unwrap_err(), Rejection::KeysUnavailable);
}

#[test]
fn a_stack_with_fetched_keys_checks_its_scheme_when_it_is_built() {
    let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), Broken);
    let refused = Stack::builder("hooks", keys).dangerous_without_replay_guard().build().unwrap_err();
    assert_eq!(refused, StackError::ReplayableForEver { scheme: Some("acme".to_owned()) });
}

#[test]
fn a_fetch_error_says_why_there_is_no_document() {
    assert_eq!(FetchError::failed("no route to the host").to_string(), "no route to the host");
    assert!(FetchError::NotThere.to_string().contains("no such document"));
}

/// Gives these documents; a missing one is a failure, and behind the last one nothing comes.
struct Documents(Mutex<VecDeque<Option<String>>>);

impl Fetch for Documents {
    async fn fetch(&self, _: &KeyAddress) -> Result<Fetched, FetchError> {
        let next = self.0.lock().unwrap().pop_front();
        match next {
            Some(Some(document)) => Ok(Fetched { document: document.into(), max_age: Some(Duration::from_secs(600)) }),
            Some(None) => Err(FetchError::failed("down")),
            None => pending().await,
        }
    }
}

#[tokio::test]
async fn a_provider_that_failed_is_not_waited_for_while_there_is_a_copy() {
    let (one, clock) = (key(), Clock::default());
    let documents = Documents(Mutex::new([Some(jwks(&[("one", &one)])), None].into()));
    let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), documents);
    let keys = keys.with_clock(clock.read()).with_fetch_timeout(Duration::from_secs(3600));
    let request = with_id(&one, "one");
    let address = keys.unkeyed().locate(&request, None).unwrap();
    for seconds in [0, 700, 31] {
        clock.advance(seconds);
        let verifier = timeout(Duration::from_secs(60), keys.resolve(&address, NOW)).await;
        assert!(verifier.expect("the copy is taken at once").is_ok(), "{seconds}");
    }
}

#[tokio::test]
async fn the_last_good_copy_is_used_until_just_before_its_time_is_over() {
    let (one, clock) = (key(), Clock::default());
    let documents = Documents(Mutex::new([Some(jwks(&[("one", &one)])), None].into()));
    let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), documents).with_clock(clock.read());
    let request = with_id(&one, "one");
    let address = keys.unkeyed().locate(&request, None).unwrap();
    // It is good for ten minutes, and the last good one for a day.
    for (seconds, is_used) in [(0, true), (600 + 86_400 - 1, true), (1, false)] {
        clock.advance(seconds);
        assert_eq!(keys.resolve(&address, NOW).await.is_ok(), is_used, "{seconds}");
    }
}

#[tokio::test]
async fn a_copy_whose_time_to_live_is_over_is_not_used_if_it_can_be_renewed() {
    let (one, clock) = (key(), Clock::default());
    let documents = Documents(Mutex::new([Some(jwks(&[("one", &one)])), Some(jwks(&[("other", &one)]))].into()));
    let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), documents).with_clock(clock.read());
    let request = with_id(&one, "one");
    let address = keys.unkeyed().locate(&request, None).unwrap();
    assert!(keys.resolve(&address, NOW).await.is_ok());
    clock.advance(600);
    assert_eq!(keys.resolve(&address, NOW).await.unwrap_err(), Rejection::UnknownKey);
}

/// Takes so many seconds for a document.
struct Late(Clock, u64, String);

impl Fetch for Late {
    async fn fetch(&self, _: &KeyAddress) -> Result<Fetched, FetchError> {
        self.0.advance(self.1);
        Ok(Fetched { document: self.2.clone().into(), max_age: Some(Duration::from_secs(600)) })
    }
}

#[tokio::test]
async fn a_copy_whose_time_was_over_when_it_came_cannot_tell_that_there_is_no_such_key() {
    let one = key();
    for (seconds, reason) in [(599, Rejection::UnknownKey), (600, Rejection::KeysUnavailable)] {
        let clock = Clock::default();
        let late = Late(clock.clone(), seconds, jwks(&[("other", &one)]));
        let keys = FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), late).with_clock(clock.read());
        let address = keys.unkeyed().locate(&with_id(&one, "one"), None).unwrap();
        assert_eq!(keys.resolve(&address, NOW).await.unwrap_err(), reason, "{seconds}");
    }
}

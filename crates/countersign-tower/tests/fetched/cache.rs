//! The key cache: how often a URL is fetched, and which copy is used meanwhile.

use std::{sync::Arc, time::Duration};

use countersign_tower::{
    Fetch, FetchError, Fetched, FetchedKeys, HttpsFetch,
    countersign::{KeyAddress, Verifier},
};
use tokio::sync::Semaphore;

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, HOST, fetched, https, jwks, key, send, set, with_id},
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

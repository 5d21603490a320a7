//! Fetches that panic, fail, never end or take long, without a server.

use std::{collections::VecDeque, future::pending, sync::Mutex, time::Duration};

use countersign_tower::{
    Fetch, FetchError, Fetched, FetchedKeys,
    countersign::{KeyAddress, Rejection, Verifier},
};
use tokio::time::timeout;

use crate::world::{Clock, NOW, jwks, key, set, with_id};

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

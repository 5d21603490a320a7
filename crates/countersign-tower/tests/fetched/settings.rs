//! Settings of fetched keys that are refused, and what errors say.

use std::time::Duration;

use countersign_tower::{FetchError, FetchedKeys, HttpsFetch, Stack, StackError, countersign::Verifier};

use crate::world::set;

fn keys() -> FetchedKeys<HttpsFetch> {
    FetchedKeys::new(Verifier::builder(set()).without_keys().unwrap(), HttpsFetch::new())
}

#[test]
#[should_panic(expected = "time to live is empty")]
fn an_empty_range_for_the_time_to_live_is_refused() {
    let seconds = Duration::from_secs;
    let _ = keys().with_time_to_live(seconds(3600)..=seconds(60));
}

#[test]
#[should_panic(expected = "fails every fetch")]
fn a_fetch_timeout_of_zero_is_refused() {
    let _ = keys().with_fetch_timeout(Duration::ZERO);
}

#[test]
#[should_panic(expected = "fails every connection")]
fn a_connect_timeout_of_zero_is_refused() {
    let _ = HttpsFetch::new().with_connect_timeout(Duration::ZERO);
}

#[test]
fn a_credential_that_fits_into_no_header_is_refused_before_it_is_sent() {
    for credential in ["", "API KEY", "key\r\nX-Other: 1", "schlüssel"] {
        assert!(HttpsFetch::new().with_bearer(credential).is_err(), "{credential}");
    }
}

#[test]
fn a_stack_with_fetched_keys_checks_its_scheme_when_it_is_built() {
    let refused = Stack::builder("hooks", keys()).dangerous_without_replay_guard().build().unwrap_err();
    assert_eq!(refused, StackError::ReplayableForEver { scheme: Some("acme".to_owned()) });
}

#[test]
fn a_fetch_error_says_why_there_is_no_document() {
    assert_eq!(FetchError::failed("no route to the host").to_string(), "no route to the host");
    assert!(FetchError::NotThere.to_string().contains("no such document"));
}

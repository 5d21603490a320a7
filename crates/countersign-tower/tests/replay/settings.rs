//! How long events are kept, and which settings the layer refuses.

use std::time::Duration;

use countersign_tower::{
    ReplayLayer,
    countersign::{Provider, Verifier, providers, replay::MemoryStore},
    replay::ReplayConfigError,
};

use crate::common::{Endpoint, SECRET, layer};

const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

/// In seconds: how long a delivery with a signed time may take to arrive, at most.
const ARRIVAL: i64 = 10 + 30;

fn stripe() -> Verifier {
    Verifier::new(providers::STRIPE, SECRET).unwrap()
}

/// Delivers one event, signed now; gives the reason if it was refused.
async fn deliver(endpoint: &Endpoint, provider: Provider) -> &'static str {
    let request = endpoint.signed_by(provider, SECRET, "/hooks", r#"{"id":"evt_1"}"#);
    endpoint.send(request).await.unwrap().code
}

async fn is_kept_for(endpoint: &Endpoint, seconds: i64) {
    is_kept(endpoint, providers::STRIPE, seconds).await;
}

async fn is_kept(endpoint: &Endpoint, provider: Provider, seconds: i64) {
    assert_eq!(deliver(endpoint, provider).await, "");
    endpoint.clock.advance(seconds - 1);
    assert_eq!(deliver(endpoint, provider).await, "replayed");
    endpoint.clock.advance(1);
    assert_eq!(deliver(endpoint, provider).await, "");
}

#[tokio::test]
async fn events_are_kept_while_their_provider_retries_and_their_signature_is_fresh() {
    // Stripe retries for three days; its tolerance is five minutes to both sides.
    is_kept_for(&Endpoint::of(stripe(), layer()), 3 * 86_400 + 600 + ARRIVAL).await;
}

#[tokio::test]
async fn a_handler_that_may_run_for_ever_does_not_keep_events_for_ever() {
    let arrival = 600;
    for limit in [Duration::from_secs(590), Duration::from_secs(1000), Duration::MAX] {
        let endpoint = Endpoint::of(stripe(), layer().with_handler_timeout(limit));
        is_kept_for(&endpoint, 3 * 86_400 + 600 + arrival).await;
    }
}

#[tokio::test]
async fn events_whose_time_nobody_signed_are_kept_though_their_retries_end_soon() {
    let shopify = Verifier::new(providers::SHOPIFY, SECRET).unwrap();
    assert!(shopify.scheme().answers().retries_for().unwrap() < DAY * 3 && shopify.tolerance().is_none());
    is_kept(&Endpoint::of(shopify, layer()), providers::SHOPIFY, 3 * 86_400).await;
}

#[tokio::test]
async fn events_that_cannot_be_told_apart_are_all_handled() {
    let dropbox = Verifier::new(providers::DROPBOX, SECRET).unwrap();
    let endpoint = Endpoint::of(dropbox, layer());
    for _ in 0..3 {
        assert_eq!(deliver(&endpoint, providers::DROPBOX).await, "");
    }
}

#[tokio::test]
async fn a_wider_tolerance_keeps_events_longer() {
    let verifier = Verifier::builder(providers::STRIPE).secret(SECRET).tolerance(DAY * 4).build().unwrap();
    is_kept_for(&Endpoint::of(verifier, layer()), 3 * 86_400 + 8 * 86_400 + ARRIVAL).await;
}

#[tokio::test]
async fn events_are_kept_for_the_time_that_was_set() {
    let verifier = stripe();
    let layer = layer().with_keep_for(DAY * 10, [&verifier]).unwrap();
    is_kept_for(&Endpoint::of(verifier, layer), 10 * 86_400).await;
}

#[tokio::test]
async fn a_time_to_keep_events_that_is_too_short_for_an_unknown_scheme_is_lengthened() {
    let layer = layer().with_keep_for(SECOND, []).unwrap();
    is_kept_for(&Endpoint::of(stripe(), layer.clone()), 3 * 86_400 + 600 + ARRIVAL).await;
    let github = Verifier::new(providers::GITHUB, SECRET).unwrap();
    is_kept(&Endpoint::of(github, layer), providers::GITHUB, 3 * 86_400).await;
}

#[test]
fn what_forgets_too_early_is_refused() {
    let too_short = |keep_for, verifier: &Verifier| layer().with_keep_for(keep_for, [verifier]).unwrap_err();
    assert_eq!(
        too_short(SECOND * (3 * 86_400 - 1), &stripe()),
        ReplayConfigError::ForgetsBeforeRetriesEnd {
            scheme: "stripe".to_owned(),
            keep_for: SECOND * (3 * 86_400 - 1),
            retries_for: DAY * 3
        }
    );
    assert!(layer().with_keep_for(DAY * 3, [&stripe()]).is_ok());

    let slack = Verifier::new(providers::SLACK, SECRET).unwrap();
    assert_eq!(
        too_short(SECOND * 599, &slack),
        ReplayConfigError::ForgetsBeforeStale {
            scheme: "slack".to_owned(),
            keep_for: SECOND * 599,
            fresh_for: SECOND * 600
        }
    );
    assert!(layer().with_keep_for(SECOND * 600, [&slack]).is_ok());
    assert!(layer().with_keep_for(SECOND * 600, [&slack, &stripe()]).is_err());

    let github = Verifier::new(providers::GITHUB, SECRET).unwrap();
    for keep_for in [Duration::ZERO, SECOND * 7, SECOND * (3 * 86_400 - 1)] {
        assert_eq!(
            too_short(keep_for, &github),
            ReplayConfigError::ForgetsUndated { scheme: "github".to_owned(), keep_for, at_least: DAY * 3 }
        );
    }
    assert!(layer().with_keep_for(DAY * 3, [&github]).is_ok());
}

#[test]
fn a_refused_setting_is_reported_with_the_value_that_it_needs() {
    let says = |error: ReplayConfigError, words: [&str; 3]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    for (provider, seconds, words) in [
        (providers::STRIPE, 7, ["`stripe`", "259200s", "7s"]),
        (providers::SLACK, 599, ["`slack`", "600s", "599s"]),
        (providers::GITHUB, 7, ["`github`", "259200s", "7s"]),
    ] {
        let verifier = Verifier::new(provider, SECRET).unwrap();
        says(layer().with_keep_for(SECOND * seconds, [&verifier]).unwrap_err(), words);
    }
    says(layer().with_lease(SECOND * 7).unwrap_err(), ["a lease", "34s", "7s"]);
}

#[test]
fn a_lease_that_ends_before_the_handler_must_is_refused() {
    let layer = layer().with_handler_timeout(SECOND * 10).with_store_timeout(SECOND);
    let error = layer.clone().with_lease(SECOND * 11).unwrap_err();
    assert_eq!(error, ReplayConfigError::LeaseTooShort { lease: SECOND * 11, needed: SECOND * 12 });
    assert!(layer.with_lease(SECOND * 12).is_ok());
}

#[tokio::test]
async fn endpoints_that_share_a_store_do_not_share_events() {
    let store = std::sync::Arc::new(MemoryStore::new());
    let [one, other] =
        ["one", "other"].map(|name| Endpoint::new(ReplayLayer::new(std::sync::Arc::clone(&store), name)));
    one.runs("{}").await;
    other.runs("{}").await;
    let again = Endpoint::new(ReplayLayer::new(store, "one"));
    again.refuses("{}", 200, "replayed").await;
}

#[test]
#[should_panic(expected = "has no name")]
fn an_endpoint_without_a_name_is_refused() {
    let _ = ReplayLayer::new(MemoryStore::new(), "");
}

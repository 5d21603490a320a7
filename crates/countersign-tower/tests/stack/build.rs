//! Settings that `StackBuilder::build` refuses.

use std::{convert::Infallible, time::Duration};

use countersign_tower::{
    KeyResolver, Stack, StackBuilder, StackError, TenantKeys,
    countersign::{Verifier, providers},
    replay::{IdempotentAnswers, ReplayConfigError},
};
use http::request::Parts;

use crate::world::{INSIDE, NOW, SECRET, World, from_github, github, got, signed};

fn stripe() -> Verifier {
    Verifier::new(providers::STRIPE, SECRET).unwrap()
}

/// Finds nobody.
struct Nobody;

impl KeyResolver for Nobody {
    type Tenant = String;
    type Error = Infallible;

    fn tenant(&self, _: &Parts) -> Option<String> {
        None
    }

    async fn verifier(&self, _: &String) -> Result<Option<Verifier>, Infallible> {
        Ok(None)
    }
}

#[test]
fn an_endpoint_needs_a_name() {
    assert_eq!(Stack::new("", github()).unwrap_err(), StackError::NoName);
}

#[test]
fn events_are_kept_for_as_long_as_they_can_come_again() {
    let retries_for = stripe().scheme().answers().retries_for().unwrap();
    let short = Stack::builder("stripe", stripe()).with_keep_for(retries_for / 2).build();
    let Err(StackError::Replay(ReplayConfigError::ForgetsBeforeRetriesEnd { scheme, .. })) = short else {
        panic!("{short:?}");
    };
    assert_eq!(scheme, "stripe");
    assert!(Stack::builder("stripe", stripe()).with_keep_for(retries_for).build().is_ok());

    let wide =
        Verifier::builder(providers::SLACK).secret(SECRET).tolerance(Duration::from_secs(86_400)).build().unwrap();
    let short = Stack::builder("slack", wide.clone()).with_keep_for(Duration::from_secs(86_400)).build().unwrap_err();
    assert!(short.to_string().contains("172800s"), "{short}");
    assert!(Stack::builder("slack", wide).with_keep_for(Duration::from_secs(172_800)).build().is_ok());
}

#[test]
fn a_lease_must_outlast_the_handler_in_whichever_order_they_are_set() {
    let build = |lease: u64, handler: u64| {
        let (lease, handler) = (Duration::from_secs(lease), Duration::from_secs(handler));
        Stack::builder("github", github()).with_lease(lease).with_handler_timeout(handler).build()
    };
    assert!(matches!(build(60, 60), Err(StackError::Replay(ReplayConfigError::LeaseTooShort { .. }))));
    assert!(build(64, 60).is_ok());
}

#[test]
fn a_stack_without_a_guard_and_without_a_signed_time_is_refused() {
    let refused = Stack::builder("github", github()).dangerous_without_replay_guard().build().unwrap_err();
    assert_eq!(refused, StackError::ReplayableForEver { scheme: Some("github".to_owned()) });
    assert!(refused.to_string().contains("dangerous_accept_replays_for_ever"));
    let unknown = Stack::builder("tenants", TenantKeys::new(Nobody)).dangerous_without_replay_guard().build();
    assert_eq!(unknown.unwrap_err(), StackError::ReplayableForEver { scheme: None });
}

type Set = fn(StackBuilder<Verifier>, Duration) -> StackBuilder<Verifier>;

#[test]
fn a_setting_for_the_guard_alone_is_refused_without_a_guard() {
    let day = Duration::from_secs(86_400);
    let settings: [(_, Set); 4] = [
        ("with_store_timeout", StackBuilder::with_store_timeout),
        ("with_lease", StackBuilder::with_lease),
        ("with_keep_for", StackBuilder::with_keep_for),
        ("dangerous_fail_open", |stack, _| stack.dangerous_fail_open()),
    ];
    for (setting, set) in settings {
        let refused = |stack: StackBuilder<Verifier>| stack.build().unwrap_err();
        let before = set(Stack::builder("stripe", stripe()), day).dangerous_without_replay_guard();
        let after = set(Stack::builder("stripe", stripe()).dangerous_accept_replays_for_ever(), day);
        for error in [refused(before), refused(after)] {
            assert_eq!(error, StackError::SettingWithoutGuard { setting });
            assert!(error.to_string().contains(&format!("`{setting}`")), "{error}");
        }
    }
    let answers = Stack::builder("stripe", stripe()).with_idempotent_answers(IdempotentAnswers::new());
    let refused = answers.dangerous_without_replay_guard().build().unwrap_err();
    assert_eq!(refused, StackError::SettingWithoutGuard { setting: "with_idempotent_answers" });
}

#[tokio::test]
async fn a_stack_without_a_guard_lets_replays_through() {
    let stripe = Stack::builder("stripe", stripe()).with_clock(|| NOW).dangerous_without_replay_guard().build();
    let stripe = World::new(&stripe.unwrap());
    let github = Stack::builder("github", github()).with_clock(|| NOW).dangerous_accept_replays_for_ever().build();
    let github = World::new(&github.unwrap());
    for _ in 0..2 {
        let event = signed(providers::STRIPE, SECRET, r#"{"id": "evt_1"}"#);
        assert_eq!(stripe.send(INSIDE, event).await, got(202, "", true));
        assert_eq!(github.send(INSIDE, from_github("{}")).await, got(202, "", true));
    }
}

//! `TenantKeys`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::common::{Calls, NOW, SECRET, assert_refused, layer, send};
use bytes::Bytes;
use countersign_tower::{
    KeyResolver, TenantKeys,
    countersign::{Rejection, Signer, Verifier, providers},
};
use http::{Request, Response, request::Parts};
use http_body_util::Full;

/// Tenants by the path's last segment; one that begins with `slow` takes 5 s, `broken` fails, `nobody` is none. The secret is the name.
#[derive(Clone, Default)]
struct Directory {
    lookups: Arc<AtomicUsize>,
}

impl KeyResolver for Directory {
    type Tenant = String;
    type Error = &'static str;

    fn tenant(&self, head: &Parts) -> Option<String> {
        head.uri.path().strip_prefix("/hooks/").map(str::to_owned)
    }

    async fn verifier(&self, tenant: &String) -> Result<Option<Verifier>, &'static str> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(if tenant.starts_with("slow") { 5000 } else { 10 })).await;
        match tenant.as_str() {
            "broken" => Err("no route to the database"),
            "nobody" => Ok(None),
            _ => Ok(Some(Verifier::new(providers::GITHUB, format!("secret-of-{tenant}")).unwrap())),
        }
    }
}

impl Directory {
    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

fn signed(tenant: &str, secret: &str) -> Request<Full<Bytes>> {
    let signer = Signer::new(providers::GITHUB, secret).unwrap();
    signer.sign(Request::post(format!("/hooks/{tenant}")).body("{}").unwrap(), NOW).unwrap().map(Full::new)
}

async fn answer(keys: &TenantKeys<Directory>, tenant: &str, secret: &str) -> Response<Full<Bytes>> {
    send(layer(keys.clone()), &Calls::default(), signed(tenant, secret)).await
}

#[tokio::test(start_paused = true)]
async fn each_tenant_has_its_own_key() {
    let keys = TenantKeys::new(Directory::default());
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    assert_refused(layer(keys), signed("two", "secret-of-one"), 401, "signature").await;
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_looked_up_once_in_its_time_to_live() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone());
    for _ in 0..5 {
        assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    }
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    assert_eq!(directory.lookups(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    assert_eq!(directory.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tenant_is_cached_too_but_for_a_shorter_time() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone());
    for _ in 0..5 {
        assert_refused(layer(keys.clone()), signed("nobody", SECRET), 401, "unknown_key").await;
    }
    assert_eq!(directory.lookups(), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_refused(layer(keys), signed("nobody", SECRET), 401, "unknown_key").await;
    assert_eq!(directory.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_one_tenant_share_one_lookup() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone());
    let all = (0..20).map(|_| {
        let keys = keys.clone();
        tokio::spawn(async move { answer(&keys, "one", "secret-of-one").await.status() })
    });
    for answer in all.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(directory.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_does_not_cancel_a_lookup_that_others_wait_for() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone());
    let first = answer(&keys, "one", "secret-of-one");
    assert!(tokio::time::timeout(Duration::from_millis(5), first).await.is_err());
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    assert_eq!(directory.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_fails_is_answered_503_and_tried_again() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone());
    for _ in 0..2 {
        assert_refused(layer(keys.clone()), signed("broken", SECRET), 503, "keys_unavailable").await;
    }
    assert_eq!(directory.lookups(), 2);
    assert_eq!(answer(&keys, "broken", SECRET).await.headers()["retry-after"], "5");
}

#[tokio::test(start_paused = true)]
async fn invented_tenants_do_not_delay_a_tenant_that_was_found_before() {
    let keys = TenantKeys::new(Directory::default()).with_lookup_limit(4);
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    tokio::time::advance(Duration::from_secs(61)).await;
    let flood: Vec<_> = (0..40)
        .map(|number| {
            let keys = keys.clone();
            tokio::spawn(async move { answer(&keys, &format!("slow-{number}"), SECRET).await.status() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
    for invented in flood {
        assert_eq!(invented.await.unwrap(), 503);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_takes_too_long_is_answered_503() {
    let keys = TenantKeys::new(Directory::default());
    let start = tokio::time::Instant::now();
    assert_refused(layer(keys), signed("slow", "secret-of-slow"), 503, "keys_unavailable").await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn no_more_lookups_run_at_a_time_than_the_limit() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone()).with_lookup_limit(2).with_lookup_timeout(Duration::from_millis(15));
    let all: Vec<_> = (0..6)
        .map(|tenant| {
            let keys = keys.clone();
            tokio::spawn(async move {
                let secret = format!("secret-of-{tenant}");
                answer(&keys, &tenant.to_string(), &secret).await.extensions().get::<Rejection>().is_none()
            })
        })
        .collect();
    let mut accepted = 0;
    for answer in all {
        accepted += usize::from(answer.await.unwrap());
    }
    assert_eq!(accepted, 2, "of six lookups of 10 ms, two at a time, two end within 15 ms");
}

#[tokio::test(start_paused = true)]
async fn the_cache_holds_no_more_tenants_than_it_may() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone()).with_capacity(32);
    for round in 0..2 {
        for tenant in 0..500 {
            let answer = answer(&keys, &tenant.to_string(), &format!("secret-of-{tenant}")).await;
            assert_eq!(answer.status(), 200, "round {round}");
        }
    }
    assert!(directory.lookups() > 900, "500 tenants fitted into a cache for 32");
}

#[tokio::test(start_paused = true)]
async fn a_capacity_of_zero_caches_nothing_and_the_largest_numbers_are_accepted() {
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone()).with_capacity(0);
    for lookups in 1..=2 {
        assert_eq!(answer(&keys, "a", "secret-of-a").await.status(), 200);
        assert_eq!(directory.lookups(), lookups, "nothing is cached");
    }
    let keys = TenantKeys::new(directory.clone())
        .with_lookup_limit(usize::MAX)
        .with_lookup_timeout(Duration::MAX)
        .with_capacity(usize::MAX);
    for _ in 0..2 {
        assert_eq!(answer(&keys, "a", "secret-of-a").await.status(), 200);
    }
    assert_eq!(directory.lookups(), 3);
}

#[test]
#[should_panic(expected = "lets no lookup run")]
fn a_lookup_limit_of_zero_is_refused() {
    let _ = TenantKeys::new(Directory::default()).with_lookup_limit(0);
}

#[test]
#[should_panic(expected = "fails every lookup")]
fn a_lookup_timeout_of_zero_is_refused() {
    let _ = TenantKeys::new(Directory::default()).with_lookup_timeout(Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_decoy_makes_an_unknown_tenant_look_like_a_wrong_signature_and_never_passes() {
    let decoy = Verifier::new(providers::GITHUB, "secret-of-the-decoy").unwrap();
    let keys = TenantKeys::new(Directory::default()).with_decoy(decoy);
    assert_refused(layer(keys.clone()), signed("nobody", SECRET), 401, "signature").await;
    assert_refused(layer(keys), signed("nobody", "secret-of-the-decoy"), 401, "unknown_key").await;
}

#[tokio::test(start_paused = true)]
async fn with_a_decoy_an_unknown_tenant_is_cached_as_long_as_a_known_one() {
    let decoy = Verifier::new(providers::GITHUB, "secret-of-the-decoy").unwrap();
    let directory = Directory::default();
    let keys = TenantKeys::new(directory.clone()).with_decoy(decoy);
    for (seconds, lookups) in [(0, 1), (59, 1), (2, 2)] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert_refused(layer(keys.clone()), signed("nobody", SECRET), 401, "signature").await;
        assert_eq!(directory.lookups(), lookups);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_that_the_clock_cannot_represent_never_ends() {
    let directory = Directory::default();
    let keys =
        TenantKeys::new(directory.clone()).with_time_to_live(Duration::MAX).with_negative_time_to_live(Duration::MAX);
    for _ in 0..2 {
        assert_eq!(answer(&keys, "one", "secret-of-one").await.status(), 200);
        tokio::time::advance(Duration::from_secs(86_400)).await;
    }
    assert_eq!(directory.lookups(), 1);
}

//! The order of the checks: a refusal costs no later check.

use std::{convert::Infallible, future::ready, sync::Arc};

use bytes::Bytes;
use countersign_tower::{
    AddressLayer, KeyResolver, Stack, TenantKeys, VerifiedBody,
    countersign::{Timestamp, Verifier, providers, replay::MemoryStore},
};
use http::{Request, Response, request::Parts};
use http_body_util::Full;
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};

use crate::world::{INSIDE, NOW, OUTSIDE, SECRET, World, from_github, github, got, inside, signed};

#[tokio::test]
async fn the_address_comes_before_the_head_and_the_head_before_the_body() {
    let store = Arc::new(MemoryStore::new());
    let stack = Stack::builder("github", github())
        .with_addresses(inside())
        .with_store(Arc::clone(&store))
        .with_clock(|| NOW)
        .build()
        .unwrap();
    let world = World::new(&stack);
    let unsigned = || Request::post("/hooks").body(Bytes::from_static(b"{}")).unwrap();
    let forged = || signed(providers::GITHUB, "another-secret", "{}");

    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(403, "address", false));
    assert_eq!(world.send(OUTSIDE, unsigned()).await, got(403, "address", false));
    assert_eq!(world.send(INSIDE, unsigned()).await, got(400, "missing_signature", false));
    assert_eq!(world.send(INSIDE, forged()).await, got(401, "signature", true));
    assert_eq!((world.calls(), store.len()), (0, 0), "something refused has left a trace");

    assert_eq!(world.send(INSIDE, from_github("{}")).await, got(202, "", true));
    assert_eq!(world.send(INSIDE, from_github("{}")).await, got(200, "replayed", true));
    assert_eq!(world.send(INSIDE, forged()).await, got(401, "signature", true));
    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(403, "address", false));
    assert_eq!((world.calls(), store.len()), (1, 1));
}

#[tokio::test]
async fn an_event_that_its_handler_refused_can_come_again() {
    let world = World::new(&Stack::builder("github", github()).with_clock(|| NOW).build().unwrap());
    world.answers(500);
    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(500, "", true));
    world.answers(204);
    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(204, "", true));
    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(200, "replayed", true));
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_stale_delivery_is_refused_before_its_body_is_read() {
    let verifier = Verifier::new(providers::STRIPE, SECRET).unwrap();
    let stack = Stack::builder("stripe", verifier)
        .with_clock(|| Timestamp::from_unix_seconds(NOW.unix_seconds() + 301))
        .build();
    let world = World::new(&stack.unwrap());
    let late = world.send(INSIDE, signed(providers::STRIPE, SECRET, r#"{"id": "evt_1"}"#)).await;
    assert_eq!(late, got(401, "timestamp_too_old", false));
}

#[tokio::test]
async fn a_handshake_is_answered_after_the_address_check_and_without_a_claim() {
    let store = Arc::new(MemoryStore::new());
    let verifier = Verifier::new(providers::DROPBOX, SECRET).unwrap();
    let stack = Stack::builder("dropbox", verifier).with_addresses(inside()).with_store(Arc::clone(&store)).build();
    let world = World::new(&stack.unwrap());
    let question = || Request::get("/hooks?challenge=abc").body(Bytes::new()).unwrap();
    assert_eq!(world.send(OUTSIDE, question()).await, got(403, "address", false));
    for _ in 0..2 {
        assert_eq!(world.send(INSIDE, question()).await, got(200, "", false));
    }
    assert_eq!((world.calls(), store.len()), (0, 0));
}

#[tokio::test]
async fn all_services_of_a_stack_share_one_guard() {
    let stack = Stack::builder("github", github()).with_clock(|| NOW).build().unwrap();
    let (one, other) = (World::new(&stack), World::new(&stack.clone()));
    assert_eq!(one.send(INSIDE, from_github("{}")).await, got(202, "", true));
    assert_eq!(other.send(INSIDE, from_github("{}")).await, got(200, "replayed", true));
}

#[tokio::test]
async fn a_full_store_refuses_unless_the_stack_fails_open() {
    let full = || Stack::builder("github", github()).with_store(MemoryStore::with_capacity(0)).with_clock(|| NOW);
    let closed = World::new(&full().build().unwrap());
    assert_eq!(closed.send(INSIDE, from_github("{}")).await, got(503, "store_unavailable", true));
    assert_eq!(closed.calls(), 0);
    let open = World::new(&full().dangerous_fail_open().build().unwrap());
    assert_eq!(open.send(INSIDE, from_github("{}")).await, got(202, "", true));
}

#[tokio::test]
async fn published_addresses_are_those_of_the_catalogue() {
    let scheme = providers::RETELL.scheme().unwrap();
    let addresses = AddressLayer::published_by(&scheme).unwrap();
    let stack = Stack::builder("github", github()).with_addresses(addresses).with_clock(|| NOW).build().unwrap();
    let world = World::new(&stack);
    assert_eq!(world.send(OUTSIDE, from_github("{}")).await, got(403, "address", false));
    let peer = std::net::SocketAddr::new(scheme.addresses().unwrap().ranges()[0].addr(), 4711).to_string();
    assert_eq!(world.send(&peer, from_github("{}")).await, got(202, "", true));

    let missing = AddressLayer::published_by(github().scheme()).unwrap_err();
    assert!(missing.to_string().contains("`github`"), "{missing}");
}

#[tokio::test]
async fn an_inner_service_that_is_busy_is_waited_for() {
    let handler =
        service_fn(|_: Request<VerifiedBody>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))));
    let stack = Stack::builder("github", github()).with_clock(|| NOW).build().unwrap();
    // It panics if nobody waits for its place.
    let service = stack.layer(ConcurrencyLimit::new(handler, 1));
    let answer = service.oneshot(from_github("{}").map(Full::new)).await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// A tenant is a path; all have one secret.
struct Paths;

impl KeyResolver for Paths {
    type Tenant = String;
    type Error = Infallible;

    fn tenant(&self, head: &Parts) -> Option<String> {
        Some(head.uri.path().to_owned())
    }

    async fn verifier(&self, _: &String) -> Result<Option<Verifier>, Infallible> {
        Ok(Some(github()))
    }
}

#[tokio::test]
async fn the_same_event_of_two_tenants_is_two() {
    let stack = Stack::builder("tenants", TenantKeys::new(Paths)).with_clock(|| NOW).build().unwrap();
    let world = World::new(&stack);
    for expected in [got(202, "", true), got(200, "replayed", true)] {
        for path in ["/one", "/other"] {
            let mut request = from_github("{}");
            *request.uri_mut() = path.parse().unwrap();
            assert_eq!(world.send(INSIDE, request).await, expected, "{path}");
        }
    }
}

//! Tenants of one layer and one store do not share events.

use std::{convert::Infallible, sync::Arc};

use countersign_tower::{
    KeyResolver, ReplayLayer, TenantKeys,
    countersign::{Verifier, providers, replay::MemoryStore},
    replay::OperatorReplay,
};
use http::request::Parts;

use crate::common::{Endpoint, SECRET, layer};

/// A tenant is two segments of the path; all have one secret, which is as bad for them as can be.
struct Paths;

impl KeyResolver for Paths {
    type Tenant = (String, String);
    type Error = Infallible;

    fn tenant(&self, head: &Parts) -> Option<(String, String)> {
        let (one, other) = head.uri.path().strip_prefix('/')?.split_once('/')?;
        Some((one.to_owned(), other.to_owned()))
    }

    async fn verifier(&self, _: &(String, String)) -> Result<Option<Verifier>, Infallible> {
        Ok(Verifier::new(providers::GITHUB, SECRET).ok())
    }
}

#[tokio::test]
async fn the_same_event_of_two_tenants_is_two() {
    let endpoint = Endpoint::of(TenantKeys::new(Paths), layer());
    let deliver = async |path: &str| {
        let request = endpoint.signed_by(providers::GITHUB, SECRET, path, "{}");
        endpoint.send(request).await.unwrap().code
    };
    // However the same letters are parted.
    for path in ["/a/bc", "/ab/c", "/abc/", "/a/b/c", "//abc"] {
        assert_eq!(deliver(path).await, "", "{path}");
    }
    for path in ["/a/bc", "/ab/c", "/abc/", "/a/b/c", "//abc"] {
        assert_eq!(deliver(path).await, "replayed", "{path}");
    }
    // What does not name the tenant does not make a replay new.
    assert_eq!(deliver("/a/bc?again=1").await, "replayed");
}

/// A tenant is a number of each width.
struct Numbers;

impl KeyResolver for Numbers {
    type Tenant = (u8, u16, u32, u64, u128, usize);
    type Error = Infallible;

    fn tenant(&self, head: &Parts) -> Option<Self::Tenant> {
        let mut numbers = head.uri.path().split('/').skip(1).map(|digits| digits.parse::<u8>().unwrap());
        let mut next = move || numbers.next();
        Some((next()?, next()?.into(), next()?.into(), next()?.into(), next()?.into(), next()?.into()))
    }

    async fn verifier(&self, _: &Self::Tenant) -> Result<Option<Verifier>, Infallible> {
        Ok(Verifier::new(providers::GITHUB, SECRET).ok())
    }
}

#[tokio::test]
async fn tenants_that_are_told_apart_by_a_number_of_any_width_share_no_event() {
    let endpoint = Endpoint::of(TenantKeys::new(Numbers), layer());
    for expected in ["", "replayed"] {
        for path in [
            "/1/1/1/1/1/1",
            "/2/1/1/1/1/1",
            "/1/2/1/1/1/1",
            "/1/1/2/1/1/1",
            "/1/1/1/2/1/1",
            "/1/1/1/1/2/1",
            "/1/1/1/1/1/2",
        ] {
            let request = endpoint.signed_by(providers::GITHUB, SECRET, path, "{}");
            assert_eq!(endpoint.send(request).await.unwrap().code, expected, "{path}");
        }
    }
}

/// A single tenant, with a name that somebody could take for something else.
struct Single;

impl KeyResolver for Single {
    type Tenant = u64;
    type Error = Infallible;

    fn tenant(&self, _: &Parts) -> Option<u64> {
        Some(u64::from_le_bytes(*b"operator"))
    }

    async fn verifier(&self, _: &u64) -> Result<Option<Verifier>, Infallible> {
        Ok(Verifier::new(providers::GITHUB, SECRET).ok())
    }
}

#[tokio::test]
async fn an_operator_s_claim_is_no_claim_of_a_tenant_with_the_same_name() {
    let store = Arc::new(MemoryStore::new());
    let layer = || ReplayLayer::new(Arc::clone(&store), "github");
    Endpoint::of(TenantKeys::new(Single), layer()).runs("{}").await;
    let endpoint = Endpoint::new(layer());
    endpoint.runs("{}").await;
    let mut request = endpoint.signed("{}");
    request.extensions_mut().insert(OperatorReplay::authorized_by("alice"));
    assert_eq!(endpoint.send(request).await.unwrap().status, 202);
}

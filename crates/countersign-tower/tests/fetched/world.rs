//! A provider that signs with P-256 keys and publishes them, and an endpoint that fetches them.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use countersign_tower::{
    Fetch, FetchedKeys, HttpsFetch, VerifiedBody, VerifyLayer,
    countersign::{Rejection, Scheme, Signer, Timestamp, Verifier},
};
use http::{Request, Response};
use http_body_util::Full;
use rcgen::KeyPair;
use tower::{Layer, ServiceExt, service_fn};

use crate::server::{Authority, Server};

pub const HOST: &str = "keys.acme.example";

/// The time of every delivery.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// A scheme with these lines in its `[keys]`.
pub fn scheme(keys: &str) -> Scheme {
    let text = format!(
        "name = \"Acme\"\n[signature]\nalgorithm = \"ecdsa-p256-sha256\"\nheader = \"X-Signature\"\nvalue = \"{{base64}}\"\n\
         signs = \"{{body}}\"\n[keys]\n{keys}"
    );
    Scheme::from_toml("acme", &text).unwrap()
}

/// A set at one URL, from which a header selects.
pub fn set() -> Scheme {
    scheme(&format!("format = \"jwks\"\nurl = \"https://{HOST}/keys.json\"\nid = {{ header = \"X-Key-Id\" }}"))
}

pub fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// A set of JSON Web Keys.
pub fn jwks(keys: &[(&str, &KeyPair)]) -> String {
    let jwk = |(id, key): &(&str, &KeyPair)| {
        let point = key.public_key_raw();
        let [x, y] = [&point[1..33], &point[33..65]].map(|number| URL_SAFE_NO_PAD.encode(number));
        format!(r#"{{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"{id}","x":"{x}","y":"{y}"}}"#)
    };
    format!(r#"{{"keys":[{}]}}"#, keys.iter().map(jwk).collect::<Vec<_>>().join(","))
}

/// A clock that only the test moves.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn read(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let (start, passed) = (Instant::now(), Arc::clone(&self.0));
        move || start + Duration::from_secs(passed.load(Ordering::SeqCst))
    }
}

/// What fetches from a server of this test.
pub fn https(authority: &Authority, server: &Server, hosts: &[&str]) -> HttpsFetch {
    let fetch = HttpsFetch::new().with_extra_root_pem(&authority.pem()).unwrap();
    hosts.iter().fold(fetch, |fetch, host| fetch.dangerous_connect_to(host, server.address))
}

pub fn fetched(scheme: &Scheme, fetch: HttpsFetch, clock: &Clock) -> FetchedKeys<HttpsFetch> {
    let unkeyed = Verifier::builder(scheme).without_keys().unwrap();
    FetchedKeys::new(unkeyed, fetch).with_clock(clock.read())
}

/// A question or a delivery as the provider signs it.
pub fn signed(scheme: &Scheme, key: &KeyPair, request: Request<String>) -> Request<Full<Bytes>> {
    Signer::new(scheme, key.serialize_pem()).unwrap().sign(request, NOW).unwrap().map(Full::new)
}

/// A delivery as the provider signs it.
pub fn delivery(scheme: &Scheme, key: &KeyPair, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let request = headers.iter().fold(Request::post("/hooks"), |request, (name, value)| request.header(*name, *value));
    signed(scheme, key, request.body(body.to_owned()).unwrap())
}

pub fn with_id(key: &KeyPair, id: &str) -> Request<Full<Bytes>> {
    delivery(&set(), key, &[("X-Key-Id", id)], "{}")
}

/// Sends a request through a layer with these keys: what becomes of it, and that the inner service ran only if it was
/// accepted.
pub async fn send<F: Fetch>(keys: &FetchedKeys<F>, request: Request<Full<Bytes>>) -> Result<(), &'static str> {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = service_fn({
        let calls = Arc::clone(&calls);
        move |request: Request<VerifiedBody>| {
            calls.fetch_add(1, Ordering::SeqCst);
            async move { Ok::<_, Infallible>(Response::new(Full::new(request.into_body().into_bytes()))) }
        }
    });
    let layer = VerifyLayer::new(keys.clone()).with_clock(|| NOW);
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let refused = response.extensions().get::<Rejection>().map(Rejection::code);
    assert_eq!(
        calls.load(Ordering::SeqCst),
        usize::from(refused.is_none()),
        "the inner service and the verdict differ"
    );
    refused.map_or(Ok(()), Err)
}

//! An endpoint: one path, bound to one verifier.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response, routing::any};
use countersign::{Delivery, Rejection, Scheme, Verifier};
use countersign_tower::{AddressLayer, FetchedKeys, HttpsFetch, Keys, VerifiedBody, VerifyLayer};
use http::{Request, StatusCode, header};
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::confirm::Fetch;

/// One path, and who may send what to it.
pub(crate) struct Endpoint {
    pub(crate) path: String,
    pub(crate) keys: EndpointKeys,
    pub(crate) limits: Limits,
    /// `None`: whoever can sign may send, wherever from.
    pub(crate) addresses: Option<AddressLayer>,
    /// Whether the URLs are fetched by which subscriptions are confirmed.
    pub(crate) confirms: bool,
}

/// With what an endpoint verifies.
pub(crate) enum EndpointKeys {
    /// With the secrets of the configuration.
    Own(Verifier),
    /// With the keys that the provider publishes.
    Fetched(FetchedKeys<HttpsFetch>),
}

impl Endpoint {
    pub(crate) fn scheme(&self) -> &Scheme {
        match &self.keys {
            EndpointKeys::Own(verifier) => verifier.scheme(),
            EndpointKeys::Fetched(keys) => keys.unkeyed().scheme(),
        }
    }
}

/// How much an endpoint takes, and how long it waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In bytes.
    pub(crate) body: u64,
    pub(crate) time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 1024 * 1024, time: Duration::from_secs(10) }
    }
}

/// What became of a delivery.
pub(crate) enum Verdict<'a> {
    Accepted { delivery: &'a Delivery, content_type: Option<&'a str> },
    Refused(&'a Rejection),
}

/// Is told of every verdict before it is answered.
pub(crate) trait Watch: Send + Sync + 'static {
    /// Takes note of a verdict. If it cannot, an accepted delivery is answered 503, so that the provider sends it again.
    fn verdict(&self, endpoint: &Endpoint, verdict: &Verdict<'_>, took: Duration) -> io::Result<()>;
}

/// An app with these endpoints; no two of them may have one path. Every other path is answered 404.
pub(crate) fn router(endpoints: Vec<Endpoint>, watch: &Arc<impl Watch>) -> Router {
    endpoints.into_iter().map(Arc::new).fold(Router::new(), |router, endpoint| {
        let (path, watch) = (endpoint.path.clone(), Arc::clone(watch));
        router.route(&path, any(move |request| receive(endpoint, watch, request)))
    })
}

async fn receive<W: Watch>(endpoint: Arc<Endpoint>, watch: Arc<W>, request: Request<Body>) -> Response {
    match &endpoint.keys {
        EndpointKeys::Own(verifier) => {
            let verifier = verifier.clone();
            receive_with(verifier, endpoint, watch, request).await
        }
        EndpointKeys::Fetched(keys) => {
            let keys = keys.clone();
            receive_with(keys, endpoint, watch, request).await
        }
    }
}

async fn receive_with<K: Keys, W: Watch>(
    keys: K,
    endpoint: Arc<Endpoint>,
    watch: Arc<W>,
    request: Request<Body>,
) -> Response {
    let started = Instant::now();
    let mut layer =
        VerifyLayer::new(keys).with_body_limit(endpoint.limits.body).with_body_timeout(endpoint.limits.time);
    if endpoint.confirms {
        layer = layer.with_confirmation(Fetch);
    }
    let handler = service_fn({
        let (endpoint, watch) = (Arc::clone(&endpoint), Arc::clone(&watch));
        move |request: Request<VerifiedBody>| {
            let status = accept(&endpoint, &*watch, &request, started);
            async move { Ok::<_, Infallible>(empty(status)) }
        }
    });
    let verified = layer.layer(handler);
    let Ok(response) = match &endpoint.addresses {
        Some(addresses) => addresses.layer(verified).oneshot(request).await,
        None => verified.oneshot(request).await,
    };
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        // The refusal stands, whether or not there is a place to note it.
        let _ = watch.verdict(&endpoint, &Verdict::Refused(rejection), started.elapsed());
    }
    response
}

fn accept(endpoint: &Endpoint, watch: &impl Watch, request: &Request<VerifiedBody>, started: Instant) -> StatusCode {
    let Some(delivery) = request.extensions().get::<Delivery>() else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match watch.verdict(endpoint, &Verdict::Accepted { delivery, content_type }, started.elapsed()) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

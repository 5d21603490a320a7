//! An endpoint: one path with its verifier, limits, allowlist and replay guard.

use std::{convert::Infallible, error::Error, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign::{Delivery, Rejection, Scheme, Verifier};
use countersign_tower::{
    AddressLayer, FetchedKeys, HandshakeDone, HttpsFetch, Keys, PeerAddr, Stack, StackBuilder, StackError,
    VerifiedBody, metrics::VERDICTS, replay::OperatorReplay,
};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{
    config::PublishedKeys,
    operators::{Operators, UnknownOperator},
    sent_secret::SentSecret,
    store::Store,
};
use crate::moment;

/// The configuration of an endpoint: its path, and who may send what to it.
pub(crate) struct EndpointPlan {
    pub(crate) path: String,
    /// Its name in the replay guard and the metrics.
    pub(crate) name: String,
    pub(crate) keys: EndpointKeys,
    pub(crate) limits: Limits,
    /// `None`: any address may send.
    pub(crate) addresses: Option<AddressLayer>,
    /// Fetches the URLs that confirm subscriptions; `None`: requests with such a URL are ordinary deliveries.
    pub(crate) confirms: Option<HttpsFetch>,
    /// Stores the secret that the provider sends; `None` if it has arrived, or the provider sends none.
    pub(crate) sent_secret: Option<SentSecret>,
    pub(crate) replays: Replays,
    /// Who may have an event handled again.
    pub(crate) operators: Operators,
    /// The settings that would keep the provider's other customers out and are missing, and what each is.
    pub(crate) missing: Vec<(String, String)>,
}

/// The keys with which an endpoint verifies.
pub(crate) enum EndpointKeys {
    /// The secrets of the configuration.
    Own(Verifier),
    /// The keys that the provider publishes.
    Fetched(PublishedKeys),
}

/// How an endpoint treats repeated events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replays {
    pub(crate) claims: Claims,
    /// `None`: for as long as the provider retries and the signature can be fresh.
    pub(crate) keep_for: Option<Duration>,
    /// There is no replay guard: only the signed time limits replays.
    pub(crate) unguarded: bool,
    /// Nothing limits replays.
    pub(crate) for_ever: bool,
}

/// How events are claimed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claims {
    /// How long the handler may take.
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) lease: Option<Duration>,
    /// How long a call to the store may take.
    pub(crate) store_timeout: Option<Duration>,
    pub(crate) fails_open: bool,
}

/// The limits on the body of a request.
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

/// An endpoint that serves requests.
pub(crate) struct Endpoint {
    pub(crate) path: String,
    name: String,
    scheme: Scheme,
    operators: Operators,
    stack: AnyStack,
}

enum AnyStack {
    Own(Stack<Verifier, Arc<Store>>),
    Fetched(Stack<FetchedKeys<HttpsFetch>, Arc<Store>>),
}

/// The verdict on a request.
pub(crate) enum Verdict<'a> {
    Accepted {
        delivery: &'a Delivery,
        request: &'a Request<VerifiedBody>,
        /// The operator whose token the request has.
        operator: Option<&'a str>,
    },
    /// Its event was handled before. It is answered like the first delivery.
    Duplicate { delivery: Option<&'a Delivery>, status: StatusCode },
    /// It was a handshake, and is answered.
    Handshake { done: HandshakeDone, status: StatusCode },
    Refused {
        rejection: &'a Rejection,
        /// The peer of the connection, if it is known.
        peer: Option<SocketAddr>,
        status: StatusCode,
    },
}

/// Called with every verdict before the answer is sent.
pub(crate) trait Watch: Send + Sync + 'static {
    /// Records a verdict. On an error, an accepted delivery is answered 503, so that the provider sends it again.
    fn verdict(
        &self,
        endpoint: &Endpoint,
        verdict: &Verdict<'_>,
        took: Duration,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Records a request with a token that no operator has.
    fn unknown_operator(&self, endpoint: &Endpoint, peer: Option<SocketAddr>);

    /// Records a request to a path that no endpoint has. The sender may be a provider that was told a wrong URL.
    fn no_endpoint(&self, method: &Method, path: &str, peer: Option<SocketAddr>);
}

impl EndpointKeys {
    /// The keys that the provider publishes, if the endpoint verifies with them.
    pub(crate) fn published(&self) -> Option<&PublishedKeys> {
        match self {
            Self::Own(_) => None,
            Self::Fetched(published) => Some(published),
        }
    }
}

impl EndpointPlan {
    pub(crate) fn scheme(&self) -> &Scheme {
        match &self.keys {
            EndpointKeys::Own(verifier) => verifier.scheme(),
            EndpointKeys::Fetched(published) => published.keys.unkeyed().scheme(),
        }
    }

    /// Whether the endpoint refuses every delivery because none of its secrets is valid now.
    pub(crate) fn is_keyless(&self) -> bool {
        let is_awaited = self.sent_secret.is_some();
        matches!(&self.keys, EndpointKeys::Own(verifier) if !is_awaited && !verifier.has_key_at(moment::now()))
    }

    /// Builds the endpoint with the store for its events.
    pub(crate) fn build(&self, store: &Arc<Store>) -> Result<Endpoint, StackError> {
        let stack = match &self.keys {
            EndpointKeys::Own(verifier) => AnyStack::Own(self.stack(verifier.clone(), store)?),
            EndpointKeys::Fetched(published) => AnyStack::Fetched(self.stack(published.keys.clone(), store)?),
        };
        Ok(Endpoint {
            path: self.path.clone(),
            name: self.name.clone(),
            scheme: self.scheme().clone(),
            operators: self.operators.clone(),
            stack,
        })
    }

    fn stack<K: Keys>(&self, keys: K, store: &Arc<Store>) -> Result<Stack<K, Arc<Store>>, StackError> {
        let mut stack = Stack::builder(&self.name, keys)
            .with_body_limit(self.limits.body)
            .with_body_timeout(self.limits.time)
            .with_store(Arc::clone(store));
        if let Some(addresses) = &self.addresses {
            stack = stack.with_addresses(addresses.clone());
        }
        if let Some(confirms) = &self.confirms {
            stack = stack.with_confirmation(confirms.clone());
        }
        if let Some(sent_secret) = &self.sent_secret {
            stack = stack.with_secret_store(sent_secret.clone());
        }
        self.replays.of(self.replays.claims.of(stack)).build()
    }
}

impl Claims {
    /// What is left of them for an endpoint without a replay guard.
    pub(super) fn without_guard(self) -> Self {
        Self { handler_timeout: self.handler_timeout, ..Self::default() }
    }

    fn of<K: Keys>(self, mut stack: StackBuilder<K, Arc<Store>>) -> StackBuilder<K, Arc<Store>> {
        if let Some(limit) = self.handler_timeout {
            stack = stack.with_handler_timeout(limit);
        }
        if let Some(lease) = self.lease {
            stack = stack.with_lease(lease);
        }
        if let Some(limit) = self.store_timeout {
            stack = stack.with_store_timeout(limit);
        }
        if self.fails_open { stack.dangerous_fail_open() } else { stack }
    }
}

impl Replays {
    fn of<K: Keys>(self, mut stack: StackBuilder<K, Arc<Store>>) -> StackBuilder<K, Arc<Store>> {
        if let Some(keep_for) = self.keep_for {
            stack = stack.with_keep_for(keep_for);
        }
        if self.unguarded {
            stack = stack.dangerous_without_replay_guard();
        }
        if self.for_ever {
            stack = stack.dangerous_accept_replays_for_ever();
        }
        stack
    }
}

impl Endpoint {
    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Verifies a request, passes the verdict to `watch`, and answers.
    pub(super) async fn receive<W, B>(self: Arc<Self>, watch: Arc<W>, mut request: Request<B>) -> Response<Full<Bytes>>
    where
        W: Watch,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let started = Instant::now();
        let peer = request.extensions().get::<PeerAddr>().map(|peer| peer.0);
        // An operator wants the event handled again, and must not mistake the answer to a duplicate for success.
        if let Err(UnknownOperator) = self.operators.open_to(&mut request) {
            metrics::counter!(VERDICTS, "endpoint" => self.name.clone(), "verdict" => UnknownOperator::CODE)
                .increment(1);
            watch.unknown_operator(&self, peer);
            return empty(UnknownOperator::STATUS);
        }
        let handler = service_fn({
            let (endpoint, watch) = (Arc::clone(&self), Arc::clone(&watch));
            move |request: Request<VerifiedBody>| {
                let (endpoint, watch) = (Arc::clone(&endpoint), Arc::clone(&watch));
                async move { Ok::<_, Infallible>(endpoint.accept(&*watch, &request, started).await) }
            }
        });
        let Ok(response) = match &self.stack {
            AnyStack::Own(stack) => stack.layer(handler).oneshot(request).await,
            AnyStack::Fetched(stack) => stack.layer(handler).oneshot(request).await,
        };
        let status = response.status();
        let verdict = match (response.extensions().get::<Rejection>(), response.extensions().get::<HandshakeDone>()) {
            (Some(Rejection::Replayed), _) => Verdict::Duplicate { delivery: response.extensions().get(), status },
            (Some(rejection), _) => Verdict::Refused { rejection, peer, status },
            (None, Some(done)) => Verdict::Handshake { done: *done, status },
            (None, None) => return response,
        };
        // This verdict does not depend on whether it can be recorded.
        let _ = watch.verdict(&self, &verdict, started.elapsed()).await;
        response
    }

    async fn accept(
        &self,
        watch: &impl Watch,
        request: &Request<VerifiedBody>,
        started: Instant,
    ) -> Response<Full<Bytes>> {
        let Some(delivery) = request.extensions().get::<Delivery>() else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let operator = request.extensions().get().map(OperatorReplay::by);
        match watch.verdict(self, &Verdict::Accepted { delivery, request, operator }, started.elapsed()).await {
            Ok(()) => delivery.acknowledgement().map(Full::from),
            Err(_) => empty(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

pub(super) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

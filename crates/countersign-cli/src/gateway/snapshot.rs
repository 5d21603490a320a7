//! What a gateway does now: one snapshot of its configuration, which a request keeps from beginning to end.

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use countersign_tower::StackError;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

use super::{Bounds, Endpoint, EndpointPlan, ProxyProtocol, Watch, endpoint::empty, store::Store};

/// All endpoints, and what every connection meets.
pub(crate) struct Snapshot {
    endpoints: HashMap<String, Arc<Endpoint>>,
    meeting: Meeting,
}

/// What a connection meets before its requests do.
#[derive(Clone, Default)]
pub(crate) struct Meeting {
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    pub(crate) bounds: Bounds,
}

impl Snapshot {
    /// A snapshot with these endpoints, of which no two have one path.
    pub(crate) fn new(plans: &[EndpointPlan], store: &Arc<Store>, meeting: Meeting) -> Result<Self, StackError> {
        let endpoints = plans.iter().map(|plan| Ok((plan.path.clone(), Arc::new(plan.build(store)?))));
        Ok(Self { endpoints: endpoints.collect::<Result<_, StackError>>()?, meeting })
    }
}

/// Answers by the snapshot of the moment. Its clones are one and the same.
pub(crate) struct Gateway<W> {
    current: Arc<ArcSwap<Snapshot>>,
    watch: Arc<W>,
}

impl<W> Gateway<W> {
    pub(crate) fn new(snapshot: Snapshot, watch: Arc<W>) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(snapshot)), watch }
    }

    /// Puts another snapshot in its place. Requests that are under way keep the one that they began with.
    pub(crate) fn replace(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
    }

    /// What a connection that is opened now has to begin with.
    pub(super) fn proxy_protocol(&self) -> Option<ProxyProtocol> {
        self.current.load().meeting.proxy_protocol.clone()
    }

    /// How long it is waited for.
    pub(super) fn bounds(&self) -> Bounds {
        self.current.load().meeting.bounds
    }
}

impl<W, B> Service<Request<B>> for Gateway<W>
where
    W: Watch,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoint = self.current.load().endpoints.get(request.uri().path()).map(Arc::clone);
        let watch = Arc::clone(&self.watch);
        Box::pin(async move {
            Ok(match endpoint {
                Some(endpoint) => endpoint.receive(watch, request).await,
                None => empty(StatusCode::NOT_FOUND),
            })
        })
    }
}

impl<W> Clone for Gateway<W> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current), watch: Arc::clone(&self.watch) }
    }
}

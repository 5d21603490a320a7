//! The current configuration of a gateway. A request keeps the snapshot that it began with.

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use countersign_tower::{StackError, metrics::UNROUTED};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;

use super::{Bounds, Endpoint, EndpointPlan, ProxyProtocol, Refused, Watch, endpoint::empty, store::Store};

/// All endpoints, and the settings of connections.
pub(crate) struct Snapshot {
    endpoints: HashMap<String, Arc<Endpoint>>,
    connection_settings: ConnectionSettings,
}

/// The settings of a connection before its first request.
#[derive(Clone, Default)]
pub(crate) struct ConnectionSettings {
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    pub(crate) bounds: Bounds,
}

/// How a connection began, perhaps under an earlier snapshot.
#[derive(Clone, Copy)]
pub(super) struct ConnectionStart {
    pub(super) peer: SocketAddr,
    /// Whether there was a PROXY header.
    pub(super) is_announced: bool,
    /// `None` if the proxy did not tell it.
    pub(super) client: Option<SocketAddr>,
}

impl ConnectionSettings {
    /// Whether such a connection could begin in the same way now.
    fn allows(&self, start: ConnectionStart) -> bool {
        match &self.proxy_protocol {
            Some(protocol) => start.is_announced && protocol.trusts(start.peer.ip()),
            None => !start.is_announced,
        }
    }
}

impl Snapshot {
    /// A snapshot with these endpoints, whose paths differ.
    pub(crate) fn new(
        plans: &[EndpointPlan],
        store: &Arc<Store>,
        connection_settings: ConnectionSettings,
    ) -> Result<Self, StackError> {
        let endpoints = plans.iter().map(|plan| Ok((plan.path.clone(), Arc::new(plan.build(store)?))));
        Ok(Self { endpoints: endpoints.collect::<Result<_, StackError>>()?, connection_settings })
    }
}

/// Answers requests with the current snapshot. Clones share it.
pub(crate) struct Gateway<W> {
    current: Arc<ArcSwap<Snapshot>>,
    watch: Arc<W>,
}

impl<W> Gateway<W> {
    pub(crate) fn new(snapshot: Snapshot, watch: Arc<W>) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(snapshot)), watch }
    }

    /// Replaces the snapshot. Requests in flight keep the one that they began with.
    pub(crate) fn replace(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
    }

    /// The PROXY protocol settings for a connection that is opened now.
    pub(super) fn proxy_protocol(&self) -> Option<ProxyProtocol> {
        self.current.load().connection_settings.proxy_protocol.clone()
    }

    /// The current limit on connections and their timeouts.
    pub(super) fn bounds(&self) -> Bounds {
        self.current.load().connection_settings.bounds
    }
}

impl<W: Watch> Gateway<W> {
    /// Answers a request. On an error, its connection must be closed.
    pub(super) async fn answer<B>(
        &self,
        request: Request<B>,
        start: ConnectionStart,
    ) -> Result<Response<Full<Bytes>>, Refused>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let path = request.uri().path();
        let endpoint = {
            let now = self.current.load();
            if !now.connection_settings.allows(start) {
                return Err(Refused::Outdated);
            }
            now.endpoints.get(path).map(Arc::clone)
        };
        let Some(endpoint) = endpoint else {
            metrics::counter!(UNROUTED).increment(1);
            self.watch.no_endpoint(request.method(), path, start.client);
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        // Boxed, so that an idle connection has no memory reserved for a request.
        Ok(Box::pin(endpoint.receive(Arc::clone(&self.watch), request)).await)
    }
}

impl<W> Clone for Gateway<W> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current), watch: Arc::clone(&self.watch) }
    }
}

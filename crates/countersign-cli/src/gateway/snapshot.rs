//! What a gateway does now: one snapshot of its configuration, which a request keeps from beginning to end.

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use countersign_tower::{StackError, metrics::UNROUTED};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;

use super::{Bounds, Endpoint, EndpointPlan, ProxyProtocol, Refused, Watch, endpoint::empty, store::Store};

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

/// How a connection began, which may have been by another snapshot.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    pub(super) peer: SocketAddr,
    /// Whether there was a PROXY header.
    pub(super) is_announced: bool,
    /// `None` if the proxy did not tell it.
    pub(super) client: Option<SocketAddr>,
}

impl Meeting {
    /// Whether the client of such a connection is the one that it would have now.
    fn allows(&self, beginning: Beginning) -> bool {
        match &self.proxy_protocol {
            Some(protocol) => beginning.is_announced && protocol.trusts(beginning.peer.ip()),
            None => !beginning.is_announced,
        }
    }
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

impl<W: Watch> Gateway<W> {
    /// Judges a request and answers it, unless its connection is to be closed.
    pub(super) async fn answer<B>(
        &self,
        request: Request<B>,
        beginning: Beginning,
    ) -> Result<Response<Full<Bytes>>, Refused>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let path = request.uri().path();
        let endpoint = {
            let now = self.current.load();
            if !now.meeting.allows(beginning) {
                return Err(Refused::Outdated);
            }
            now.endpoints.get(path).map(Arc::clone)
        };
        let Some(endpoint) = endpoint else {
            metrics::counter!(UNROUTED).increment(1);
            self.watch.no_endpoint(request.method(), path);
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        // In a box, so that a connection without a request has no room for one.
        Ok(Box::pin(endpoint.receive(Arc::clone(&self.watch), request)).await)
    }
}

impl<W> Clone for Gateway<W> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current), watch: Arc::clone(&self.watch) }
    }
}

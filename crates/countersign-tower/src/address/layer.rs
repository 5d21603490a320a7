//! The layer, and how it judges an address.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use countersign::{
    Rejection, Scheme,
    address::{AddressProblem, AddressSet, TrustedProxies},
    scheme::Addresses,
};
use http::{Extensions, HeaderMap, Uri, request::Parts};
use tower_layer::Layer;

use super::{AddressFilter, HiddenPeer, PeerAddr, SharedAddresses};
use crate::{meter::Meter, verify::sent};

/// Puts an [`AddressFilter`] around a service. See the [module docs](crate::address) and the example there.
#[derive(Clone, Debug)]
#[must_use]
pub struct AddressLayer {
    settings: Settings,
}

/// What all requests of one layer have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    addresses: SharedAddresses,
    proxies: Option<Arc<TrustedProxies>>,
    peer: fn(&Extensions) -> Option<SocketAddr>,
    meter: Meter,
}

impl AddressLayer {
    /// A layer that lets these addresses in and no others. The client is the socket's peer, told by [`PeerAddr`].
    pub fn new(addresses: impl Into<SharedAddresses>) -> Self {
        let (addresses, meter) = (addresses.into(), Meter::default());
        Self { settings: Settings { addresses, proxies: None, peer: PeerAddr::find, meter } }
    }

    /// A layer that lets in the addresses that a provider publishes, as they were when its catalogue entry was
    /// [read](countersign::scheme::Addresses::read). Providers change them: an [`AddressFeed`](super::AddressFeed) keeps up
    /// with a published [list](countersign::scheme::Addresses::list).
    ///
    /// # Errors
    ///
    /// If the scheme has none.
    pub fn published_by(scheme: &Scheme) -> Result<Self, NotPublished> {
        let ranges = scheme.addresses().map(Addresses::ranges).unwrap_or_default();
        if ranges.is_empty() {
            return Err(NotPublished { scheme: scheme.id().to_owned() });
        }
        Ok(Self::new(ranges.iter().copied().collect::<AddressSet>()))
    }

    /// Where the peer is one of these proxies, looks at the client behind it.
    pub fn with_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.settings.proxies = Some(Arc::new(proxies));
        self
    }

    /// Counts the requests that are refused here as those of an endpoint of this name. See [`metrics`](crate::metrics).
    #[cfg(feature = "metrics")]
    pub fn with_metrics(mut self, endpoint: &str) -> Self {
        self.settings.meter = Meter::of(endpoint);
        self
    }

    /// Finds the peer with `peer` instead, for servers with an extension of their own. `countersign-axum` has the one for
    /// axum's.
    pub fn with_peer(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.settings.peer = peer;
        self
    }
}

impl AddressLayer {
    /// Whether a request may come in; tells the operator why not.
    pub(crate) fn check(&self, head: &Parts) -> Result<(), Rejection> {
        self.settings.check(&head.headers, &head.extensions, &head.uri)
    }
}

impl<S> Layer<S> for AddressLayer {
    type Service = AddressFilter<S>;

    fn layer(&self, inner: S) -> AddressFilter<S> {
        AddressFilter::new(inner, self.settings.clone())
    }
}

impl Settings {
    /// Counts a request that is refused where the layer stands alone. In a stack, it counts as one of the stack's.
    pub(super) fn count(&self, rejection: &Rejection) {
        self.meter.begin().end(rejection.code());
    }

    pub(super) fn check(&self, headers: &HeaderMap, extensions: &Extensions, uri: &Uri) -> Result<(), Rejection> {
        self.judge(headers, extensions).map_err(|problem| {
            report(problem, (self.peer)(extensions), sent::uri(uri, extensions).path());
            Rejection::from(problem)
        })
    }

    fn judge(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<(), AddressProblem> {
        let unknown = || match extensions.get::<HiddenPeer>() {
            Some(HiddenPeer) => AddressProblem::PeerHidden,
            None => AddressProblem::NoPeer,
        };
        let peer = (self.peer)(extensions).ok_or_else(unknown)?.ip();
        let client = self.client(peer, headers)?;
        if !self.addresses.load().contains(client) {
            return Err(AddressProblem::NotAllowed { client });
        }
        Ok(())
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, AddressProblem> {
        match &self.proxies {
            Some(proxies) => proxies.client(peer, headers),
            None => Ok(peer.to_canonical()),
        }
    }
}

/// Tells the operator why. The path helps to find the endpoint; its query may carry a credential and is left out.
fn report(problem: AddressProblem, peer: Option<SocketAddr>, path: &str) {
    if problem == AddressProblem::NoPeer {
        tracing::error!(
            target: "countersign",
            path,
            "refused: no peer is known. Put a `PeerAddr` into the requests' extensions where connections are accepted, or \
             name where the server puts it with `AddressLayer::with_peer` (for axum: `countersign_axum::connect_info`)"
        );
        return;
    }
    let rejection = Rejection::from(problem);
    tracing::warn!(
        target: "countersign",
        path,
        peer = peer.map(tracing::field::display),
        code = rejection.code(),
        status = rejection.status().as_u16(),
        reason = %rejection,
        "refused"
    );
}

/// The catalogue has no addresses of this provider, or the scheme file none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPublished {
    scheme: String,
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = &self.scheme;
        write!(f, "no addresses of `{scheme}` are known: write them out (`AddressLayer::new`), or leave the check out")
    }
}

impl std::error::Error for NotPublished {}

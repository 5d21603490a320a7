//! `AddressLayer` and its settings.

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

/// The settings of one layer.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    addresses: SharedAddresses,
    proxies: Option<Arc<TrustedProxies>>,
    peer: fn(&Extensions) -> Option<SocketAddr>,
    meter: Meter,
    /// The name of the stack, or of the layer if it has metrics, for log lines.
    endpoint: Option<Arc<str>>,
}

impl AddressLayer {
    /// A layer that lets in these addresses and no others. The client's address is the peer's, in [`PeerAddr`].
    pub fn new(addresses: impl Into<SharedAddresses>) -> Self {
        let (addresses, meter) = (addresses.into(), Meter::default());
        Self { settings: Settings { addresses, proxies: None, peer: PeerAddr::find, meter, endpoint: None } }
    }

    /// A layer that lets in the addresses that a provider publishes, as they were when its catalogue entry was
    /// [read](countersign::scheme::Addresses::read). Providers change them: an [`AddressFeed`](super::AddressFeed) follows a
    /// published [list](countersign::scheme::Addresses::list).
    ///
    /// # Errors
    ///
    /// If the scheme has no addresses.
    pub fn published_by(scheme: &Scheme) -> Result<Self, NotPublished> {
        let ranges = scheme.addresses().map(Addresses::ranges).unwrap_or_default();
        if ranges.is_empty() {
            return Err(NotPublished { scheme: scheme.id().to_owned() });
        }
        Ok(Self::new(ranges.iter().copied().collect::<AddressSet>()))
    }

    /// If the peer is one of these proxies, judges the address of the client behind it instead.
    pub fn with_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.settings.proxies = Some(Arc::new(proxies));
        self
    }

    /// Counts the requests that this layer refuses under this name, which log lines then have too. In a [`Stack`](crate::Stack) it
    /// has no effect: the stack counts them under its own name. See [`metrics`](crate::metrics).
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[cfg(feature = "metrics")]
    pub fn with_metrics(mut self, endpoint: &str) -> Self {
        self.settings.meter = Meter::of(endpoint);
        self.named(endpoint)
    }

    /// Reads the peer's address with `peer` instead of from [`PeerAddr`], for servers with an extension of their own.
    /// `countersign-axum` has one for axum.
    pub fn with_peer(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.settings.peer = peer;
        self
    }
}

impl AddressLayer {
    /// The same with this name in its log lines.
    pub(crate) fn named(mut self, endpoint: &str) -> Self {
        self.settings.endpoint = Some(endpoint.into());
        self
    }

    /// Whether a request may come in; logs why not.
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
    /// Counts a refused request, if the layer is not part of a stack: a stack counts it itself.
    pub(super) fn count(&self, rejection: &Rejection) {
        self.meter.begin().end(rejection.code());
    }

    pub(super) fn check(&self, headers: &HeaderMap, extensions: &Extensions, uri: &Uri) -> Result<(), Rejection> {
        self.judge(headers, extensions).map_err(|problem| {
            let rejection = Rejection::from(problem);
            self.log(problem, &rejection, (self.peer)(extensions), sent::uri(uri, extensions).path());
            rejection
        })
    }

    /// Logs a refusal with the path, without the query, which may contain a credential.
    fn log(&self, problem: AddressProblem, rejection: &Rejection, peer: Option<SocketAddr>, path: &str) {
        let (endpoint, code, status) = (self.endpoint.as_deref(), rejection.code(), rejection.status().as_u16());
        if problem == AddressProblem::NoPeer {
            tracing::error!(
                target: "countersign",
                endpoint,
                path,
                code,
                status,
                "refused: no peer is known. Put a `PeerAddr` into the requests' extensions where connections are accepted, or \
                 name where the server puts it with `AddressLayer::with_peer` (for axum: `countersign_axum::connect_info`)"
            );
            return;
        }
        let peer = peer.map(tracing::field::display);
        tracing::warn!(target: "countersign", endpoint, path, peer, code, status, reason = %rejection, "refused");
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

/// The catalogue entry or scheme file has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPublished {
    scheme: String,
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = &self.scheme;
        write!(f, "no addresses of `{scheme}` are known: list them (`AddressLayer::new`), or leave the check out")
    }
}

impl std::error::Error for NotPublished {}

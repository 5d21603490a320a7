use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use countersign::address::{AddressProblem, TrustedProxies};
use http::{Extensions, HeaderMap};
use tower_layer::Layer;

use super::{Address, PeerAddr, SharedAddresses};

/// Puts an [`Address`] around a service. See the [module docs](crate::address) and the example there.
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
}

impl AddressLayer {
    /// A layer that lets these addresses in and no others. The client is the socket's peer, told by [`PeerAddr`].
    pub fn new(addresses: impl Into<SharedAddresses>) -> Self {
        Self { settings: Settings { addresses: addresses.into(), proxies: None, peer: PeerAddr::find } }
    }

    /// Where the peer is one of these proxies, looks at the client behind it.
    pub fn behind(mut self, proxies: TrustedProxies) -> Self {
        self.settings.proxies = Some(Arc::new(proxies));
        self
    }

    /// Finds the peer with `peer` instead, for servers with an extension of their own. `countersign-axum` has the one for
    /// axum's.
    pub fn with_peer(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.settings.peer = peer;
        self
    }
}

impl<S> Layer<S> for AddressLayer {
    type Service = Address<S>;

    fn layer(&self, inner: S) -> Address<S> {
        Address::new(inner, self.settings.clone())
    }
}

impl Settings {
    /// Whether a request with these headers and extensions may come in.
    pub(super) fn judge(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<(), AddressProblem> {
        let peer = (self.peer)(extensions).ok_or(AddressProblem::NoPeer)?.ip();
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

    pub(super) fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        (self.peer)(extensions)
    }
}

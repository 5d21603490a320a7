//! The app, with and without layers.

use std::{error::Error, net::SocketAddr};

use axum::{Router, extract::ConnectInfo, http::Extensions};
use countersign::{Verifier, address::AddressSet};
use countersign_tower::{AddressLayer, Stack, VerifyLayer};

use crate::{server, store::Forgetful};

pub(crate) fn verified(verifier: Verifier) -> Router {
    server::plain().layer(VerifyLayer::new(verifier))
}

/// All checks: an allowlist of two blocks, the signature, replays.
pub(crate) fn stacked(verifier: Verifier) -> Result<Router, Box<dyn Error>> {
    let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24", "127.0.0.0/8"])?).with_peer(peer);
    let stack = Stack::builder("hooks", verifier).with_addresses(addresses).with_store(Forgetful::default()).build()?;
    Ok(server::plain().layer(stack))
}

/// As `countersign_axum::connect_info` does it.
fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

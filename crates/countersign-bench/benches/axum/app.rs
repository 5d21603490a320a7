//! The stack in front of the app.

use std::{error::Error, net::SocketAddr};

use axum::{extract::ConnectInfo, http::Extensions};
use countersign::{Verifier, address::AddressSet};
use countersign_tower::{AddressLayer, Stack};

use crate::store::Forgetful;

/// All checks: an allowlist of two blocks, the signature, replays.
pub(crate) fn stack(verifier: Verifier) -> Result<Stack<Verifier, Forgetful>, Box<dyn Error>> {
    let addresses = AddressLayer::new(AddressSet::parse(["192.0.2.0/24", "127.0.0.0/8"])?).with_peer(peer);
    Ok(Stack::builder("hooks", verifier).with_addresses(addresses).with_store(Forgetful::default()).build()?)
}

/// As `countersign_axum::connect_info` does it.
fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

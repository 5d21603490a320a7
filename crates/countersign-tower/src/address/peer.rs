//! What is known of the connection's peer.

use std::net::SocketAddr;

use http::Extensions;

/// The socket address from which a connection came: an extension of its requests.
///
/// Whoever accepts the connection puts it there. InnerService the PROXY protocol it is the source that the header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// Says that the address of the connection's peer cannot be known, because the PROXY header of a trusted proxy told none: an
/// extension of its requests, in place of [`PeerAddr`]. An allowlist refuses them; where neither is there, the server was set up
/// wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HiddenPeer;

impl PeerAddr {
    pub(super) fn find(extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get::<Self>().map(|peer| peer.0)
    }
}

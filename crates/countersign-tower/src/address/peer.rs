//! The address of the connection's peer, as an extension of its requests.

use std::net::SocketAddr;

use http::Extensions;

/// The socket address of a connection's peer: an extension of its requests.
///
/// The code that accepts connections inserts it. With the PROXY protocol, it is the source address in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// Says that the peer's address cannot be known, because the PROXY header of a trusted proxy has none: an extension of the
/// connection's requests, in place of [`PeerAddr`]. An allowlist refuses them with 403; if neither extension is there, the server
/// is configured wrongly, and the answer is 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HiddenPeer;

impl PeerAddr {
    pub(super) fn find(extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get::<Self>().map(|peer| peer.0)
    }
}

use std::net::SocketAddr;

use http::Extensions;

/// The socket address from which a connection came: an extension of its requests.
///
/// Whoever accepts the connection puts it there. Behind the PROXY protocol it is the source that the header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

impl PeerAddr {
    pub(super) fn find(extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get::<Self>().map(|peer| peer.0)
    }
}

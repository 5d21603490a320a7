//! Reads the PROXY protocol header of a connection.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use countersign::address::{
    AddressSet,
    proxy_protocol::{Header, Progress, parse},
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use super::Refused;

/// Requires the PROXY protocol on every connection, and believes only trusted proxies.
#[derive(Clone, Debug)]
pub(crate) struct ProxyProtocol {
    proxies: AddressSet,
}

/// How long to wait for the header. A proxy writes it as soon as it is connected.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(5);

impl ProxyProtocol {
    pub(crate) fn from(proxies: AddressSet) -> Self {
        Self { proxies }
    }

    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.contains(peer)
    }

    /// Reads the header, and no byte behind it. The client's address is `None` if the proxy does not tell it.
    pub(super) async fn client(&self, stream: &mut TcpStream, peer: SocketAddr) -> Result<Option<SocketAddr>, Refused> {
        if !self.trusts(peer.ip()) {
            return Err(Refused::Stranger);
        }
        match timeout(HEADER_TIME, read(stream)).await.map_err(|_| Refused::Late)?? {
            Header::Proxied { source, .. } => Ok(Some(source)),
            Header::Local => Ok(Some(peer)),
            // `Unknown`, and what a later version of the parser may know.
            _ => Ok(None),
        }
    }
}

async fn read(stream: &mut TcpStream) -> Result<Header, Refused> {
    let mut received = Vec::with_capacity(128);
    loop {
        match parse(&received).map_err(Refused::Header)? {
            Progress::Done { header, .. } => return Ok(header),
            Progress::Needs(more) => {
                let start = received.len();
                received.resize(start + more, 0);
                stream.read_exact(&mut received[start..]).await.map_err(Refused::Broken)?;
            }
        }
    }
}

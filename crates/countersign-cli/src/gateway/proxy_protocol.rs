//! The PROXY protocol on a listener.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use countersign::address::{
    AddressSet,
    proxy_protocol::{Header, HeaderError, Progress, parse},
};
use countersign_tower::metrics::CONNECTIONS_REFUSED;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// Demands the PROXY protocol of every connection, and believes it of trusted proxies.
#[derive(Clone, Debug)]
pub(crate) struct ProxyProtocol {
    proxies: AddressSet,
}

/// Why a connection is closed without another answer.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its peer is no trusted proxy.
    Stranger,
    Header(HeaderError),
    Late,
    Broken(io::Error),
    /// It began in a way in which none would begin now.
    Outdated,
}

impl Refused {
    /// For the log. It is none of a rejection's, since there is no request yet.
    pub(crate) const CODE: &str = "proxy_protocol";

    pub(super) fn count(&self) {
        let reason = match self {
            Self::Stranger => "stranger",
            Self::Header(_) => "header",
            Self::Late => "late",
            Self::Broken(_) => "broken",
            Self::Outdated => "outdated",
        };
        metrics::counter!(CONNECTIONS_REFUSED, "reason" => reason).increment(1);
    }
}

/// A proxy writes the header as soon as it is connected.
const HEADER_TIME: Duration = Duration::from_secs(5);

impl ProxyProtocol {
    pub(crate) fn from(proxies: AddressSet) -> Self {
        Self { proxies }
    }

    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.contains(peer)
    }

    /// Reads the header, and not a byte of what follows. The client's address is `None` if the proxy does not tell it.
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

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the peer is none of the trusted proxies"),
            Self::Header(error) => error.fmt(f),
            Self::Late => write!(f, "the PROXY header did not arrive within {HEADER_TIME:?}"),
            Self::Broken(error) => write!(f, "the connection ended in the PROXY header: {error}"),
            Self::Outdated => {
                f.write_str("`proxy_protocol` or `trusted_proxies` have changed since the connection was opened")
            }
        }
    }
}

impl Error for Refused {}

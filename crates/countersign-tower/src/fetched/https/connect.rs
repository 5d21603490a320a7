//! Connections to servers on the open internet, and to no others.

use std::{collections::HashMap, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::public::is_public;

#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    limit: Duration,
    pinned: HashMap<String, SocketAddr>,
}

/// From the look-up of the name to the end of the handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How many of a name's addresses are tried.
const MAX_ADDRESSES: usize = 4;

impl Connector {
    pub(super) fn new(config: Arc<ClientConfig>) -> Self {
        Self { tls: config.into(), limit: CONNECT_LIMIT, pinned: HashMap::new() }
    }

    pub(super) fn with_config(self, config: Arc<ClientConfig>) -> Self {
        Self { tls: config.into(), ..self }
    }

    pub(super) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub(super) fn pinned(mut self, host: &str, address: SocketAddr) -> Self {
        self.pinned.insert(host.to_owned(), address);
        self
    }

    pub(super) async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let connection = async {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = self.open(host, port).await?;
            self.tls.connect(name, stream).await
        };
        timeout(self.limit, connection).await.map_err(|late| io::Error::new(io::ErrorKind::TimedOut, late))?
    }

    /// The addresses that are looked at are those that are connected to: a second look-up could have another answer.
    async fn open(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        if let Some(address) = self.pinned.get(host) {
            return TcpStream::connect(address).await;
        }
        let mut last = io::Error::other("the host has no public address");
        let addresses = lookup_host((host, port)).await?.filter(|address| is_public(address.ip()));
        for address in addresses.take(MAX_ADDRESSES) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Drives a connection for as long as it is wanted.
pub(super) struct Driver(JoinHandle<()>);

impl Driver {
    pub(super) fn spawn<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            // What goes wrong is told to whoever waits for the answer.
            let _ = connection.await;
        }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

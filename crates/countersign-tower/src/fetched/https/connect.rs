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
    timeout: Duration,
    pinned: HashMap<String, SocketAddr>,
}

/// From the DNS lookup to the end of the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 4;

impl Connector {
    pub(super) fn new(config: Arc<ClientConfig>) -> Self {
        Self { tls: config.into(), timeout: CONNECT_TIMEOUT, pinned: HashMap::new() }
    }

    pub(super) fn with_config(self, config: Arc<ClientConfig>) -> Self {
        Self { tls: config.into(), ..self }
    }

    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
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
        timeout(self.timeout, connection).await.map_err(|late| io::Error::new(io::ErrorKind::TimedOut, late))?
    }

    /// Checks and connects to the addresses of one lookup: a second lookup could give others.
    async fn open(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        if let Some(address) = self.pinned.get(host) {
            return TcpStream::connect(address).await;
        }
        let mut last = io::Error::other("the host has no public address, and others are not connected to");
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

/// Polls a connection in a task, until it is dropped.
pub(super) struct Driver(JoinHandle<()>);

impl Driver {
    pub(super) fn spawn<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            // The caller gets the error from `send_request` or from the body.
            let _ = connection.await;
        }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

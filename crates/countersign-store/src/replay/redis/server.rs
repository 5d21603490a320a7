//! One server, and how to connect to it.

#[cfg(feature = "tls")]
use std::sync::Arc;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, aio::MultiplexedConnection};
#[cfg(feature = "tls")]
use rustls::ClientConfig;

use super::{RedisStoreError, slots::Address};

/// Where a server is, and what it is told first.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    /// How it proves who it is, if the connection is to be encrypted.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// A connection, for as long as a copy of it is there.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) redis: MultiplexedConnection,
    #[cfg(feature = "tls")]
    _driver: Option<Arc<secure::Driver>>,
}

impl Server {
    /// Another node of the same cluster.
    pub(super) fn node(&self, (host, port): &Address) -> Self {
        let info = self.info.clone().set_addr(ConnectionAddr::Tcp(host.clone(), *port));
        Self {
            info,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        }
    }

    /// Where it is; that of a socket is this machine.
    pub(super) fn host(&self) -> &str {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) => host,
            _ => "localhost",
        }
    }

    /// The time limit is the caller's.
    pub(super) async fn connect(&self) -> Result<Connection, RedisStoreError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let (redis, driver) = secure::connect(&self.info, Arc::clone(tls), config).await?;
            return Ok(Connection { redis, _driver: Some(Arc::new(driver)) });
        }
        let client = Client::open(self.info.clone())?;
        Ok(Connection {
            redis: client.get_multiplexed_async_connection_with_config(&config).await?,
            #[cfg(feature = "tls")]
            _driver: None,
        })
    }
}

/// Connections over TLS.
///
/// `redis` has a feature for them, which takes whatever crypto provider is the program's default, panics when there are two
/// of them and none is, and brings the system's list of authorities along.
#[cfg(feature = "tls")]
mod secure {
    use std::{io, net::SocketAddr, sync::Arc};

    use redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, aio::MultiplexedConnection};
    use rustls::{ClientConfig, pki_types::ServerName};
    use tokio::{
        net::{TcpStream, lookup_host},
        task::{JoinHandle, JoinSet},
    };
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::{super::super::tls::is_distrust, RedisStoreError};

    pub(super) async fn connect(
        info: &ConnectionInfo,
        tls: Arc<ClientConfig>,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, Driver), RedisStoreError> {
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(RedisStoreError::Url) };
        let stream = stream(host, *port, tls).await.map_err(|source| {
            let source = Box::new(source);
            if is_distrust(&*source) {
                RedisStoreError::Untrusted { source }
            } else {
                RedisStoreError::Unreachable { source }
            }
        })?;
        let (connection, driver) =
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
        Ok((connection, Driver(tokio::spawn(driver))))
    }

    async fn stream(host: &str, port: u16, tls: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = first_of(lookup_host((host, port)).await?, TcpStream::connect::<SocketAddr>).await?;
        // One call may be alone on the connection: nothing that comes after it makes its packet any fuller.
        stream.set_nodelay(true)?;
        TlsConnector::from(tls).connect(name, stream).await
    }

    /// Connects to all addresses of a name at once, and takes the first that answers, as `redis` does without TLS: one that is
    /// silent would keep the others waiting until the call's time is over.
    async fn first_of<T: Send + 'static, C: Future<Output = io::Result<T>> + Send + 'static>(
        addresses: impl Iterator<Item = SocketAddr>,
        connect: impl Fn(SocketAddr) -> C,
    ) -> io::Result<T> {
        let mut connecting: JoinSet<_> = addresses.map(connect).collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        while let Some(connected) = connecting.join_next().await {
            match connected.unwrap_or_else(|ended| Err(ended.into())) {
                Ok(connected) => return Ok(connected),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Moves a connection's bytes until it is dropped.
    pub(super) struct Driver(JoinHandle<()>);

    impl Drop for Driver {
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use std::future;

        use super::*;

        const SILENT: u16 = 1;
        const ABSENT: u16 = 2;

        async fn connect(address: SocketAddr) -> io::Result<u16> {
            match address.port() {
                SILENT => future::pending().await,
                ABSENT => Err(io::ErrorKind::ConnectionRefused.into()),
                port => Ok(port),
            }
        }

        async fn first(ports: &[u16]) -> Result<u16, io::ErrorKind> {
            let addresses = ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port)));
            first_of(addresses, connect).await.map_err(|error| error.kind())
        }

        #[tokio::test]
        async fn of_several_addresses_a_silent_one_keeps_nobody_waiting() {
            for ports in [[SILENT, ABSENT, 7], [7, SILENT, ABSENT], [ABSENT, 7, SILENT], [SILENT, SILENT, 7]] {
                assert_eq!(first(&ports).await, Ok(7), "{ports:?}");
            }
            assert_eq!(first(&[ABSENT, ABSENT]).await, Err(io::ErrorKind::ConnectionRefused));
            assert_eq!(first(&[]).await, Err(io::ErrorKind::NotFound));
        }
    }
}

//! The address of a server, and connections to it.

#[cfg(feature = "tls")]
use std::sync::Arc;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, aio::MultiplexedConnection};
#[cfg(feature = "tls")]
use rustls::ClientConfig;

use super::{RedisStoreError, slots::Address};

/// The address of a server, and the credentials for it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) info: ConnectionInfo,
    /// `None` for connections without TLS.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// A connection, which closes when its last clone is dropped.
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

    /// The host name. A Unix socket is on `localhost`.
    pub(super) fn host(&self) -> &str {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) => host,
            _ => "localhost",
        }
    }

    /// Connects. The caller sets the timeout.
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
/// The `redis` crate has a feature for TLS. It takes the program's default crypto provider, panics if there are two
/// providers and no default, and depends on the system's list of roots.
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

    use super::{super::super::tls::is_untrusted, RedisStoreError};

    pub(super) async fn connect(
        info: &ConnectionInfo,
        tls: Arc<ClientConfig>,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, Driver), RedisStoreError> {
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(RedisStoreError::Url) };
        let stream = stream(host, *port, tls).await.map_err(|source| {
            let source = Box::new(source);
            if is_untrusted(&*source) {
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
        // The connection may carry one call at a time. Waiting to fill its packet would only delay it.
        stream.set_nodelay(true)?;
        TlsConnector::from(tls).connect(name, stream).await
    }

    /// Connects to all addresses of a name at once, and takes the first that answers, as `redis` does without TLS. One
    /// after the other, an address that does not answer would use up the call's timeout.
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

    /// The task that drives a connection. It is aborted on drop.
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
        async fn an_address_that_does_not_answer_does_not_delay_the_others() {
            for ports in [[SILENT, ABSENT, 7], [7, SILENT, ABSENT], [ABSENT, 7, SILENT], [SILENT, SILENT, 7]] {
                assert_eq!(first(&ports).await, Ok(7), "{ports:?}");
            }
            assert_eq!(first(&[ABSENT, ABSENT]).await, Err(io::ErrorKind::ConnectionRefused));
            assert_eq!(first(&[]).await, Err(io::ErrorKind::NotFound));
        }
    }
}

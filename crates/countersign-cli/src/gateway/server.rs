//! An HTTP/1.1 server whose every wait has an end.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use countersign_tower::PeerAddr;
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

use super::{Gateway, Refused, Watch};

/// A runtime for a server.
pub(crate) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// What every connection meets.
pub(crate) struct Front<W> {
    pub(crate) gateway: Gateway<W>,
    pub(crate) places: Places,
    /// Is told of connections that were closed without an answer.
    pub(crate) refused: fn(SocketAddr, &Refused),
}

/// Room for connections. Its clones are one and the same.
#[derive(Clone)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONNECTIONS)))
    }

    /// How many connections are open, and how many can be.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (MAX_CONNECTIONS - self.0.available_permits(), MAX_CONNECTIONS)
    }
}

/// Serves until `stop`, then takes no more connections and ends those that there are after the request they are at.
pub(crate) async fn serve<W: Watch>(listener: TcpListener, front: Front<W>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &front.places.0) => accepted,
        };
        let (front, watcher) = (front.clone(), graceful.watcher());
        tokio::spawn(async move {
            front.connection(stream, peer, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    // Whoever is not done by then has no answer and sends again.
    let _ = timeout(STOP_TIME, graceful.shutdown()).await;
}

impl<W> Clone for Front<W> {
    fn clone(&self) -> Self {
        Self { gateway: self.gateway.clone(), places: self.places.clone(), refused: self.refused }
    }
}

impl<W: Watch> Front<W> {
    async fn connection(self, mut stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let client = match self.gateway.proxy_protocol() {
            Some(protocol) => protocol.client(&mut stream, peer).await,
            None => Ok(Some(peer)),
        };
        let client = match client {
            Ok(client) => client.map(PeerAddr),
            Err(refused) => return (self.refused)(peer, &refused),
        };
        let app = self.gateway.map_request(move |mut request: Request<Incoming>| {
            client.and_then(|client| request.extensions_mut().insert(client));
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        // What a client does to its connection is its own affair.
        let _ = watcher.watch(connection).await;
    }
}

type Accepted = (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Accepted {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            // Out of file descriptors, mostly: they come back when connections end.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Ends at SIGINT (Ctrl-C) or SIGTERM.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Each costs a few kilobytes and a file descriptor; those beyond wait in the listener's queue.
const MAX_CONNECTIONS: usize = 512;
/// From the connection, or the answer before, to the end of the head.
const HEAD_TIME: Duration = Duration::from_secs(30);
const STOP_TIME: Duration = Duration::from_secs(10);

//! An HTTP/1.1 server whose every wait has an end.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, response::Response};
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
    time::{sleep, timeout},
};
use tower::{ServiceExt as _, service_fn};

use super::{
    Limits, ProxyProtocol, Refused,
    places::{Arriving, Occupied, Place, Places},
};

/// A runtime for a server.
pub(crate) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// What every connection meets.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) app: Router,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// Is told of connections that were closed without an answer.
    pub(crate) refused: fn(SocketAddr, &Refused),
    pub(crate) bounds: Bounds,
}

/// How many connections there are at once, and how long each is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Fewer, if the system allows the process fewer open files. When there are so many, a new one takes the place of the
    /// one whose client has kept the server waiting for the longest.
    pub(crate) connections: usize,
    /// From the connection, or the answer before, to the end of the head.
    pub(crate) head: Duration,
    /// The longest that an endpoint waits for a body.
    pub(crate) body: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        // Each costs some 20 KiB and a file descriptor.
        Self { connections: 4096, head: Duration::from_secs(30), body: Limits::default().time }
    }
}

/// Serves until `stop`, then takes no more connections and ends those that there are after the request they are at.
pub(crate) async fn serve(listener: TcpListener, front: Front, stop: impl Future<Output = ()>) {
    let places = Places::new(front.bounds.connections.min(open_files().saturating_sub(OTHER_FILES)).max(1));
    let patience = front.bounds.head + front.bounds.body;
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (front, watcher) = (front.clone(), graceful.watcher());
        tokio::spawn(async move {
            let place = Occupied(place);
            tokio::select! {
                // A connection that has to go does not begin with another request before.
                biased;
                () = place.0.evicted() => {}
                () = front.connection(stream, peer, &place.0, watcher) => {}
                () = place.0.stalled(patience) => {}
            }
        });
    }
    drop(listener);
    // Whoever is not done by then has no answer and sends again.
    let _ = timeout(STOP_TIME, graceful.shutdown()).await;
}

impl Front {
    async fn connection(self, mut stream: TcpStream, peer: SocketAddr, place: &Place, watcher: Watcher) {
        let client = match &self.proxy_protocol {
            Some(protocol) => protocol.client(&mut stream, peer).await,
            None => Ok(Some(peer)),
        };
        let client = match client {
            Ok(client) => client.map(PeerAddr),
            Err(refused) => return (self.refused)(peer, &refused),
        };
        let service = service_fn(move |request| answer(self.app.clone(), request, client, place.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        // What a client does to its connection is its own affair.
        let _ = watcher.watch(connection).await;
    }
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
    client: Option<PeerAddr>,
    place: Place,
) -> Result<Response, Infallible> {
    let mut request = request.map(|body| Body::new(Arriving::new(body, place.clone())));
    client.and_then(|client| request.extensions_mut().insert(client));
    let response = app.oneshot(request).await;
    place.wait();
    response
}

async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, SocketAddr, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, places.take().await),
            // Out of file descriptors, mostly: they come back when connections end.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// How many files the process may have open. It asks for all that it may ask for.
fn open_files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // What it has already is enough to serve with.
        let _ = setrlimit(Resource::Nofile, limit);
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    usize::MAX
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

/// In bytes. Others allow 8 KiB to 32 KiB.
const MAX_HEAD: usize = 64 * 1024;
/// Standard streams, the listener, what is read at a reload, connections to stores.
const OTHER_FILES: usize = 64;
const STOP_TIME: Duration = Duration::from_secs(10);

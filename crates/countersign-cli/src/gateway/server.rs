//! An HTTP/1.1 server with a timeout for every wait and a limit on connections.

use std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration};

use bytes::Bytes;
use countersign_tower::{HiddenPeer, PeerAddr};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Runtime,
    time::{sleep, timeout},
};
use tower::service_fn;

use super::{
    Gateway, Limits, Refused, Watch,
    places::{Place, PlaceGuard, Places, TrackedBody},
    snapshot::ConnectionStart,
};

/// A Tokio runtime for the server.
pub(crate) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Listens on an address. Must be called in a runtime.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Windows this would allow another process to take the same port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)
}

/// How many connections may wait to be accepted, if the system allows so many. With 128, as most servers have,
/// connections in a burst get no answer, and their clients try again a second later.
const ACCEPT_QUEUE: u32 = 4096;

/// The server in front of a gateway: places for connections, and the log of refused ones.
pub(crate) struct Front<W> {
    gateway: Gateway<W>,
    places: Places,
    /// Logs connections that were closed without an answer.
    refused: fn(SocketAddr, &Refused),
}

impl<W> Front<W> {
    /// A server for as many connections as the gateway's bounds say now. A reload changes only the timeouts.
    pub(crate) fn new(gateway: Gateway<W>, refused: fn(SocketAddr, &Refused)) -> Self {
        let connections = gateway.bounds().connections.min(open_files().saturating_sub(OTHER_FILES)).max(1);
        Self { gateway, places: Places::new(connections), refused }
    }

    pub(crate) fn places(&self) -> Places {
        self.places.clone()
    }
}

/// The limit on connections, and the timeouts of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// How many connections may be open at once; fewer if the system allows the process fewer open files. At the limit,
    /// a new connection takes the place of the one that has waited for its client for the longest.
    pub(crate) connections: usize,
    /// From the connection, or the answer before, to the end of the head.
    pub(crate) head: Duration,
    /// The longest that an endpoint waits for a body.
    pub(crate) body: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        // Each connection costs some 20 KiB and a file descriptor.
        Self { connections: 4096, head: Duration::from_secs(30), body: Limits::default().time }
    }
}

/// Serves until `stop`. Then it accepts no more connections, and closes the open ones after their requests in flight.
pub(crate) async fn serve<W: Watch>(listener: TcpListener, front: Front<W>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &front.places) => accepted,
        };
        let (front, watcher) = (front.clone(), graceful.watcher());
        tokio::spawn(async move {
            let (place, bounds) = (PlaceGuard(place), front.gateway.bounds());
            let patience = bounds.head + bounds.body;
            tokio::select! {
                // First: an evicted connection must not begin another request.
                biased;
                () = place.0.evicted() => {}
                () = front.connection(stream, peer, &place.0, bounds.head, watcher) => {}
                () = place.0.stalled(patience) => {}
            }
        });
    }
    drop(listener);
    // Clients without an answer by then send again.
    let _ = timeout(STOP_TIME, graceful.shutdown()).await;
}

impl<W> Clone for Front<W> {
    fn clone(&self) -> Self {
        Self { gateway: self.gateway.clone(), places: self.places.clone(), refused: self.refused }
    }
}

impl<W: Watch> Front<W> {
    async fn connection(
        self,
        mut stream: TcpStream,
        peer: SocketAddr,
        place: &Place,
        head_time: Duration,
        watcher: Watcher,
    ) {
        let protocol = self.gateway.proxy_protocol();
        let client = match &protocol {
            Some(protocol) => protocol.client(&mut stream, peer).await,
            None => Ok(Some(peer)),
        };
        let start = match client {
            Ok(client) => ConnectionStart { peer, is_announced: protocol.is_some(), client },
            Err(refused) => return self.refuse(peer, &refused),
        };
        let front = self.clone();
        let service = service_fn(move |request| front.clone().answer(request, start, place.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            // A client may close its side after the request and still wait for the answer, as `nc -N` and some relays do.
            .half_close(true)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        // Other errors mean only that the client closed the connection.
        if let Some(refused) = watcher.watch(connection).await.err().and_then(Refused::of) {
            self.refuse(start.client.unwrap_or(peer), &refused);
        }
    }

    /// Answers a request. An error closes the connection.
    async fn answer(
        self,
        request: Request<Incoming>,
        start: ConnectionStart,
        place: Place,
    ) -> Result<Response<Full<Bytes>>, Refused> {
        let mut request = request.map(|body| TrackedBody::new(body, place.clone()));
        match start.client {
            Some(client) => drop(request.extensions_mut().insert(PeerAddr(client))),
            None => drop(request.extensions_mut().insert(HiddenPeer)),
        }
        let answer = self.gateway.answer(request, start).await;
        if let Err(refused) = &answer {
            self.refuse(start.client.unwrap_or(start.peer), refused);
        }
        place.wait();
        answer
    }

    fn refuse(&self, peer: SocketAddr, refused: &Refused) {
        refused.count();
        (self.refused)(peer, refused);
    }
}

async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, SocketAddr, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, places.take().await),
            // Mostly out of file descriptors, which are free again when connections end.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// How many files the process may have open, after raising the limit as far as the system allows.
fn open_files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // On an error, the old limit stays, which is enough to serve with.
        let _ = setrlimit(Resource::Nofile, limit);
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    usize::MAX
}

/// Completes at SIGINT (Ctrl-C) or SIGTERM.
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

/// In bytes. Other servers allow 8 KiB to 32 KiB.
const MAX_HEAD: usize = 64 * 1024;
/// File descriptors for standard streams, the listener, files at a reload, and connections to stores.
const OTHER_FILES: usize = 64;
const STOP_TIME: Duration = Duration::from_secs(10);

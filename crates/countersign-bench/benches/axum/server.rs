//! A server for an app, on its own thread.

use std::{
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::{Router, ServiceExt, extract::Request, http::StatusCode, response::Response, routing::post};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::oneshot};
use tower_service::Service;

/// The core of the servers. The load generator has the next one.
pub(crate) const CORE: usize = 0;

pub(crate) struct Server {
    address: SocketAddr,
    /// The file in which Linux tells the CPU time of the server's thread.
    schedstat: PathBuf,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<std::io::Result<()>>,
}

/// The app.
pub(crate) fn plain() -> Router {
    Router::new().route("/hooks", post(|_: Bytes| async { StatusCode::OK }))
}

impl Server {
    /// Serves the app on a thread of this name, which profilers show.
    pub(crate) fn start<S>(name: &str, app: S) -> Result<Self, Box<dyn Error>>
    where
        S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            pin(CORE);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let thread = PathBuf::from("/proc").join(std::fs::read_link("/proc/thread-self")?);
                tell.send((listener.local_addr()?, thread.join("schedstat"))).ok();
                tokio::select! {
                    served = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).into_future() => served,
                    _ = stopped => Ok(()),
                }
            })
        })?;
        let (address, schedstat) = told.recv()?;
        Ok(Self { address, schedstat, stop, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CPU time of its thread so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Box<dyn Error>> {
        let text = std::fs::read_to_string(&self.schedstat)?;
        let nanos = text.split_whitespace().next().ok_or("no running time in `schedstat`")?;
        Ok(Duration::from_nanos(nanos.parse()?))
    }

    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stop.send(()).ok();
        self.thread.join().map_err(|_| "the server panicked")??;
        Ok(())
    }
}

/// Pins this thread to one core, if there are several.
pub(crate) fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    // If it fails, the numbers are only noisier.
    rustix::thread::sched_setaffinity(None, &cores).ok();
}

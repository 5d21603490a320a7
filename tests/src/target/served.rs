//! An axum app on a socket, in this process.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Extension, Router, routing::any};
use countersign::{Delivery, Provider, Verifier, address::AddressSet};
use countersign_axum::connect_info;
use countersign_tower::{AddressLayer, Stack};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Runtime,
};

use super::{BODY_LIMIT, BODY_TIME, PROVIDERS, SECRET, Server};

/// A served app, until this value is dropped.
#[derive(Debug)]
pub struct Served {
    runtime: Option<Runtime>,
    address: SocketAddr,
    handled: Arc<AtomicUsize>,
}

impl Served {
    /// Serves an app that counts its handler calls in `handled`.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn new(app: Router, handled: Arc<AtomicUsize>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("there are threads");
        let listener = runtime.block_on(async { listen() }).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async { axum::serve(listener, service).await });
        Self { runtime: Some(runtime), address, handled }
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of tasks except the one that accepts connections.
    ///
    /// # Panics
    ///
    /// Never: it is served.
    pub fn tasks(&self) -> usize {
        let runtime = self.runtime.as_ref().expect("it is there until the end");
        runtime.metrics().num_alive_tasks().saturating_sub(1)
    }
}

/// Listens with a large backlog, for many connections at once.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

/// An app as a user would write it: each endpoint behind addresses, signatures and replays.
///
/// # Panics
///
/// Never: its settings fit each other.
pub fn app(handled: &Arc<AtomicUsize>) -> Router {
    PROVIDERS.into_iter().fold(Router::new(), |app, provider| {
        let handled = Arc::clone(handled);
        let handler = move |_: Extension<Delivery>| async move {
            handled.fetch_add(1, Ordering::SeqCst);
        };
        app.merge(layered(provider, Router::new().route(&format!("/{}", provider.id()), any(handler))))
    })
}

fn layered(provider: Provider, routes: Router) -> Router {
    let verifier = Verifier::new(provider, SECRET).expect("the secret fits");
    let here = AddressSet::parse(["127.0.0.0/8"]).expect("this is a network");
    let stack = Stack::builder(provider.id(), verifier)
        .with_addresses(AddressLayer::new(here).with_peer(connect_info))
        .with_body_limit(BODY_LIMIT as u64)
        .with_body_timeout(BODY_TIME);
    routes.layer(stack.build().expect("these settings fit each other"))
}

impl Server for Served {
    fn name(&self) -> &'static str {
        "an axum app"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }

    fn left_over(&self) -> usize {
        self.tasks()
    }

    fn growth(&self) -> usize {
        0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! A TCP proxy that simulates network failures.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign::ReplayKey;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// How the proxy treats the bytes of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Forwards them.
    None,
    /// Drops them in both directions, silently.
    DropAll,
    /// Forwards requests, and drops answers.
    DropAnswers,
    /// Delays each answer.
    Delay(Duration),
    /// Forwards the next request that names this event, and changes to [`Fault::Close`].
    CloseAfter(ReplayKey),
    /// Forwards requests, and closes the connection instead of answering.
    Close,
    /// Closes connections at once.
    Down,
}

/// A proxy in front of a server, which stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    /// How many times the connections were forgotten.
    forgotten: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that forwards everything to this address.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let forgotten = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&fault), Arc::clone(&forgotten)));
        Self { address, fault, forgotten, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forwards everything again. Dropped bytes are lost.
    pub fn restore(&self) {
        self.set(Fault::None);
    }

    /// Drops all bytes, in both directions.
    pub fn drop_all(&self) {
        self.set(Fault::DropAll);
    }

    /// Forwards requests, and drops answers.
    pub fn drop_answers(&self) {
        self.set(Fault::DropAnswers);
    }

    /// Delays each answer.
    pub fn slow_answers(&self, by: Duration) {
        self.set(Fault::Delay(by));
    }

    /// Forwards the next request for this event, and closes the connection instead of answering. Requests that a store
    /// makes by itself, such as a purge, are answered.
    pub fn cut_at_the_next_answer_about(&self, event: ReplayKey) {
        self.set(Fault::CloseAfter(event));
    }

    /// Closes all connections, and each new one.
    pub fn cut(&self) {
        self.set(Fault::Down);
    }

    /// Forgets the open connections, as a firewall does with idle ones: each is closed at its next bytes.
    pub fn forget_connections(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }

    fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    forgotten: Arc<AtomicUsize>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        if *fault.borrow() == Fault::Down {
            continue;
        }
        let Ok(server) = TcpStream::connect(server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (opened, forgotten) = (forgotten.load(Ordering::SeqCst), Arc::clone(&forgotten));
        let is_known = move || forgotten.load(Ordering::SeqCst) == opened;
        let asked = pass(from_client, to_server, Arc::clone(&fault), Direction::Request, is_known);
        let answered = pass(from_server, to_client, Arc::clone(&fault), Direction::Answer, || true);
        // When one direction ends, the other ends as well.
        tokio::spawn(async move {
            tokio::select! {
                () = asked => {}
                () = answered => {}
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

/// Forwards bytes in one direction until the connection ends or the fault closes it.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Arc<watch::Sender<Fault>>,
    direction: Direction,
    is_known: impl Fn() -> bool,
) {
    let mut changes = fault.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = changes.changed() => {
                if changed.is_err() || *fault.borrow() == Fault::Down {
                    return;
                }
                continue;
            }
        };
        let Ok(read @ 1..) = read else { return };
        if !is_known() {
            return;
        }
        let now = *fault.borrow();
        match (now, direction) {
            (Fault::DropAll, _) | (Fault::DropAnswers, Direction::Answer) => {}
            (Fault::Close, Direction::Answer) => {
                // Only this connection fails: before it closes, the network works again for the next attempt.
                fault.send_replace(Fault::None);
                return;
            }
            (Fault::Down, _) => return,
            (now, direction) => {
                if let (Fault::CloseAfter(event), Direction::Request) = (now, direction)
                    && names(&buffer[..read], event)
                {
                    // Before the server can answer.
                    fault.send_replace(Fault::Close);
                }
                if let (Fault::Delay(by), Direction::Answer) = (now, direction) {
                    sleep(by).await;
                }
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether a request names this event, by its bytes or in hexadecimal.
fn names(request: &[u8], event: ReplayKey) -> bool {
    let hex = faster_hex::hex_string(event.as_bytes());
    [event.as_bytes().as_slice(), hex.as_bytes()]
        .iter()
        .any(|name| request.windows(name.len()).any(|part| part == *name))
}

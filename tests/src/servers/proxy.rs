//! A network that fails: a TCP proxy whose connections can be cut or swallowed.

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

/// What becomes of what the proxy is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// It is passed on.
    Fair,
    /// It is swallowed, in both directions, and nobody is told.
    Hole,
    /// What is asked is passed on, what is answered is swallowed.
    Deaf,
    /// Each answer is passed on so much later.
    Slow(Duration),
    /// The next question that names this event is passed on, and then it is as in [`Weather::Unanswered`].
    Cut(ReplayKey),
    /// What is asked is passed on, and then the connection is closed without an answer.
    Unanswered,
    /// Connections are closed at once.
    Down,
}

/// A proxy in front of a server; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    /// How often the connections that there were have been forgotten.
    forgotten: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that passes everything on to this address.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let forgotten = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&weather), Arc::clone(&forgotten)));
        Self { address, weather, forgotten, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes everything on again. What was swallowed is lost.
    pub fn restore(&self) {
        self.set(Weather::Fair);
    }

    /// Swallows everything.
    pub fn swallow(&self) {
        self.set(Weather::Hole);
    }

    /// Passes on what is asked, and swallows the answers.
    pub fn swallow_answers(&self) {
        self.set(Weather::Deaf);
    }

    /// Passes on each answer so much later.
    pub fn slow_answers(&self, by: Duration) {
        self.set(Weather::Slow(by));
    }

    /// Passes on what is asked next of this event, and closes the connection instead of answering. What a store does of its
    /// own accord, as removing what is over, is let through.
    pub fn cut_at_the_next_answer_about(&self, event: ReplayKey) {
        self.set(Weather::Cut(event));
    }

    /// Closes all connections, and each new one.
    pub fn cut(&self) {
        self.set(Weather::Down);
    }

    /// Forgets the connections that there are, as a firewall does with idle ones: each is closed at its next word.
    pub fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }

    fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
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
    weather: Arc<watch::Sender<Weather>>,
    forgotten: Arc<AtomicUsize>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        if *weather.borrow() == Weather::Down {
            continue;
        }
        let Ok(server) = TcpStream::connect(server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (born, forgotten) = (forgotten.load(Ordering::SeqCst), Arc::clone(&forgotten));
        let is_known = move || forgotten.load(Ordering::SeqCst) == born;
        let asked = pass(from_client, to_server, Arc::clone(&weather), Direction::Question, is_known);
        let answered = pass(from_server, to_client, Arc::clone(&weather), Direction::Answer, || true);
        // When one direction ends, both do.
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
    Question,
    Answer,
}

/// Passes bytes on until the connection ends, or is cut instead of answered.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    weather: Arc<watch::Sender<Weather>>,
    direction: Direction,
    is_known: impl Fn() -> bool,
) {
    let mut changes = weather.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = changes.changed() => {
                if changed.is_err() || *weather.borrow() == Weather::Down {
                    return;
                }
                continue;
            }
        };
        let Ok(read @ 1..) = read else { return };
        if !is_known() {
            return;
        }
        let now = *weather.borrow();
        match (now, direction) {
            (Weather::Hole, _) | (Weather::Deaf, Direction::Answer) => {}
            (Weather::Unanswered, Direction::Answer) => {
                // Only this connection, and before it is closed: the next attempt finds the network well.
                weather.send_replace(Weather::Fair);
                return;
            }
            (Weather::Down, _) => return,
            (now, direction) => {
                if let (Weather::Cut(event), Direction::Question) = (now, direction)
                    && names(&buffer[..read], event)
                {
                    // Before the server can answer.
                    weather.send_replace(Weather::Unanswered);
                }
                if let (Weather::Slow(by), Direction::Answer) = (now, direction) {
                    sleep(by).await;
                }
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether a question is about this event: stores name it by its bytes, or in hexadecimal.
fn names(question: &[u8], event: ReplayKey) -> bool {
    let hex = faster_hex::hex_string(event.as_bytes());
    [event.as_bytes().as_slice(), hex.as_bytes()]
        .iter()
        .any(|name| question.windows(name.len()).any(|part| part == *name))
}

//! Servers on real sockets, and checks that an attack did them no harm.
//!
//! One is an axum app with every layer, as a user would write it. The other is `countersign serve`. Each is a separate
//! process. Both have the endpoints `/github`, `/stripe`, `/standard-webhooks` and `/stream-chat`, whose secret is
//! [`SECRET`], and take bodies of up to [`BODY_LIMIT`] bytes that arrive within [`BODY_TIME`].

mod app;
mod gateway;
mod served;
mod wire;

use std::{
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use countersign::{Provider, Signer, providers};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use app::App;
pub use gateway::Gateway;
pub use served::{Served, app};
pub use wire::{Answer, Connection, Message};

/// The secret of every endpoint.
pub const SECRET: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHM=";

/// The limit of a body in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// How long a body may take.
pub const BODY_TIME: Duration = Duration::from_secs(2);

/// How long the head of a request may take, at the gateway.
pub const HEAD_TIME: Duration = Duration::from_secs(2);

/// The providers of the servers. The path of each endpoint is the id of its provider.
pub const PROVIDERS: [Provider; 4] =
    [providers::GITHUB, providers::STRIPE, providers::STANDARD_WEBHOOKS, providers::STREAM_CHAT];

/// A server under attack.
pub trait Server {
    /// Its name in messages.
    fn name(&self) -> &'static str;

    /// The address at which it listens.
    fn address(&self) -> SocketAddr;

    /// How many deliveries reached the handler.
    fn handled(&self) -> usize;

    /// The number of connections or tasks that it still has for disconnected clients.
    fn left_over(&self) -> usize;

    /// The growth of its memory since its start, in KiB. 0 if it shares the memory of the test.
    fn growth(&self) -> usize;

    /// A connection to it.
    fn connect(&self) -> Connection {
        Connection::to(self.address())
    }

    /// Sends bytes on a new connection, ends the sending side, and reads to the end.
    fn send(&self, bytes: &[u8]) -> Vec<Answer> {
        let mut connection = self.connect();
        connection.write(bytes);
        connection.finish();
        connection.answers()
    }

    /// Sends one request, and returns the status of the answer. 0 if the connection was closed without one.
    fn status_of(&self, message: &Message) -> u16 {
        let mut connection = self.connect();
        connection.write(&message.bytes());
        connection.answer().map_or(0, |answer| answer.status)
    }

    /// Checks that the attack did no harm: the handler ran `handled` times, a new delivery is handled, and no
    /// connection, task or memory is left over.
    fn is_unharmed(&self, handled: usize) {
        let name = self.name();
        assert_eq!(self.handled(), handled, "{name}: the handler's runs");
        assert_eq!(self.status_of(&delivery()), 200, "{name}: it does not answer any more");
        assert_eq!(self.handled(), handled + 1, "{name}: a good delivery was not handled");
        let clean = || self.left_over() == 0 && self.growth() <= SLACK;
        let (left, growth) = (|| self.left_over(), || self.growth());
        assert!(soon(clean), "{name}: {} connections or tasks are left, {} KiB are kept", left(), growth());
    }
}

/// The memory in KiB that an allocator may keep after thousands of connections.
pub const SLACK: usize = 24 * 1024;

/// The memory in KiB that a second attack of 10,000 forgeries may add: less than a tenth of a KiB for each.
const SECOND_SLACK: usize = 1024;

/// Attacks twice, and checks each time that the server is unharmed. Memory that it keeps after the first attack must
/// not grow in the second one. `attack` returns how many deliveries were handled meanwhile.
pub fn twice(server: &dyn Server, attack: impl Fn() -> usize) {
    let first = attack();
    server.is_unharmed(first);
    let kept = server.growth();
    // The check itself sent one more delivery.
    let second = attack();
    server.is_unharmed(first + 1 + second);
    let again = || server.growth().saturating_sub(kept);
    assert!(soon(|| again() <= SECOND_SLACK), "{}: {} KiB are kept of a second attack", server.name(), again());
}

/// Raises the limit of open files of this process, and of those that it starts later.
///
/// # Panics
///
/// If the system does not allow that.
pub fn allow_open_files(count: usize) {
    let count = count as u64;
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.current.map(|current| current.max(count)), maximum: limit.maximum };
    let allowed = setrlimit(Resource::Nofile, wanted);
    assert!(allowed.is_ok(), "this needs {count} open files: allow them, as root with `ulimit -Hn {count}`");
}

/// Whether a condition becomes true within two minutes. It takes seconds, unless the machine is very busy.
pub fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

/// Runs a test against each kind of server.
pub fn each(test: impl Fn(&dyn Server)) {
    test(&App::start());
    test(&Gateway::start());
}

/// The memory of a process, in KiB.
fn resident(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

/// A new event for `/github`, signed.
///
/// # Panics
///
/// Never: the request is well formed.
pub fn delivery() -> Message {
    event(providers::GITHUB)
}

/// A new event for a provider's endpoint, signed.
pub fn event(provider: Provider) -> Message {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    signed(provider, SECRET, format!("{{\"id\":\"evt_{id}\",\"type\":\"created\"}}"))
}

/// A body for a provider's endpoint, signed with this secret.
///
/// # Panics
///
/// If the provider cannot sign it.
pub fn signed(provider: Provider, secret: &str, body: impl Into<Vec<u8>>) -> Message {
    let request = http::Request::post(format!("/{}", provider.id())).body(body.into()).expect("it is well formed");
    let signer = Signer::new(provider, secret).expect("the secret fits");
    let signed = signer.sign(request, SystemTime::now()).expect("every provider here signs every body");
    let mut message = Message::post(signed.uri().path(), signed.body().clone());
    for (name, value) in signed.headers() {
        message.headers.push((name.to_string(), value.as_bytes().to_vec()));
    }
    message
}

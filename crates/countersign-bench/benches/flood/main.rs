//! The latency of valid requests during a flood of forged ones.
//!
//! An axum app behind the whole stack has one core. On the other core, a generator sends valid requests at a steady
//! rate. Each is timed from the moment at which it was due, so that no wait is left out.
//!
//! In every other turn a flood runs as well. Its forged requests are those that cost the server most: their signatures
//! are well formed, and only the hash of the whole body shows that they are wrong. Each connection sends the next
//! request as soon as the last one is answered. The flood's thread has a lower priority, so that the generator of valid
//! requests is not delayed.

#[path = "../axum/server.rs"]
#[expect(dead_code, reason = "the other benchmark uses the rest of it")]
mod server;

use std::{
    error::Error,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use countersign::{Signer, Timestamp, Verifier, providers};
use countersign_bench::{Mode, median};
use countersign_tower::Stack;
use server::{CORE, Server, pin};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream as AsyncStream,
    task::JoinSet,
};

const SECRET: &str = "a-secret-of-thirty-two-characters";

/// The size of a body in bytes.
const BODY: usize = 1024;

/// The number of connections that send forged requests.
const FORGERS: u32 = 16;

/// The time between two valid requests: 500 per second.
const PACE: Duration = Duration::from_millis(2);

/// The largest number of valid requests in a turn, which therefore takes at most about 4 s.
const VALID: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::from_args();
    let (rounds, valid) = if mode.rounds == 0 { (1, 10) } else { (mode.rounds.min(11), VALID) };
    if !mode.chooses("flood") {
        return Ok(());
    }
    let stack = Stack::builder("hooks", Verifier::new(providers::GITHUB, SECRET)?).build()?;
    let server = Server::start("server", server::plain().layer(stack))?;
    let mut next = 0;
    let mut turns = Vec::new();
    for _ in 0..rounds {
        let calm = percentiles(deliver(server.address(), valid, &mut next)?);
        let flood = Flood::start(server.address())?;
        let flooded = deliver(server.address(), valid, &mut next);
        let forged_per_second = flood.stop()?;
        turns.push((calm, percentiles(flooded?), forged_per_second));
    }
    if mode.rounds > 0 {
        report(&turns);
    }
    server.stop()
}

/// The median, the 99th percentile and the maximum, in microseconds.
type Percentiles = [f64; 3];

fn percentiles(mut times: Vec<Duration>) -> Percentiles {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    [at(50), at(99), at(100)]
}

fn report(turns: &[(Percentiles, Percentiles, f64)]) {
    let of = |pick: &dyn Fn(&(Percentiles, Percentiles, f64)) -> f64| median(turns.iter().map(pick));
    println!("\n### flood: {:.0} forged requests/s\n", of(&|turn| turn.2));
    println!("| latency of valid requests, µs | without | with | |\n|---|---:|---:|---:|");
    for (at, name) in ["median", "99th percentile", "maximum"].into_iter().enumerate() {
        let (calm, flooded) = (of(&|turn| turn.0[at]), of(&|turn| turn.1[at]));
        println!("| {name} | {calm:.0} | {flooded:.0} | × {:.2} |", of(&|turn| turn.1[at] / turn.0[at]));
    }
}

/// Sends valid requests at a steady rate, each a new event. Returns their latencies, from the moment at which each was
/// due.
fn deliver(server: SocketAddr, count: usize, next: &mut u64) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut requests = Vec::with_capacity(count);
    for _ in 0..count {
        requests.push(signed(*next, SECRET)?);
        *next += 1;
    }
    let thread = thread::spawn(move || {
        pin(CORE + 1);
        let mut stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let start = Instant::now() + PACE;
        let mut times = Vec::with_capacity(count);
        for (at, request) in (0..).zip(&requests) {
            let due = start + PACE * at;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            stream.write_all(request)?;
            read_answer(&mut stream)?;
            times.push(due.elapsed());
        }
        Ok::<_, io::Error>(times)
    });
    Ok(thread.join().map_err(|_| "the sender panicked")??)
}

fn read_answer(stream: &mut TcpStream) -> io::Result<()> {
    let (mut answer, mut len) = ([0; 1024], 0);
    while !answer[..len].ends_with(b"\r\n\r\n") {
        len += match stream.read(&mut answer[len..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other("a valid request was refused")) }
}

/// Sends forged requests at full speed until it is stopped.
struct Flood {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    started: Instant,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Flood {
    fn start(server: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let forged = signed(0, "the-secret-of-somebody-who-is-not-us")?;
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (ended, count) = (Arc::clone(&over), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            pin(CORE + 1);
            // On Linux, priorities are per thread. If this fails, the numbers are only worse.
            rustix::process::setpriority_process(None, 19).ok();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut forgers = JoinSet::new();
                for _ in 0..FORGERS {
                    forgers.spawn(forge(server, forged.clone(), Arc::clone(&ended), Arc::clone(&count)));
                }
                while let Some(forger) = forgers.join_next().await {
                    forger??;
                }
                Ok(())
            })
        });
        Ok(Self { over, sent, started: Instant::now(), thread })
    }

    /// The number of forged requests per second.
    fn stop(self) -> Result<f64, Box<dyn Error>> {
        self.over.store(true, Ordering::Relaxed);
        let took = self.started.elapsed();
        self.thread.join().map_err(|_| "a forger panicked")??;
        Ok(f64::from(self.sent.load(Ordering::Relaxed)) / took.as_secs_f64())
    }
}

async fn forge(server: SocketAddr, request: Bytes, over: Arc<AtomicBool>, sent: Arc<AtomicU32>) -> io::Result<()> {
    let mut stream = AsyncStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut answer = [0; 1024];
    while !over.load(Ordering::Relaxed) {
        stream.write_all(&request).await?;
        // An answer is short enough for one read.
        let len = stream.read(&mut answer).await?;
        if !answer[..len].starts_with(b"HTTP/1.1 401") {
            return Err(io::Error::other("a forged request was not refused"));
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// An event, as bytes.
fn signed(event: u64, secret: &str) -> Result<Bytes, Box<dyn Error>> {
    let body = format!("{{\"event\":{event},\"padding\":\"{}\"}}", " ".repeat(BODY));
    let unsigned = http::Request::post("/hooks")
        .header("host", "localhost")
        .header("user-agent", "Example-Hookshot/044aadd")
        .header("accept", "*/*")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Bytes::from(body))?;
    let signer = Signer::new(providers::GITHUB, secret)?;
    let (head, body) = signer.sign(unsigned, Timestamp::from_unix_seconds(0))?.into_parts();
    let mut bytes = b"POST /hooks HTTP/1.1\r\n".to_vec();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", &body[..]].concat());
    Ok(bytes.into())
}

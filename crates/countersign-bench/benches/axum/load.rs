//! A load generator that takes little CPU: it sends the same bytes again and again over persistent connections.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::server::{CORE, pin};

const CONNECTIONS: u32 = 32;

/// The limit of a run, however fast the server is.
const MOST_REQUESTS: u32 = 1_000_000;

pub(crate) struct Load {
    pub(crate) requests: u32,
    pub(crate) took: Duration,
}

/// Loads a server for about `slice`, on its own core.
pub(crate) fn run(server: SocketAddr, request: &Bytes, slice: Duration) -> Result<Load, Box<dyn Error>> {
    let request = request.clone();
    let thread = thread::spawn(move || {
        pin(CORE + 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load(server, request, slice))
    });
    Ok(thread.join().map_err(|_| "the load generator panicked")??)
}

async fn load(server: SocketAddr, request: Bytes, slice: Duration) -> io::Result<Load> {
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(converse(server, request.clone(), start + slice));
    }
    // If the load generator sleeps, the server pays for waking it. This keeps it awake.
    let awake = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let mut requests = 0;
    while let Some(sent) = connections.join_next().await {
        requests += sent??;
    }
    awake.abort();
    Ok(Load { requests, took: start.elapsed() })
}

/// Sends requests over one connection, each after the answer to the one before, and returns their number.
async fn converse(server: SocketAddr, request: Bytes, end: Instant) -> io::Result<u32> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&request).await?;
    // All answers have the same length: only their dates differ.
    let mut answer = vec![0; 1024];
    let len = stream.read(&mut answer).await?;
    answer.truncate(len);
    let mut sent = 1;
    while sent < MOST_REQUESTS / CONNECTIONS && Instant::now() < end {
        stream.write_all(&request).await?;
        stream.read_exact(&mut answer).await?;
        if !answer.starts_with(b"HTTP/1.1 200") || !answer.ends_with(b"\r\n\r\n") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
        sent += 1;
    }
    Ok(sent)
}

//! The receiver under audit, to which anything can be sent.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use http::Uri;

use crate::failure::Failure;

/// Where it listens.
pub(super) struct Receiver {
    addresses: Vec<SocketAddr>,
    /// For how long an answer is waited for.
    patience: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Answer(Answer),
    /// The connection was closed without an answer.
    Closed,
    /// There was no answer in time.
    Silence,
    /// It was not tried: the audit's time was over, or there was no connection.
    Nothing(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// All that came, up to a limit.
    pub(super) bytes: Vec<u8>,
    body: usize,
}

impl Answer {
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }
}

impl Receiver {
    /// The receiver at a URL, which must be on this machine, unless `own` names its host.
    pub(super) fn at(url: &Uri, own: Option<&str>, patience: Duration) -> Result<Self, Failure> {
        let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
            return Err(Failure::new(format!(
                "`{url}` is no URL to audit: expected one such as `http://localhost:3000/hooks`, which is without TLS, since \
                 most of what is sent no TLS library lets through its HTTP client"
            )));
        };
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (name, url.port_u16().unwrap_or(80)).to_socket_addrs();
        let addresses: Vec<_> = addresses.map_err(|error| Failure::new(format!("{host}: {error}")))?.collect();
        let is_here = |address: &SocketAddr| match address.ip() {
            IpAddr::V6(ip) => ip.to_canonical().is_loopback(),
            ip @ IpAddr::V4(_) => ip.is_loopback(),
        };
        if own != Some(host) && !addresses.iter().all(is_here) {
            return Err(Failure::new(format!(
                "{host} is not this machine: an audit attacks what it is pointed at. If the receiver is yours, say so with \
                 --i-own {host}"
            )));
        }
        Ok(Self { addresses, patience })
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Sends bytes and reads what is answered.
    pub(super) fn send(&self, bytes: &[u8]) -> Got {
        self.exchange(|stream| stream.write_all(bytes))
    }

    /// Sends bytes, ends the sending side, and reads what is answered.
    pub(super) fn send_and_end(&self, bytes: &[u8]) -> Got {
        self.exchange(|stream| stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write)))
    }

    /// Sends `head`, and then a byte a second for as long as there is patience.
    pub(super) fn drip(&self, head: &[u8]) -> Got {
        let end = Instant::now() + self.patience;
        self.exchange(|stream| {
            stream.write_all(head)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            while Instant::now() < end {
                stream.write_all(b"a")?;
                match stream.peek(&mut [0]) {
                    Err(error) if is_timeout(&error) => {}
                    _ => break,
                }
            }
            Ok(())
        })
    }

    /// Sends `head`, and then `piece` up to `times` times, as long as it is taken. Tells whether all was taken, too.
    pub(super) fn pour(&self, head: &[u8], piece: &[u8], times: usize) -> (Got, bool) {
        let mut taken = 0;
        let got = self.exchange(|stream| {
            stream.write_all(head)?;
            while taken < times {
                stream.write_all(piece)?;
                taken += 1;
            }
            Ok(())
        });
        (got, taken == times)
    }

    /// Sends bytes and counts the answers to them, until the connection ends or nothing comes for two seconds.
    pub(super) fn answers(&self, bytes: &[u8]) -> usize {
        let Ok(mut stream) = self.connect() else { return 0 };
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        let _ = stream.write_all(bytes).and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(2))));
        while let Ok(count @ 1..) = stream.read(&mut buffer)
            && received.len() < MAX_ANSWER
        {
            received.extend_from_slice(&buffer[..count]);
        }
        received.windows(9).filter(|window| window.starts_with(b"HTTP/1.1 ")).count()
    }

    fn exchange(&self, send: impl FnOnce(&mut TcpStream) -> io::Result<()>) -> Got {
        let mut stream = match self.connect() {
            Ok(stream) => stream,
            Err(error) => return Got::Nothing(format!("no connection: {error}")),
        };
        // A receiver may close the connection while more is sent; it may have answered first.
        let _ = send(&mut stream);
        self.read(&mut stream)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut problem = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, CONNECT_TIME) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(self.patience))?;
                    return Ok(stream);
                }
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Reads until the connection ends, which every request asks for.
    fn read(&self, stream: &mut TcpStream) -> Got {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        let end = Instant::now() + self.patience;
        let mut is_over = false;
        while bytes.len() < MAX_ANSWER && !is_whole(&bytes) {
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
            let _ = stream.set_read_timeout(Some(left));
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => break,
                _ => {
                    is_over = true;
                    break;
                }
            }
        }
        match answer(bytes) {
            Some(answer) => Got::Answer(answer),
            None if is_over => Got::Closed,
            None => Got::Silence,
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Whether the answer is there as a whole by its own length, so that the connection's end need not be waited for.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = end_of_head(bytes) else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    !head.starts_with("http/1.1 100") && length.is_some_and(|length| bytes.len() >= end.saturating_add(length))
}

fn answer(mut bytes: Vec<u8>) -> Option<Answer> {
    let mut body = end_of_head(&bytes)?;
    let status: u16 = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    if status == 100 {
        bytes.drain(..body);
        return answer(bytes);
    }
    body = body.min(bytes.len());
    bytes.starts_with(b"HTTP/1.").then_some(Answer { status, bytes, body })
}

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// In bytes. An answer to a webhook is short.
const MAX_ANSWER: usize = 64 * 1024;

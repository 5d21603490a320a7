//! Connections to the receiver under audit, with limits on time and requests.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use http::Uri;

use super::answer::{self, Answer, Got};
use crate::{cmd::send::without_user, failure::Failure};

/// The receiver's addresses, and how much may be sent to it.
pub(super) struct Receiver {
    addresses: Vec<SocketAddr>,
    limits: Limits,
    /// How many requests were sent, or refused for the limit.
    sent: AtomicUsize,
}

/// How long an audit may take, and how many requests it may send.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How long to wait for an answer.
    pub(super) patience: Duration,
    /// When the audit ends.
    pub(super) until: Instant,
    /// How many requests the audit may send.
    pub(super) requests: usize,
}

/// A request with a large body, which is never whole in memory.
pub(super) struct Poured {
    pub(super) head: Vec<u8>,
    pub(super) piece: Vec<u8>,
    /// How often the piece is sent.
    pub(super) times: usize,
    pub(super) end: &'static [u8],
}

impl Receiver {
    /// The receiver at a URL, which must be on this machine, unless `own` names its host.
    pub(super) fn at(url: &Uri, own: Option<&str>, limits: Limits) -> Result<Self, Failure> {
        let (Some("http"), Some(host)) = (url.scheme_str(), url.host()) else {
            return Err(Failure::new(format!(
                "`{}` cannot be audited: expected a URL such as `http://localhost:3000/hooks`. An audit sends malformed \
                 HTTP and does not support TLS: send it to the port behind your TLS proxy",
                without_user(url)
            )));
        };
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(Failure::new(
                "the URL has a user in it: give user and password as --header 'Authorization: Basic …' instead",
            ));
        }
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (name, url.port_u16().unwrap_or(80)).to_socket_addrs();
        let addresses: Vec<_> = addresses.map_err(|error| Failure::new(format!("{host}: {error}")))?.collect();
        let is_here = |address: &SocketAddr| match address.ip() {
            IpAddr::V6(ip) => ip.to_canonical().is_loopback(),
            ip @ IpAddr::V4(_) => ip.is_loopback(),
        };
        if addresses.iter().any(|address| address.ip().is_unspecified()) {
            return Err(Failure::new(format!(
                "{host} is an address to listen at, and not one to send to: try 127.0.0.1 or [::1]"
            )));
        }
        if own != Some(host) && !addresses.iter().all(is_here) {
            return Err(Failure::new(format!(
                "{host} is not this machine, and an audit attacks its target: if the receiver is yours, confirm it with \
                 --i-own {host}"
            )));
        }
        Ok(Self { addresses, limits, sent: AtomicUsize::new(0) })
    }

    pub(super) fn patience(&self) -> Duration {
        self.limits.patience
    }

    /// Sends bytes and reads what is answered.
    pub(super) fn send(&self, bytes: &[u8]) -> Got {
        self.exchange(self.limits.patience, |sending| sending.write_all(bytes))
    }

    /// Sends bytes, ends the sending side, and reads what is answered.
    pub(super) fn send_and_end(&self, bytes: &[u8]) -> Got {
        self.exchange(self.limits.patience, |sending| {
            sending.write_all(bytes)?;
            sending.stream.shutdown(Shutdown::Write)
        })
    }

    /// Sends `head`, and then a byte a second until the receiver answers or closes; `None` if it has done neither when
    /// patience is over.
    pub(super) fn drip(&self, head: &[u8]) -> Option<Got> {
        let stream = match self.open() {
            Ok(stream) => stream,
            Err(why) => return Some(Got::Nothing(why)),
        };
        let is_over =
            drip(&mut self.sending(&stream, self.limits.patience), head).is_err_and(|error| is_timeout(&error));
        let is_late = left(self.limits.until).is_err();
        if is_over && !is_late { None } else { Some(self.answer(&stream)) }
    }

    /// Sends a body while the receiver reads. Also returns whether all was read.
    pub(super) fn pour(&self, body: &Poured) -> (Got, bool) {
        let mut taken = 0;
        let got = self.exchange(POUR_TIMEOUT, |sending| {
            sending.write_all(&body.head)?;
            while taken < body.times {
                sending.write_all(&body.piece)?;
                taken += 1;
            }
            sending.write_all(body.end)
        });
        (got, taken == body.times)
    }

    /// Sends two requests at once and counts the answers; `None` if there is none and the connection stays open.
    pub(super) fn answers(&self, bytes: &[u8]) -> Option<usize> {
        self.begin(2).ok()?;
        let stream = self.connect().ok()?;
        let _ = self.sending(&stream, self.limits.patience).write_all(bytes);
        let (received, is_over) = self.read(&stream, |_| false);
        let count = answer::count(&received);
        (count > 0 || is_over).then_some(count)
    }

    fn exchange(&self, within: Duration, send: impl FnOnce(&mut Sending<'_>) -> io::Result<()>) -> Got {
        let stream = match self.open() {
            Ok(stream) => stream,
            Err(why) => return Got::Nothing(why),
        };
        // A receiver may close the connection while more is sent; it may have answered first.
        let _ = send(&mut self.sending(&stream, within));
        self.answer(&stream)
    }

    /// A connection for one request. The error says why there is none.
    fn open(&self) -> Result<TcpStream, String> {
        self.begin(1)?;
        self.connect().map_err(|error| format!("no connection: {error}"))
    }

    /// Reads what is answered.
    fn answer(&self, stream: &TcpStream) -> Got {
        let (bytes, is_over) = self.read(stream, answer::is_whole);
        match Answer::read(bytes) {
            Some(answer) => Got::Answer(answer),
            None if is_over => Got::Closed,
            None if left(self.limits.until).is_err() => Got::Nothing("out of time".to_owned()),
            None => Got::Silence,
        }
    }

    /// Counts requests before they are sent. The error says why they must not be.
    fn begin(&self, requests: usize) -> Result<(), String> {
        if left(self.limits.until).is_err() {
            return Err("out of time".to_owned());
        }
        let sent = self.sent.fetch_add(requests, Ordering::Relaxed);
        if sent + requests > self.limits.requests {
            return Err(format!("not sent: an audit ends after {} requests", self.limits.requests));
        }
        Ok(())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut problem = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, left(self.limits.until)?.min(CONNECT_TIME)) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn end(&self, within: Duration) -> Instant {
        self.limits.until.min(Instant::now() + within)
    }

    fn sending<'s>(&self, stream: &'s TcpStream, within: Duration) -> Sending<'s> {
        Sending { stream, end: self.end(within), patience: self.limits.patience }
    }

    /// Reads until `is_all`, the timeout, or the end of the connection. Also returns whether the connection ended.
    fn read(&self, mut stream: &TcpStream, is_all: impl Fn(&[u8]) -> bool) -> (Vec<u8>, bool) {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        let end = self.end(self.limits.patience);
        while bytes.len() < MAX_ANSWER && !is_all(&bytes) {
            let Ok(left) = left(end) else { break };
            let _ = stream.set_read_timeout(Some(left));
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => break,
                _ => return (bytes, true),
            }
        }
        (bytes, false)
    }
}

/// The sending side of a connection, with a deadline however slowly the receiver reads.
struct Sending<'s> {
    stream: &'s TcpStream,
    end: Instant,
    /// How long a single write may block.
    patience: Duration,
}

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.end)?.min(self.patience)))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Sends `head`, and then a byte a second until there is something to read. The error is a timeout when time is over.
fn drip(sending: &mut Sending<'_>, head: &[u8]) -> io::Result<()> {
    sending.write_all(head)?;
    loop {
        sending.write_all(b"a")?;
        sending.stream.set_read_timeout(Some(left(sending.end)?.min(Duration::from_secs(1))))?;
        match sending.stream.peek(&mut [0]) {
            Err(error) if is_timeout(&error) => {}
            _ => return Ok(()),
        }
    }
}

/// The time until `end`; an error if it has passed.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Long enough for a large body on a slow line. A receiver that reads nothing is given up earlier.
const POUR_TIMEOUT: Duration = Duration::from_secs(60);
/// In bytes. An answer to a webhook is short.
const MAX_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A receiver that handles each connection with `treat`, for an audit that ends in a second.
    fn receiver(treat: fn(TcpStream)) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        thread::spawn(move || listener.incoming().for_each(|stream| treat(stream.unwrap())));
        let until = Instant::now() + Duration::from_secs(1);
        let limits = Limits { patience: Duration::from_secs(60), until, requests: 2 };
        Receiver::at(&url, None, limits).unwrap_or_else(|_| panic!("{url}"))
    }

    fn reads_slowly(mut stream: TcpStream) {
        while stream.read(&mut [0; 1024]).is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers_slowly(mut stream: TcpStream) {
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn an_audit_ends_in_time_however_slow_the_receiver_is() {
        let start = Instant::now();
        let late = Got::Nothing("out of time".to_owned());
        let body = Poured { head: Vec::new(), piece: vec![0; 0x1000], times: 0x4000, end: b"" };
        assert_eq!(receiver(reads_slowly).pour(&body), (late.clone(), false));
        assert_eq!(receiver(reads_slowly).drip(b""), Some(late.clone()));
        assert_eq!(receiver(answers_slowly).send(b"x"), late);
        assert_eq!(receiver(answers_slowly).answers(b"x"), None);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn a_drip_ends_with_what_comes_while_it_drips() {
        fn gives_up_between_bytes(mut stream: TcpStream) {
            stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
            while stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {}
            let _ = stream.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n");
        }
        fn answers(mut stream: TcpStream) {
            let _ = stream.write_all(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        }
        let limits = |receiver: Receiver| Receiver {
            limits: Limits {
                patience: Duration::from_secs(3),
                until: Instant::now() + Duration::from_secs(60),
                requests: 1,
            },
            ..receiver
        };
        assert_eq!(limits(receiver(gives_up_between_bytes)).drip(b"x"), None);
        assert_eq!(limits(receiver(drop)).drip(b"x"), Some(Got::Closed));
        assert!(matches!(limits(receiver(answers)).drip(b"x"), Some(Got::Answer(answer)) if answer.status == 408));
    }

    #[test]
    fn an_audit_sends_no_more_requests_than_it_may() {
        let late = Got::Nothing("not sent: an audit ends after 2 requests".to_owned());
        let one_by_one = receiver(drop);
        let got = [(); 3].map(|()| one_by_one.send(b"x"));
        assert_eq!(got, [Got::Closed, Got::Closed, late.clone()]);
        let at_once = receiver(drop);
        assert_eq!((at_once.answers(b"xx"), at_once.send(b"x"), at_once.answers(b"xx")), (Some(0), late, None));
    }

    #[test]
    fn answers_are_counted_only_where_the_receiver_has_spoken() {
        let both = |mut stream: TcpStream| {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n");
        };
        assert_eq!(receiver(both).answers(b""), Some(2));
        assert_eq!(receiver(drop).answers(b""), Some(0));
        assert_eq!(receiver(reads_slowly).answers(b""), None);
    }
}

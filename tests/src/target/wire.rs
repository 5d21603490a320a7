//! HTTP requests and answers as bytes.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// A request that can be malformed in any way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The first line, without its end.
    pub line: String,
    /// The headers, `Content-Length` among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// A request with a length and a host.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = [("host", "localhost".to_owned()), ("content-length", body.len().to_string())];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        Self { line: format!("POST {path} HTTP/1.1"), headers, body }
    }

    /// The request with another first line.
    #[must_use]
    pub fn with_line(mut self, line: impl Into<String>) -> Self {
        self.line = line.into();
        self
    }

    /// The request with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The request without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(is, _)| !is.eq_ignore_ascii_case(name));
        self
    }

    /// The request with another value of a header.
    #[must_use]
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    /// The request with a chunked body and these trailers.
    #[must_use]
    pub fn chunked(self, trailers: &str) -> Self {
        let mut body = Vec::new();
        for chunk in self.body.chunks(7) {
            body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(format!("0\r\n{trailers}\r\n").into_bytes());
        Self { body, ..self.without("content-length").with("transfer-encoding", "chunked") }
    }

    /// The value of a header.
    ///
    /// # Panics
    ///
    /// If there is none, or it is no text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        std::str::from_utf8(value.expect("the header is there")).expect("it is text")
    }

    /// The head alone.
    pub fn head(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    /// The whole request.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The lines of the head, in lower case.
    pub head: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A connection with a timeout of 30 s.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If the server does not listen.
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("the time is not zero");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("the time is not zero");
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream, received: Vec::new() }
    }

    /// Writes as much as the server reads, which may have closed the connection. Returns whether it read everything.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends the sending side.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The stream itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The next answer. `None` if the connection ends first.
    ///
    /// # Panics
    ///
    /// If what comes is no answer, or none comes and the connection does not end either.
    pub fn answer(&mut self) -> Option<Answer> {
        // An interim answer only says to go on.
        self.any_answer().and_then(|answer| if answer.status == 100 { self.answer() } else { Some(answer) })
    }

    fn any_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.received) {
                self.received.drain(..length);
                return Some(answer);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Waits for the first answer, and calls `then` if it is `100 Continue`. Returns whether it was, and the status.
    pub fn interim(&mut self, then: impl FnOnce(&mut Self) -> bool) -> (bool, u16) {
        let first = self.any_answer().map_or(0, |answer| answer.status);
        if first != 100 {
            return (false, first);
        }
        then(self);
        (true, self.answer().map_or(0, |answer| answer.status))
    }

    /// All answers until the server closes the connection.
    pub fn answers(&mut self) -> Vec<Answer> {
        std::iter::from_fn(|| self.answer()).collect()
    }

    /// Whether the server closes the connection without an answer.
    pub fn is_closed(&mut self) -> bool {
        self.answer().is_none()
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the server neither answers nor closes the connection")
            }
            // It was reset.
            Err(_) => false,
        }
    }
}

/// The first answer in these bytes and its length, if it is complete.
fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head: Vec<String> = String::from_utf8_lossy(&bytes[..end]).trim_end().lines().map(str::to_lowercase).collect();
    let status = head[0].split(' ').nth(1).expect("an answer has a status").parse().expect("it is a number");
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("it is a number"));
    let body = bytes.get(end..end + length)?.to_vec();
    Some((Answer { status, head, body }, end + length))
}

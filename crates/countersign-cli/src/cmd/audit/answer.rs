//! The answer of the receiver, parsed from the bytes.

/// What came back from the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Answer(Answer),
    /// The connection was closed without an answer.
    Closed,
    /// There was no answer in time.
    Silence,
    /// Nothing was sent, for this reason: the audit's time or requests were used up, or there was no connection.
    Nothing(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// All bytes that came, up to a limit.
    pub(super) bytes: Vec<u8>,
    body: usize,
}

impl Answer {
    /// Parses an answer; `None` if the bytes are not one.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<Self> {
        let body = end_of_head(&bytes)?;
        let status: u16 = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
        // RFC 9110 section 15.2: any number of interim answers may come before the final one.
        if matches!(status, 100 | 102..=199) {
            bytes.drain(..body);
            return Self::read(bytes);
        }
        bytes.starts_with(b"HTTP/1.").then_some(Self { status, bytes, body })
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }
}

/// Whether the answer is complete by its own length, so that the connection's end need not be waited for.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    end(bytes).is_some()
}

/// How many final answers there are. What stands in the body of one is not another.
pub(super) fn count(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(head) = end_of_head(bytes).filter(|_| bytes.starts_with(b"HTTP/1.")) {
        let is_final = !matches!(bytes[..head].get(9..12), Some(b"100" | b"102" | b"103"));
        count += usize::from(is_final);
        // If there is no length, all the rest is the body, unless it looks like an answer.
        bytes = &bytes[end(bytes).filter(|_| is_final).unwrap_or(head)..];
    }
    count
}

/// The end of the first final answer; `None` if it is not there yet, or if the connection's end is its end.
fn end(bytes: &[u8]) -> Option<usize> {
    let head = end_of_head(bytes)?;
    let (text, rest) = (String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase(), &bytes[head..]);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let length = match text.get(9..12)? {
        // RFC 9112 section 6.3: these have no body.
        "101" | "204" | "304" => 0,
        status if status.starts_with('1') => end(rest)?,
        _ if field("transfer-encoding").is_some() => end_of_chunks(rest)?,
        _ => field("content-length")?.parse().ok()?,
    };
    head.checked_add(length).filter(|end| *end <= bytes.len())
}

/// The end of the chunks and the trailer behind them.
fn end_of_chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = end_of_line(bytes.get(at..)?)?;
        let digits: String = bytes[at..at + line].iter().map(|byte| char::from(*byte)).collect();
        let size = usize::from_str_radix(digits.split([';', '\r']).next()?.trim(), 16).ok()?;
        if size == 0 {
            // The trailer ends like a head, and the line of the last chunk may be all of it.
            return end_of_head(&bytes[at + line - 2..]).map(|end| at + line - 2 + end);
        }
        at = at.checked_add(line)?.checked_add(size)?.checked_add(2)?;
    }
}

fn end_of_line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|two| two == b"\r\n").map(|at| at + 2)
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
impl Got {
    /// An answer with this status and nothing else.
    pub(super) fn status(status: u16) -> Self {
        Self::Answer(Answer { status, bytes: Vec::new(), body: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_own_end() {
        for whole in [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;x=1\r\n0\r\n\r\n45678\r\n0\r\nt: 1\r\n\r\n",
        ] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
            let cut = (0..whole.len()).find(|end| is_whole(&whole.as_bytes()[..*end]));
            assert_eq!(cut, None, "{whole}");
        }
        for endless in [
            "HTTP/1.1 200 OK\r\n\r\nok",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n\r\n",
        ] {
            assert!(!is_whole(endless.as_bytes()), "{endless}");
        }
    }

    #[test]
    fn the_body_of_an_answer_is_no_other_answer() {
        let text = "HTTP/1.1 only\r\n\r\n";
        let head = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n", text.len());
        assert_eq!(count(format!("{head}{text}").as_bytes()), 1);
        assert_eq!(count(format!("{head}{text}{head}").as_bytes()), 2);
        assert_eq!(count(format!("HTTP/1.1 400 Bad Request\r\n\r\nsee {text}").as_bytes()), 1);
        assert_eq!(count(b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n"), 2);
        assert_eq!(count(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), 1);
        assert_eq!(count(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok"), 1);
        assert_eq!((count(b""), count(b"SSH-2.0\r\n\r\n")), (0, 0));
    }
}

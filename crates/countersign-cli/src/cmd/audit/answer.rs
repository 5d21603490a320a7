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
    let Some(end) = end_of_head(bytes) else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    !head.starts_with("http/1.1 1") && length.is_some_and(|length| bytes.len() >= end.saturating_add(length))
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

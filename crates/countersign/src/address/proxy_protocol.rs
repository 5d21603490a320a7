//! The PROXY protocol, versions 1 and 2: the header that a proxy sends at the start of a connection.
//!
//! See <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>. Accept it from trusted proxies only, because
//! anybody can send one. From a trusted proxy, require it: without it, a stranger's connection would count as the
//! proxy's own.
//!
//! ```
//! use countersign::address::proxy_protocol::{Header, Progress, parse};
//!
//! assert_eq!(parse(b"PROXY TCP4 203.0.113.7"), Ok(Progress::Needs(10)));
//!
//! let received = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nPOST /hooks HTTP/1.1\r\n";
//! let Ok(Progress::Done { length, header: Header::Proxied { source, .. } }) = parse(received) else { panic!() };
//! assert_eq!(source.to_string(), "203.0.113.7:56324");
//! assert!(received[length..].starts_with(b"POST "));
//! ```

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// What a header says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header {
    /// The proxy's own connection, as for a health check.
    Local,
    /// A client's connection.
    Proxied {
        /// The client. An IPv4-mapped IPv6 address is given as the IPv4 address.
        source: SocketAddr,
        /// The address that the client connected to.
        destination: SocketAddr,
    },
    /// A client's connection, without the client's address.
    Unknown,
}

/// How much of a header has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The header is complete.
    Done {
        /// Its length in bytes. The bytes after it belong to the connection.
        length: usize,
        /// What it says.
        header: Header,
    },
    /// The header has at least this many more bytes, never 0. A caller that reads no more than these does not read past
    /// the header.
    Needs(usize),
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// They do not begin like a header.
    NotProxy,
    /// A part of it is malformed.
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// It is longer than [`MAX_LENGTH`].
    TooLong,
}

/// The longest header that is read, in bytes, including the extensions of version 2. 52 bytes are needed, and a few
/// hundred more if a proxy reports TLS. A client's certificate would not fit.
pub const MAX_LENGTH: usize = 4096;

const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part of version 2: signature, version and command, family, length of the rest.
const V2_FIXED: usize = 16;

/// Section 2.1, including the line end.
const V1_LONGEST: usize = 107;

/// `PROXY UNKNOWN` and the line end.
const V1_SHORTEST: usize = 15;

/// Parses the header at the beginning of the bytes received so far.
///
/// # Errors
///
/// If these bytes do not begin a header, at the latest when a header would be complete. The connection cannot be used
/// then.
pub fn parse(received: &[u8]) -> Result<Progress, HeaderError> {
    if received.is_empty() {
        // Every header of version 2 is longer than this.
        Ok(Progress::Needs(V1_SHORTEST))
    } else if begins(received, V2) {
        v2(received)
    } else if begins(received, b"PROXY ") {
        v1(received)
    } else {
        Err(HeaderError::NotProxy)
    }
}

/// Whether `received` begins with `start`, or is a beginning of it.
fn begins(received: &[u8], start: &[u8]) -> bool {
    received.iter().zip(start).all(|(a, b)| a == b)
}

fn v1(received: &[u8]) -> Result<Progress, HeaderError> {
    let head = &received[..received.len().min(V1_LONGEST)];
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return v1_needs(head);
    };
    let line = head[..end].strip_suffix(b"\r").ok_or(malformed("a line that ends in CR LF"))?;
    Ok(Progress::Done { length: end + 1, header: v1_line(line)? })
}

fn v1_needs(head: &[u8]) -> Result<Progress, HeaderError> {
    if head.len() == V1_LONGEST {
        return Err(malformed("a line of up to 107 bytes"));
    }
    let shortest = match () {
        () if head.starts_with(b"PROXY TCP4") => "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n".len(),
        () if head.starts_with(b"PROXY TCP6") => "PROXY TCP6 :: :: 0 0\r\n".len(),
        () => V1_SHORTEST,
    };
    let line_end = if head.ends_with(b"\r") { 1 } else { 2 };
    Ok(Progress::Needs(shortest.saturating_sub(head.len()).max(line_end)))
}

fn v1_line(line: &[u8]) -> Result<Header, HeaderError> {
    const EXPECTED: HeaderError = malformed("`PROXY TCP4`, two addresses and two ports, or `PROXY UNKNOWN`");
    // Section 2.1: the rest of the line after `UNKNOWN` must be ignored.
    if let Some(b"" | [b' ', ..]) = line.strip_prefix(b"PROXY UNKNOWN") {
        return Ok(Header::Unknown);
    }
    let text = std::str::from_utf8(line).map_err(|_| EXPECTED)?;
    let mut words = text.split(' ').skip(1);
    let mut word = || words.next().ok_or(EXPECTED);
    let (family, source, destination) = (word()?, word()?, word()?);
    let (source_port, destination_port) = (word()?, word()?);
    if words.next().is_some() {
        return Err(EXPECTED);
    }
    let address = |text: &str| match family {
        // The standard library refuses leading zeros.
        "TCP4" => text.parse().map(IpAddr::V4).map_err(|_| malformed("an IPv4 address")),
        "TCP6" => text.parse().map(IpAddr::V6).map_err(|_| malformed("an IPv6 address")),
        _ => Err(malformed("`TCP4`, `TCP6` or `UNKNOWN`")),
    };
    Ok(proxied((address(source)?, port(source_port)?), (address(destination)?, port(destination_port)?)))
}

/// Digits only, without leading zeros.
fn port(text: &str) -> Result<u16, HeaderError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or(malformed("a port"))
}

fn v2(received: &[u8]) -> Result<Progress, HeaderError> {
    if received.get(12).is_some_and(|byte| !matches!(byte, 0x20 | 0x21)) {
        return Err(malformed("version 2 with the command LOCAL or PROXY"));
    }
    let &[.., command, family, high, low] = received.get(..V2_FIXED).unwrap_or_default() else {
        return Ok(Progress::Needs(V2_FIXED - received.len()));
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_LENGTH {
        return Err(HeaderError::TooLong);
    }
    let Some(rest) = received.get(V2_FIXED..length) else {
        return Ok(Progress::Needs(length - received.len()));
    };
    // Section 2.2: with LOCAL, the family and the rest must be ignored.
    let header = if command == 0x20 { Header::Local } else { v2_addresses(family, rest)? };
    Ok(Progress::Done { length, header })
}

/// The addresses. The TLVs after them (section 2.2.1) are skipped.
fn v2_addresses(family: u8, rest: &[u8]) -> Result<Header, HeaderError> {
    match family {
        0x00 => Ok(Header::Unknown),
        0x11 => {
            let (source, destination, ports) = split::<4>(rest)?;
            Ok(proxied((Ipv4Addr::from(source).into(), ports.0), (Ipv4Addr::from(destination).into(), ports.1)))
        }
        0x21 => {
            let (source, destination, ports) = split::<16>(rest)?;
            Ok(proxied((Ipv6Addr::from(source).into(), ports.0), (Ipv6Addr::from(destination).into(), ports.1)))
        }
        _ => Err(malformed("TCP over IPv4 or IPv6")),
    }
}

type Addresses<const N: usize> = ([u8; N], [u8; N], (u16, u16));

fn split<const N: usize>(rest: &[u8]) -> Result<Addresses<N>, HeaderError> {
    const TOO_SHORT: HeaderError = malformed("two addresses and two ports");
    let (source, rest) = rest.split_first_chunk().ok_or(TOO_SHORT)?;
    let (destination, rest) = rest.split_first_chunk().ok_or(TOO_SHORT)?;
    let (&[a, b, c, d], _) = rest.split_first_chunk().ok_or(TOO_SHORT)?;
    Ok((*source, *destination, (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))))
}

fn proxied(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Header {
    let socket = |(address, port): (IpAddr, u16)| SocketAddr::new(address.to_canonical(), port);
    Header::Proxied { source: socket(source), destination: socket(destination) }
}

const fn malformed(expected: &'static str) -> HeaderError {
    HeaderError::Malformed { expected }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProxy => f.write_str("the connection does not begin with a PROXY header"),
            Self::Malformed { expected } => write!(f, "the PROXY header is malformed: expected {expected}"),
            Self::TooLong => write!(f, "the PROXY header is longer than {MAX_LENGTH} bytes"),
        }
    }
}

impl std::error::Error for HeaderError {}

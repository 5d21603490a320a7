//! Parses a request as it was on the wire (RFC 9112). Headers and body stay unchanged, byte for byte.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

/// What to do with a body that does not have the announced length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Refuse the request.
    MustFit,
    /// Take the body as it is: a wrong length may be the mistake to explain.
    MayDiffer,
}

/// Why the bytes are not a request, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRequest {
    line: Option<usize>,
    problem: String,
}

impl fmt::Display for NoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

/// Reads a request: its first line, headers, an empty line, and the body, which is all that follows.
///
/// Lines of the head end with CRLF or LF. A `Content-Length` must fit the body, unless `length` allows another. The
/// chunks of a chunked body are joined.
pub(crate) fn parse(bytes: &[u8], length: Length) -> Result<(Parts, Bytes), NoRequest> {
    let mut lines = Lines { rest: bytes, line: 0 };
    let first = lines.next().ok_or_else(|| whole(if bytes.is_empty() { "the request is empty" } else { NO_LINE }))?;
    let (method, uri) = first_line(first).ok_or_else(|| lines.wrong(FIRST_LINE))?;
    let mut headers = HeaderMap::new();
    loop {
        match lines.next() {
            None => return Err(whole("the head has no end: expected an empty line after the headers")),
            Some(b"") => break,
            Some(line) => {
                let (name, value) = header_line(line).map_err(|problem| lines.wrong(problem))?;
                headers.try_append(name, value).map_err(|_| lines.wrong("there are too many headers"))?;
            }
        }
    }
    let body = body(&headers, lines, length)?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok((request.into_parts().0, body))
}

const FIRST_LINE: &str = "expected `METHOD /path HTTP/1.1`, also for a request that came by another version of HTTP";

const NO_LINE: &str = "line 1 has no end: expected `METHOD /path HTTP/1.1`, the headers, an empty line and the body, as \
                       on the wire (`countersign verify --help` lists the other formats)";

/// The lines of the head or of a chunked body, without their ends.
struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    /// The next line; `None` if no line end follows.
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        self.line += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn wrong(&self, problem: impl Into<String>) -> NoRequest {
        NoRequest { line: Some(self.line), problem: problem.into() }
    }
}

fn whole(problem: impl Into<String>) -> NoRequest {
    NoRequest { line: None, problem: problem.into() }
}

fn first_line(line: &[u8]) -> Option<(Method, Uri)> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return None;
    }
    Some((Method::from_bytes(method).ok()?, Uri::try_from(target).ok()?))
}

fn header_line(line: &[u8]) -> Result<(HeaderName, HeaderValue), &'static str> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err("a header must not continue on the next line: write it on one line");
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or("expected `Name: value`, or an empty line")?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| "this is not a valid header name")?;
    let value =
        HeaderValue::from_bytes(trim(&line[colon + 1..])).map_err(|_| "a header has a byte that no header may have")?;
    Ok((name, value))
}

/// Removes spaces and tabs at both ends. Other white space belongs to the value.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn body(headers: &HeaderMap, lines: Lines<'_>, length: Length) -> Result<Bytes, NoRequest> {
    let lengths: Vec<&HeaderValue> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    let codings: Vec<&HeaderValue> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    match (&*lengths, &*codings) {
        ([], []) => Ok(Bytes::copy_from_slice(lines.rest)),
        ([], [coding]) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => dechunk(lines),
        ([], _) => Err(whole("the only Transfer-Encoding that can be read is `chunked`")),
        (_, []) if length == Length::MayDiffer => Ok(Bytes::copy_from_slice(lines.rest)),
        (_, []) => sized(&lengths, lines.rest),
        _ => Err(whole("the request has both Content-Length and Transfer-Encoding: keep the right one")),
    }
}

fn sized(lengths: &[&HeaderValue], rest: &[u8]) -> Result<Bytes, NoRequest> {
    for length in lengths {
        let digits = length.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        let length: usize = digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| whole("the Content-Length is not one decimal number"))?;
        if length != rest.len() {
            let added = rest.len() == length + 1 && rest.ends_with(b"\n");
            let hint = if added { ", the last a newline that an editor may have added" } else { "" };
            return Err(whole(format!(
                "Content-Length says {length} bytes, but {} follow the empty line{hint}: give the request as it was sent",
                rest.len()
            )));
        }
    }
    Ok(Bytes::copy_from_slice(rest))
}

/// Joins the chunks (RFC 9112 section 7.1). Trailers are ignored: no scheme signs them.
fn dechunk(mut lines: Lines<'_>) -> Result<Bytes, NoRequest> {
    let mut body = Vec::new();
    let ended = || whole("the chunked body ends early: expected a chunk of length 0 and an empty line");
    loop {
        let size = lines.next().ok_or_else(ended)?;
        let size = chunk_size(size).ok_or_else(|| whole("a chunk does not begin with its length in hex"))?;
        if size == 0 {
            while !lines.next().ok_or_else(ended)?.is_empty() {}
            break;
        }
        let (chunk, rest) = lines.rest.split_at_checked(size).ok_or_else(ended)?;
        body.extend_from_slice(chunk);
        lines.rest = rest;
        if lines.next() != Some(b"") {
            return Err(whole("a chunk is not as long as it says"));
        }
    }
    if lines.rest.is_empty() {
        Ok(body.into())
    } else {
        Err(whole("there are bytes after the end of the chunked body"))
    }
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|byte| *byte == b';').next().map(trim)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{Length, NoRequest};

    fn parse(bytes: &[u8]) -> Result<(http::request::Parts, bytes::Bytes), NoRequest> {
        super::parse(bytes, Length::MustFit)
    }

    fn error(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_body_is_every_byte_behind_the_empty_line() {
        let (parts, body) = parse(b"POST /in?x=1 HTTP/1.1\r\nA: b \nA:\xff\r\n\r\n\0\xff\r\n\r\n").unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.to_string()), ("POST", "/in?x=1".to_owned()));
        assert_eq!(
            parts.headers.get_all("a").iter().map(HeaderValue::as_bytes).collect::<Vec<_>>(),
            [&b"b"[..], b"\xff"]
        );
        assert_eq!(&*body, b"\0\xff\r\n\r\n");
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let whole = [&head[..], b"3;x=y\r\na\nb\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"].concat();
        assert_eq!(&*parse(&whole).unwrap().1, b"a\nb0123456789");
        for broken in
            ["3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc\r\n", "-1\r\n", "ffffffffffffffff\r\na", "0\r\n\r\nmore", "0\r\n"]
        {
            assert!(parse(&[head, broken.as_bytes()].concat()).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_wrong_length_names_both_numbers() {
        assert!(error("POST / HTTP/1.1\nContent-Length: 2\n\nabc").contains("says 2 bytes, but 3 follow"));
        assert!(error("POST / HTTP/1.1\nContent-Length: 3\n\nabc\n").contains("an editor may have added"));
        assert!(error("POST / HTTP/1.1\nContent-Length: +3\n\nabc").contains("decimal"));
        assert!(error("POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: chunked\n\nabc").contains("both"));
    }

    #[test]
    fn a_wrong_head_names_the_line() {
        assert_eq!(error(""), "the request is empty");
        assert!(error("GET /\n\n").starts_with("line 1: "));
        assert!(error("POST / HTTP/1.1\nA: b\n c\n\n").starts_with("line 3: "));
        assert!(error("POST / HTTP/1.1\nA b\n\n").starts_with("line 2: "));
        assert!(error("POST / HTTP/1.1\nA : b\n\n").starts_with("line 2: "));
        assert!(error("POST / HTTP/1.1\nA: b\n").contains("no end"));
    }
}

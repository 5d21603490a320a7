//! What the targets share: how raw bytes become requests.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

/// The endpoint that a byte chooses, and the rest of the data.
pub fn choose<'e, 'd, T>(items: &'e [T], data: &'d [u8]) -> Option<(&'e T, &'d [u8])> {
    let (&first, rest) = data.split_first()?;
    Some((items.get(usize::from(first) % items.len())?, rest))
}

/// Reads a request as text: request line, header lines, an empty line, the body. Lines that no server would hand on are
/// left out, so that every input is some request.
pub fn request(data: &[u8]) -> Request<Bytes> {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &b""[..]),
    };
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::POST;
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    if let Some(method) = first.next().and_then(|method| Method::from_bytes(method).ok()) {
        *request.method_mut() = method;
    }
    if let Some(uri) = first.next().and_then(|uri| Uri::try_from(uri).ok()) {
        *request.uri_mut() = uri;
    }
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    request
}

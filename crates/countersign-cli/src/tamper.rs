//! Tampers with deliveries, as a man in the middle might.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};

/// The body with one letter or digit changed, so that JSON stays JSON.
pub(crate) fn body(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    match bytes.iter().rposition(u8::is_ascii_alphanumeric) {
        Some(at) => bytes[at] = other(bytes[at]),
        None => bytes.push(b'0'),
    }
    bytes.into()
}

/// Changes one character near the end of a header, where the tag is, but before the padding of base64. If the request
/// still verifies because there is another tag, it changes one more character farther in front, and so on.
pub(crate) fn header(request: &mut Request<Bytes>, name: &HeaderName, is_right: impl Fn(&Request<Bytes>) -> bool) {
    let Some(value) = request.headers().get(name) else { return };
    let mut bytes = value.as_bytes().to_vec();
    for end in (1..=bytes.len().saturating_sub(9).max(1)).rev().step_by(SHORTEST_TAG) {
        let front = &bytes[..end.min(bytes.len())];
        let letter = front.iter().rposition(u8::is_ascii_alphanumeric).or(front.len().checked_sub(1));
        let Some(at) = letter else { return };
        bytes[at] = other(bytes[at]);
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            request.headers_mut().insert(name, value);
        }
        if !is_right(request) {
            return;
        }
    }
}

/// No tag has fewer characters: the 16 bytes of MD5 in base64.
const SHORTEST_TAG: usize = 22;

/// A different character that is valid in hex and in base64.
fn other(byte: u8) -> u8 {
    if byte == b'1' { b'2' } else { b'1' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_body_is_as_long_and_another() {
        assert_eq!(body(&Bytes::from_static(b"{\"a\":1}")), "{\"a\":2}");
        assert_eq!(body(&Bytes::new()), "0");
    }

    #[test]
    fn a_tampered_header_is_another_whatever_it_is_made_of() {
        let name = HeaderName::from_static("x-sig");
        for value in ["a", "s3cr3t-for-webhooks1", "----------------", "ab+/ab+/ab+/ab+/ab+/ab+/ab=="] {
            let mut request = Request::new(Bytes::new());
            request.headers_mut().insert(&name, value.parse().unwrap());
            header(&mut request, &name, |_| false);
            let got = request.headers()[&name].to_str().unwrap();
            assert!(got != value && got.len() == value.len(), "{got}");
        }
    }
}

//! A request as it is on the wire, for both verifiers.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::json;

/// A request, its endpoint, and the time of its arrival.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The receiver's clock, in milliseconds since 1970.
    pub(crate) now: i64,
    /// The endpoint's secrets, as indices into the sender's list.
    pub(crate) keys: Vec<usize>,
    pub(crate) method: &'static str,
    /// Scheme and authority of the public URL.
    pub(crate) origin: &'static str,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// The message to a judge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    Sign { timestamp: i64, id: &'a str },
    Verify,
}

impl Request {
    /// The request for our verifier. `None` if no HTTP server would pass on such a head.
    pub(crate) fn to_http(&self) -> Option<http::Request<Bytes>> {
        let mut request = http::Request::builder().method(self.method).uri(&self.target);
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request = request.header(name, HeaderValue::from_bytes(value).ok()?);
        }
        request.body(Bytes::copy_from_slice(&self.body)).ok()
    }

    /// The request for a judge: see `judge/main.mjs`.
    pub(crate) fn to_frame(&self, secrets: &[&str], question: Question<'_>) -> Vec<u8> {
        let latin1 = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([name, latin1(value)])).collect();
        let mut head = json!({
            "op": "verify",
            "now": self.now,
            "secrets": secrets,
            "method": self.method,
            "url": format!("{}{}", self.origin, self.target),
            "headers": headers,
        });
        if let Question::Sign { timestamp, id } = question {
            head["op"] = "sign".into();
            head["timestamp"] = timestamp.into();
            head["id"] = id.into();
        }
        let head = head.to_string();
        let length =
            |bytes: &[u8]| u32::try_from(bytes.len()).expect("a request of this size is not made").to_le_bytes();
        [&length(head.as_bytes())[..], &length(&self.body), head.as_bytes(), &self.body].concat()
    }

    /// The size of the request as an example.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.target.len() + self.body.len()
    }

    /// The request as text on a few lines, long ones cut.
    pub(crate) fn print(&self) -> String {
        let clip = |bytes: &[u8]| {
            let text = bytes.escape_ascii().to_string();
            if text.len() > 180 { format!("{}… ({} bytes)", &text[..180], bytes.len()) } else { text }
        };
        let mut text = format!("now {} ms, keys {:?}\n", self.now, self.keys);
        let _ = writeln!(text, "{} {}{}", self.method, self.origin, clip(self.target.as_bytes()));
        for (name, value) in &self.headers {
            let _ = writeln!(text, "{name}: {}", clip(value));
        }
        let _ = write!(text, "\n{}", clip(&self.body));
        text
    }
}

//! One mistake of each kind: the exact mistakes that `explain` finds, and their messages.

mod bodies;
mod headers;
mod schemes;
mod secrets;
mod times;
mod urls;
mod words;

use bytes::Bytes;
use countersign::{Certainty, Explanation, HeaderMistake, Mistake, Scheme, SecretMistake, Setup, Signer, Timestamp};
use http::{HeaderMap, HeaderName, Request};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) const NOW: i64 = 1_767_225_600;

/// A scheme that signs a time, an order number and the body.
pub(crate) const ORDERS: &str = r#"
name = "Acme"
[signature]
algorithm = "hmac-sha256"
header = "Acme-Signature"
value = "v1={hex}"
signs = "{timestamp}.{header:Acme-Order}.{body}"
[timestamp]
header = "Acme-Time"
format = "seconds"
tolerance = "5m"
"#;

pub(crate) fn own(file: &str) -> Scheme {
    Scheme::from_toml("acme", file).unwrap()
}

/// A scheme that signs a time in a format.
pub(crate) fn timed(format: &str, signs: &str) -> Scheme {
    own(&timed_file(format, signs))
}

pub(crate) fn timed_file(format: &str, signs: &str) -> String {
    format!(
        "name = 'Acme'\n[signature]\nalgorithm = 'hmac-sha256'\nheader = 'Acme-Signature'\nvalue = '{{hex}}'\n\
         signs = '{signs}'\n[timestamp]\nheader = 'Acme-Time'\nformat = '{format}'\ntolerance = '5m'\n"
    )
}

/// A scheme that signs these parts, without a time.
pub(crate) fn timeless(algorithm: &str, signs: &str) -> Scheme {
    own(&format!(
        "name = 'Acme'\n[signature]\nalgorithm = '{algorithm}'\nheader = 'Acme-Signature'\nvalue = '{{hex}}'\n\
         signs = \"{signs}\"\n"
    ))
}

pub(crate) fn order(body: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::post("/in").header("content-type", "application/json").header("acme-order", "17");
    request.header("acme-id", "evt-1").body(body.into()).unwrap()
}

pub(crate) fn sign(scheme: &Scheme, request: Request<Bytes>, at: Timestamp) -> Request<Bytes> {
    Signer::new(scheme, SECRET).unwrap().sign(request, at).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

pub(crate) fn setup(scheme: &Scheme) -> Setup {
    Setup::new(scheme).unwrap().secret("endpoint", SECRET)
}

pub(crate) fn with_another_secret(scheme: &Scheme) -> Setup {
    Setup::new(scheme).unwrap().secret("endpoint", "another secret of this test, altogether")
}

pub(crate) fn explain(setup: &Setup, request: &Request<Bytes>, now: Timestamp) -> Explanation {
    countersign::explain(setup, request, request.body(), now)
}

pub(crate) fn mistakes(explanation: &Explanation, certainty: Certainty) -> Vec<Mistake> {
    let causes = explanation.causes().iter().filter(|cause| cause.certainty() == certainty);
    causes.map(|cause| cause.mistake().clone()).collect()
}

pub(crate) fn proven(setup: &Setup, request: &Request<Bytes>) -> Vec<Mistake> {
    mistakes(&explain(setup, request, now()), Certainty::Proven)
}

pub(crate) fn indicated(setup: &Setup, request: &Request<Bytes>) -> Vec<Mistake> {
    let explanation = explain(setup, request, now());
    assert_eq!(mistakes(&explanation, Certainty::Proven), []);
    mistakes(&explanation, Certainty::Indicated)
}

pub(crate) fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// Removes a header and returns its value.
pub(crate) fn taken(headers: &mut HeaderMap, header: &str) -> String {
    headers.remove(header).unwrap().to_str().unwrap().to_owned()
}

pub(crate) fn rename(headers: &mut HeaderMap, from: &'static str, to: &'static str) {
    let value = headers.remove(from).unwrap();
    headers.insert(to, value);
}

pub(crate) fn renamed(expected: &'static str, found: &'static str) -> Mistake {
    Mistake::Header(HeaderMistake::Renamed { expected: name(expected), found: name(found) })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

pub(crate) fn of_secret(key: &str, mistake: SecretMistake) -> Mistake {
    Mistake::Secret { key: key.into(), mistake }
}

/// The mistakes that a log line indicates.
pub(crate) fn logged(code: &str, reason: &str) -> Vec<Mistake> {
    mistakes(&Explanation::of_log(code, reason).unwrap(), Certainty::Indicated)
}

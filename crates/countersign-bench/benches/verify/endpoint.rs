//! Requests of four providers, and the bytes that they sign.

use std::error::Error;

use bytes::Bytes;
use countersign::{Signer, Timestamp, providers, providers::Provider};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, request::Parts};
use sha2::Sha256;

/// A provider, a secret, and the provider's signed content.
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) provider: Provider,
    pub(crate) secret: &'static str,
    key: &'static [u8],
    signature: &'static str,
    /// The signed content in front of the body, for a time in seconds since 1970.
    before: fn(i64) -> String,
}

/// A request as it arrives.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

const GITHUB: Endpoint = Endpoint {
    name: "GitHub",
    provider: providers::GITHUB,
    secret: "a-secret-of-thirty-two-characters",
    key: b"a-secret-of-thirty-two-characters",
    signature: "x-hub-signature-256",
    before: |_| String::new(),
};

const STRIPE: Endpoint = Endpoint {
    name: "Stripe",
    provider: providers::STRIPE,
    secret: "whsec_a-secret-of-thirty-two-chars",
    key: b"whsec_a-secret-of-thirty-two-chars",
    signature: "stripe-signature",
    before: |seconds| format!("{seconds}."),
};

const SLACK: Endpoint = Endpoint {
    name: "Slack",
    provider: providers::SLACK,
    secret: "8f742231b10e8888abcd99baac7f1e5d",
    key: b"8f742231b10e8888abcd99baac7f1e5d",
    signature: "x-slack-signature",
    before: |seconds| format!("v0:{seconds}:"),
};

pub(crate) const STANDARD_WEBHOOKS: Endpoint = Endpoint {
    name: "Standard Webhooks",
    provider: providers::STANDARD_WEBHOOKS,
    secret: "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWhlcmUh",
    key: b"secret-of-24-bytes-here!",
    signature: "webhook-signature",
    before: |seconds| format!("{ID}.{seconds}."),
};

pub(crate) const ENDPOINTS: [Endpoint; 4] = [GITHUB, STRIPE, SLACK, STANDARD_WEBHOOKS];

impl Endpoint {
    /// A signed request with headers such as a proxy adds.
    pub(crate) fn request(&self, size: usize, now: Timestamp) -> Result<Request, Box<dyn Error>> {
        let unsigned = http::Request::post("/hooks")
            .header("host", "hooks.example.com")
            .header("user-agent", "Example-Hookshot/044aadd")
            .header("accept", "*/*")
            .header("content-type", "application/json")
            .header("content-length", size)
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-forwarded-proto", "https")
            .header("x-request-id", "0c7d5a1e-5f0e-4b9e-9f3a-5e6c1d2b3a49")
            .header("webhook-id", ID)
            .body(super::body(size))?;
        let (head, body) = Signer::new(self.provider, self.secret)?.sign(unsigned, now)?.into_parts();
        Ok(Request { head, body })
    }

    /// The signed content, in one piece.
    pub(crate) fn signed(&self, body: &[u8], now: Timestamp) -> Vec<u8> {
        [(self.before)(now.unix_seconds()).as_bytes(), body].concat()
    }

    pub(crate) fn keyed_hash(&self) -> Result<Hmac<Sha256>, Box<dyn Error>> {
        Ok(Hmac::new_from_slice(self.key)?)
    }
}

impl Request {
    /// The same request with a character in its signature that no encoding allows.
    pub(crate) fn malformed(&self, endpoint: &Endpoint) -> Self {
        let mut request = self.clone();
        if let Some(value) = request.head.headers.get_mut(endpoint.signature) {
            let mut text = value.as_bytes().to_vec();
            if let Some(last) = text.iter_mut().rev().nth(8) {
                *last = b'~';
            }
            *value = HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("~"));
        }
        request
    }

    /// The same request with another body.
    pub(crate) fn tampered(&self) -> Self {
        let mut body = self.body.to_vec();
        body[0] = b'[';
        Self { head: self.head.clone(), body: body.into() }
    }
}

/// The baseline: the least work that a verifier must do.
pub(crate) fn hash(keyed: &Hmac<Sha256>, signed: &[u8]) -> [u8; 32] {
    keyed.clone().chain_update(signed).finalize().into_bytes().into()
}

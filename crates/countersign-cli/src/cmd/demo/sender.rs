//! The simulated providers.

use std::net::SocketAddr;

use bytes::Bytes;
use countersign::{Provider, Scheme, Signer, Verifier, providers};
use http::{Request, header};

use crate::{
    failure::Failure,
    gateway::{EndpointKeys, EndpointPlan, Limits, Operators, Replays},
    moment, random, tamper,
};

/// What a provider sends in the demo.
pub(super) struct Sample {
    provider: Provider,
    /// What the provider's secrets begin with.
    prefix: &'static str,
    body: &'static str,
    /// Headers that the signature does not cover.
    headers: &'static [(&'static str, &'static str)],
}

/// What is done to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    /// Signed with another secret.
    Forged,
    /// Changed after it was signed.
    Tampered,
    /// Correctly signed, but too long ago.
    Stale,
    /// Correctly signed, but larger than the limit.
    Oversized,
    Unsigned,
    /// The good delivery again.
    Replayed,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::Good, Self::Replayed, Self::Forged, Self::Tampered, Self::Stale, Self::Oversized, Self::Unsigned];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Forged => "forged",
            Self::Tampered => "tampered",
            Self::Stale => "stale",
            Self::Oversized => "oversized",
            Self::Unsigned => "unsigned",
            Self::Replayed => "replayed",
        }
    }

    /// The status of the right answer, and the code in the log.
    pub(super) fn expected(self) -> (u16, &'static str) {
        match self {
            Self::Good => (200, "accepted"),
            Self::Replayed => (200, "duplicate"),
            Self::Forged | Self::Tampered => (401, "signature"),
            Self::Stale => (401, "timestamp_too_old"),
            Self::Oversized => (413, "body_too_large"),
            Self::Unsigned => (400, "missing_signature"),
        }
    }
}

/// A simulated provider, with the secret that it shares with the server, and another secret of an attacker.
pub(super) struct Sender {
    sample: &'static Sample,
    scheme: Scheme,
    url: String,
    secret: String,
    signer: Signer,
    forger: Signer,
}

impl Sender {
    pub(super) fn new(sample: &'static Sample, address: SocketAddr) -> Result<Self, Failure> {
        let scheme = sample.provider.scheme().map_err(countersign::ConfigError::from)?;
        let url = format!("http://{address}/{}", scheme.id());
        let secret = sample.secret()?;
        let signer = Signer::with_public_url(&scheme, secret.as_str(), &url)?;
        let forger = Signer::with_public_url(&scheme, sample.secret()?, &url)?;
        Ok(Self { sample, scheme, url, secret, signer, forger })
    }

    pub(super) fn id(&self) -> &str {
        self.scheme.id()
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The endpoint of the server for this provider.
    pub(super) fn endpoint(&self, limits: Limits) -> Result<EndpointPlan, Failure> {
        let keys = EndpointKeys::Own(
            Verifier::builder(&self.scheme).secret(self.secret.as_str()).public_url(self.url.as_str()).build()?,
        );
        let (path, name) = (format!("/{}", self.id()), self.id().to_owned());
        Ok(EndpointPlan {
            path,
            name,
            keys,
            limits,
            addresses: None,
            confirms: None,
            sent_secret: None,
            replays: Replays::default(),
            operators: Operators::default(),
            missing: Vec::new(),
        })
    }

    /// Whether the scheme allows this kind: a token does not cover the body, and a scheme without a signed time is
    /// never stale.
    pub(super) fn can_send(&self, kind: Kind) -> bool {
        match kind {
            Kind::Tampered => self.scheme.covers_body(),
            Kind::Stale => self.scheme.tolerance().is_some(),
            Kind::Unsigned => self.signature_header().is_some(),
            Kind::Good | Kind::Replayed | Kind::Forged | Kind::Oversized => true,
        }
    }

    pub(super) fn delivery(&self, kind: Kind, limits: Limits) -> Result<Request<Bytes>, Failure> {
        let now = if kind == Kind::Stale { moment::stale(&self.scheme) } else { moment::now() };
        let signer = if kind == Kind::Forged { &self.forger } else { &self.signer };
        let body = if kind == Kind::Oversized { self.sample.padded(limits.body) } else { self.sample.body.into() };
        let mut request = Request::post(&self.url).header(header::CONTENT_TYPE, self.sample.content_type());
        for (name, value) in self.sample.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| Failure::new(error.to_string()))?;
        let mut signed = signer.sign(request, now).map_err(|error| Failure::new(error.to_string()))?;
        match (kind, self.signature_header()) {
            (Kind::Tampered, _) => *signed.body_mut() = tamper::body(signed.body()),
            (Kind::Unsigned, Some(name)) => drop(signed.headers_mut().remove(name)),
            _ => {}
        }
        Ok(signed)
    }

    fn signature_header(&self) -> Option<&http::HeaderName> {
        self.scheme.signature_header()
    }
}

impl Sample {
    fn secret(&self) -> Result<String, Failure> {
        Ok(format!("{}{}", self.prefix, random::secret()?))
    }

    fn is_json(&self) -> bool {
        self.body.starts_with('{')
    }

    fn content_type(&self) -> &'static str {
        if self.is_json() { "application/json" } else { "application/x-www-form-urlencoded" }
    }

    /// The same event with a field that makes it larger than `limit`.
    fn padded(&self, limit: u64) -> Bytes {
        let padding = "x".repeat(usize::try_from(limit).unwrap_or(usize::MAX));
        match self.body.strip_prefix('{') {
            Some(rest) => format!("{{\"padding\":\"{padding}\",{rest}"),
            None => format!("{}&Padding={padding}", self.body),
        }
        .into()
    }
}

pub(super) const SENDERS: &[Sample] = &[
    Sample {
        provider: providers::STRIPE,
        prefix: "whsec_",
        body: r#"{"id":"evt_1","type":"charge.succeeded","data":{"object":{"amount":1999}}}"#,
        headers: &[],
    },
    Sample {
        provider: providers::GITHUB,
        prefix: "",
        body: r#"{"ref":"refs/heads/main","repository":{"full_name":"octocat/hello-world"}}"#,
        headers: &[("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")],
    },
    Sample {
        provider: providers::SLACK,
        prefix: "",
        body: r#"{"type":"event_callback","event_id":"Ev0PV52K21","event":{"type":"reaction_added"}}"#,
        headers: &[],
    },
    Sample {
        provider: providers::STANDARD_WEBHOOKS,
        prefix: "whsec_",
        body: r#"{"type":"contact.created","timestamp":"2026-01-01T00:00:00Z","data":{"id":"1f81eb52"}}"#,
        headers: &[],
    },
    Sample {
        provider: providers::SHOPIFY,
        prefix: "",
        body: r#"{"id":820982911946154508,"total_price":"254.98","currency":"USD"}"#,
        headers: &[("X-Shopify-Topic", "orders/create")],
    },
    Sample {
        provider: providers::GITLAB,
        prefix: "",
        body: r#"{"object_kind":"push","ref":"refs/heads/main","project_id":15}"#,
        headers: &[("X-Gitlab-Event", "Push Hook")],
    },
    Sample {
        provider: providers::LINEAR,
        prefix: "",
        body: r#"{"action":"update","type":"Issue","data":{"title":"Sign everything"}}"#,
        headers: &[],
    },
    Sample {
        provider: providers::TWILIO_FORM,
        prefix: "",
        body: "From=%2B15005550006&To=%2B15005550001&Body=Hello",
        headers: &[],
    },
];

//! Every known handshake through the layer: which questions are answered, and which are refused.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use countersign::{Rejection, Scheme, Signer, Timestamp, Verifier, providers::Provider};
use countersign_tests::endpoint::Endpoint;
use countersign_tower::{Confirm, HandshakeDone, HandshakeSecrets, Stored, VerifiedBody, VerifyLayer};
use http::{Request, Response, request::Parts};
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};

mod hostile;

const SECRET: &str = "a-long-random-secret";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    schemes: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[expect(clippy::struct_excessive_bools, reason = "columns of a table, and no state")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    provider: Option<String>,
    scheme: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    public_url: Option<String>,
    #[serde(default)]
    awaiting: bool,
    #[serde(default)]
    confirming: bool,
    stored_before: Option<String>,
    method: Option<String>,
    uri: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    tamper: bool,
    status: Option<u16>,
    #[serde(rename = "type")]
    content_type: Option<String>,
    answer: Option<String>,
    #[serde(default)]
    answer_headers: BTreeMap<String, String>,
    refused: Option<String>,
    #[serde(default)]
    delivered: bool,
    stored: Option<String>,
    confirmed: Option<String>,
}

/// A store for one secret, and the URLs that were fetched.
#[derive(Clone, Default)]
struct Outside {
    secret: Arc<Mutex<Option<String>>>,
    fetched: Arc<Mutex<Option<String>>>,
}

impl HandshakeSecrets for Outside {
    type Error = Infallible;

    async fn store(&self, _: &Parts, secret: &str) -> Result<Stored, Infallible> {
        let mut slot = self.secret.lock().unwrap();
        if slot.is_some() {
            return Ok(Stored::AlreadyThere);
        }
        *slot = Some(secret.to_owned());
        Ok(Stored::New)
    }
}

impl Confirm for Outside {
    type Error = Infallible;

    async fn confirm(&self, url: &str) -> Result<(), Infallible> {
        *self.fetched.lock().unwrap() = Some(url.to_owned());
        Ok(())
    }
}

impl Case {
    fn scheme(&self, schemes: &BTreeMap<String, String>) -> Scheme {
        match (&self.provider, &self.scheme) {
            (Some(id), None) => Provider::find(id).unwrap_or_else(|| panic!("{id}?")).scheme().unwrap(),
            (None, Some(id)) => Scheme::from_toml(id, &schemes[id]).unwrap_or_else(|error| panic!("{id}: {error}")),
            _ => panic!("{}: expected a provider or a scheme", self.name),
        }
    }

    fn secret(&self) -> &'static str {
        match self.provider.as_deref() {
            // Public keys, and a secret in hexadecimal digits.
            Some(id @ ("circle" | "discord" | "ebay" | "onfleet")) => Endpoint::find(id).secret,
            _ => SECRET,
        }
    }

    fn verifier(&self, scheme: &Scheme) -> Verifier {
        let mut builder = Verifier::builder(scheme).allow_legacy();
        builder = if self.awaiting { builder.awaiting_secret() } else { builder.secret(self.secret()) };
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url);
        }
        self.settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value)).build().unwrap()
    }

    fn signer(&self, scheme: &Scheme) -> Signer {
        match self.provider.as_deref() {
            Some("discord") => Endpoint::find("discord").signer_of(self.secret()).unwrap(),
            _ => Signer::new(scheme, self.secret()).unwrap(),
        }
    }

    fn request(&self, scheme: &Scheme) -> Request<Bytes> {
        let mut request =
            Request::builder().method(self.method.as_deref().unwrap_or("POST")).uri(self.uri.as_deref().unwrap_or("/"));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Bytes::from(self.body.clone())).unwrap();
        if self.signed {
            request = self.signer(scheme).sign(request, NOW).unwrap();
        }
        if self.tamper {
            let body = [request.body(), &b" "[..]].concat();
            *request.body_mut() = body.into();
        }
        request
    }
}

fn layer(verifier: Verifier) -> VerifyLayer<Verifier> {
    VerifyLayer::new(verifier).with_clock(|| NOW)
}

/// Sends a request through the layer; the inner service answers 202.
async fn send(layer: VerifyLayer<Verifier>, request: Request<Bytes>) -> (Response<Body>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |_: Request<VerifiedBody>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::builder().status(202).body(Body::empty()).unwrap()) }
    });
    let response = layer.layer(service).oneshot(request.map(Body::from)).await.unwrap();
    (response, calls.load(Ordering::SeqCst))
}

fn cases() -> Cases {
    toml::from_str(include_str!("cases.toml")).unwrap()
}

#[tokio::test]
async fn every_question_gets_its_answer_and_no_other_does() {
    let Cases { schemes, case: cases } = cases();
    for case in cases {
        let name = &case.name;
        let scheme = case.scheme(&schemes);
        let outside = Outside::default();
        outside.secret.lock().unwrap().clone_from(&case.stored_before);
        let mut layer = layer(case.verifier(&scheme)).with_secret_store(outside.clone());
        if case.confirming {
            layer = layer.with_confirmation(outside.clone());
        }
        let (response, calls) = send(layer, case.request(&scheme)).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let code = parts.extensions.get::<Rejection>().map(Rejection::code);

        assert_eq!(code, case.refused.as_deref(), "{name}");
        assert_eq!(calls, usize::from(case.delivered), "{name}: calls of the service behind");
        let status = case.status.unwrap_or(if case.delivered { 202 } else { 200 });
        assert_eq!(parts.status, status, "{name}");
        assert_eq!(body, case.answer.as_deref().unwrap_or_default(), "{name}");
        if let Some(answer) = &case.answer {
            assert_eq!(parts.headers["x-content-type-options"], "nosniff", "{name}");
            let expected = case.content_type.as_deref().unwrap_or("text/plain; charset=utf-8");
            let content_type = parts.headers.get("content-type").map(http::HeaderValue::as_bytes);
            assert_eq!(content_type, Some(expected.as_bytes()).filter(|_| !answer.is_empty()), "{name}");
            let others = parts.headers.keys().filter(|name| !OURS.contains(&name.as_str())).count();
            assert_eq!(others, case.answer_headers.keys().filter(|name| *name != "allow").count(), "{name}");
        }
        for (header, value) in &case.answer_headers {
            assert_eq!(parts.headers.get(header).map(http::HeaderValue::as_bytes), Some(value.as_bytes()), "{name}");
        }
        let done = match (outside.secret.lock().unwrap().is_some(), outside.fetched.lock().unwrap().is_some()) {
            (_, true) => (HandshakeDone::Confirmed, "confirmed"),
            (true, _) => (HandshakeDone::Stored, "stored"),
            _ => (HandshakeDone::Answered, "answered"),
        };
        let expected = Some(done).filter(|_| !case.delivered && case.refused.is_none());
        assert_eq!(parts.extensions.get().map(|done: &HandshakeDone| (*done, done.name())), expected, "{name}");
        assert_eq!(*outside.secret.lock().unwrap(), case.stored, "{name}: the secret that is kept");
        assert_eq!(*outside.fetched.lock().unwrap(), case.confirmed, "{name}: the URL that is fetched");
    }
}

#[test]
fn every_handshake_of_the_catalogue_has_a_case_that_is_answered() {
    let cases = cases().case;
    let answered = |id: &str| cases.iter().any(|case| case.provider.as_deref() == Some(id) && case.answer.is_some());
    for provider in countersign::providers::ALL {
        // The confirmation of a subscription is signed with a key that only the provider has; another case has its own
        // scheme.
        let scheme = provider.scheme().unwrap();
        if scheme.has_handshakes() && !scheme.asks_to_confirm() {
            assert!(answered(provider.id()), "{}", provider.id());
        }
    }
}

const OURS: [&str; 4] = ["x-content-type-options", "cache-control", "content-type", "allow"];

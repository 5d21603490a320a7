use std::{io::Write as _, time::SystemTime};

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, State},
    middleware::map_request,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use countersign_axum::{
    Delivery, VerifyLayer, Webhook, WebhookRejection,
    countersign::{Rejection, Scheme, Signer, Verifier, providers},
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde::{Deserialize, de::IgnoredAny};
use tower::ServiceExt;

use crate::{SECRET, deliver, github, path, rejection, text, to};

#[derive(Deserialize)]
struct Payment {
    amount: u64,
    customer: Customer,
}

#[derive(Deserialize)]
struct Customer {
    name: String,
}

#[derive(Deserialize)]
struct Flat {
    amount: u64,
    name: String,
}

async fn on_payment(Webhook(payment): Webhook<Payment>) -> String {
    format!("{} from {}", payment.amount, payment.customer.name)
}

async fn on_flat(Webhook(payment): Webhook<Flat>) -> String {
    format!("{} from {}", payment.amount, payment.name)
}

async fn on_bytes(Webhook(body): Webhook<Bytes>) -> Bytes {
    body
}

fn app() -> Router {
    Router::new()
        .route("/payment", post(on_payment))
        .route("/flat", post(on_flat))
        .route("/bytes", post(on_bytes))
        .layer(github())
}

const JSON: &str = r#"{"amount": 12, "customer": {"name": "Zoë"}}"#;
const XML: &str = "<payment><amount>12</amount><customer><name>Zo&#235;</name></customer></payment>";

#[tokio::test]
async fn json_is_read_under_each_of_its_names() {
    for name in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.acme.v2+json"] {
        let response = deliver(&app(), to("/payment", name), JSON).await;
        assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"), "{name}");
    }
}

#[tokio::test]
async fn xml_is_read_under_each_of_its_names() {
    for name in ["application/xml", "text/xml; charset=\"UTF-8\"", "application/soap+xml"] {
        let response = deliver(&app(), to("/payment", name), XML).await;
        assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"), "{name}");
    }
}

#[tokio::test]
async fn a_compressed_payload_that_is_signed_uncompressed_reaches_the_handler_uncompressed() {
    async fn handle(headers: HeaderMap, Webhook(payment): Webhook<Payment>) -> String {
        assert_eq!(headers.get("content-encoding"), None);
        assert_eq!(headers["content-length"], JSON.len().to_string());
        assert_eq!(headers.get("transfer-encoding"), None);
        on_payment(Webhook(payment)).await
    }

    let verifier = Verifier::new(providers::STREAM_CHAT, SECRET).unwrap();
    let app = Router::new().route("/payment", post(handle)).layer(VerifyLayer::new(verifier));
    let request = to("/payment", "application/json").method("POST").body(JSON.as_bytes().to_vec()).unwrap();
    let signed = Signer::new(providers::STREAM_CHAT, SECRET).unwrap().sign(request, SystemTime::now()).unwrap();
    let mut packed = signed.map(|body| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&body).unwrap();
        encoder.finish().unwrap()
    });
    let length = packed.body().len().into();
    packed.headers_mut().insert("content-length", length);
    packed.headers_mut().insert("transfer-encoding", HeaderValue::from_static("chunked"));
    packed.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
    let response = app.oneshot(packed.map(Body::from)).await.unwrap();
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"));
}

#[tokio::test]
async fn a_form_is_read() {
    let form = to("/flat", "application/x-www-form-urlencoded");
    let response = deliver(&app(), form, "amount=12&name=Zo%C3%AB").await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"));
}

#[tokio::test]
async fn bytes_are_the_body_as_it_was_signed_whatever_its_type_and_encoding() {
    let body = [0, 159, 146, 150];
    for request in [
        Request::builder().uri("/bytes"),
        to("/bytes", "image/png"),
        to("/bytes", "application/json").header("Content-Encoding", "gzip"),
    ] {
        let response = deliver(&app(), request, body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(axum::body::to_bytes(response.into_body(), 16).await.unwrap(), body.as_slice());
    }
}

#[tokio::test]
async fn another_media_type_is_a_415_that_tells_the_sender_nothing() {
    for (request, found) in [
        (Request::builder().uri("/payment"), None),
        (to("/payment", "text/plain"), Some("text/plain")),
        (to("/payment", "json"), Some("json")),
        (to("/payment", "text/xml; charset=iso-8859-1"), Some("text/xml; charset=iso-8859-1")),
        (to("/payment", "application/json").header("Content-Encoding", "gzip"), Some("Content-Encoding: gzip")),
        (
            to("/payment", "application/json").header("Content-Type", "text/xml"),
            Some("a second Content-Type: text/xml"),
        ),
    ] {
        let response = deliver(&app(), request, JSON).await;
        assert_eq!(response.status(), 415);
        assert_eq!(rejection(&response), &Rejection::UnsupportedMediaType { found: found.map(str::to_owned) });
        assert_eq!(text(response).await, "");
    }
}

fn scheme(toml: &str) -> Scheme {
    Scheme::from_toml("acme", toml).unwrap()
}

async fn deliver_by(scheme: &Scheme, app: Router, request: http::request::Builder, body: &str) -> Response {
    let app = app.layer(VerifyLayer::new(Verifier::new(scheme, SECRET).unwrap()));
    let request = request.method("POST").body(body.as_bytes().to_vec()).unwrap();
    let signed = Signer::new(scheme, SECRET).unwrap().sign(request, SystemTime::now()).unwrap();
    app.oneshot(signed.map(Body::from)).await.unwrap()
}

#[tokio::test]
async fn if_the_scheme_reads_json_a_content_type_without_a_format_is_json() {
    let reads_json = scheme(
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
         [event]\ntype = \"{json:/kind}\"\n",
    );
    let app = || Router::new().route("/payment", post(on_payment));
    for request in [
        to("/payment", "text/plain; charset=UTF-8"),
        to("/payment", "application/octet-stream"),
        Request::builder().uri("/payment"),
    ] {
        let response = deliver_by(&reads_json, app(), request, JSON).await;
        assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"));
    }
    assert_eq!(deliver_by(&reads_json, app(), to("/payment", "text/html"), JSON).await.status(), 415);
    let packed = to("/payment", "text/plain").header("Content-Encoding", "gzip");
    assert_eq!(deliver_by(&reads_json, app(), packed, JSON).await.status(), 415);
}

#[tokio::test]
async fn the_payload_of_a_token_that_is_the_body_is_its_claims() {
    let token = scheme(
        "name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\nalgorithms = [\"HS256\"]\n[event]\ntype = \"{claim:/type}\"\n",
    );
    let app = Router::new().route("/payment", post(on_payment));
    let response = deliver_by(&token, app, to("/payment", "application/jwt"), JSON).await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "12 from Zoë"));
}

fn signs_url() -> Scheme {
    scheme(
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{path-and-query}\\n{body}\"\n",
    )
}

#[tokio::test]
async fn within_a_nested_router_the_url_that_the_client_sent_is_verified() {
    let signs_url = signs_url();
    let verifier = Verifier::new(&signs_url, SECRET).unwrap();
    let inner = Router::new().route("/payment", post(on_payment)).layer(VerifyLayer::new(verifier.clone()));
    let app = Router::new().nest("/hooks", Router::new().nest("/acme", inner));
    let send = async |signed: &str, sent: &str| deliver_signed(&signs_url, &app, signed, sent).await;
    assert_eq!(send("/hooks/acme/payment?a=1", "/hooks/acme/payment?a=1").await, 200);
    assert_eq!(send("/payment", "/hooks/acme/payment").await, 401);
    assert_eq!(send("/hooks/acme/payment?a=1", "/hooks/acme/payment?a=2").await, 401);

    let inner = Router::new().route("/", post(on_payment)).layer(VerifyLayer::new(verifier));
    let app = Router::new().nest("/hooks", Router::new().nest("/acme", inner.clone())).nest_service("/service", inner);
    let send = async |signed: &str, sent: &str| deliver_signed(&signs_url, &app, signed, sent).await;
    for path in ["/hooks/acme", "/hooks/acme?a=1", "/service", "/service/"] {
        assert_eq!(send(path, path).await, 200, "{path}");
        assert_eq!(send("/", path).await, 401, "{path}");
    }
}

/// The answer to a request that was signed for one URL and is sent to another.
async fn deliver_signed(scheme: &Scheme, app: &Router, signed: &str, sent: &str) -> StatusCode {
    let request = to(signed, "application/json").method("POST").body(JSON.as_bytes().to_vec()).unwrap();
    let mut request = Signer::new(scheme, SECRET).unwrap().sign(request, SystemTime::now()).unwrap();
    *request.uri_mut() = sent.parse().unwrap();
    app.clone().oneshot(request.map(Body::from)).await.unwrap().status()
}

#[tokio::test]
async fn a_url_that_was_rewritten_in_front_of_the_layer_is_verified_as_it_is_now() {
    let signs_url = signs_url();
    let verifier = Verifier::new(&signs_url, SECRET).unwrap();
    let app = Router::new().route("/payment", post(on_payment)).layer(VerifyLayer::new(verifier));
    for original in ["/gate?a=1", "/gate/payment?a=2", "/gate/payment"] {
        let request = to("/payment?a=1", "application/json").method("POST").body(JSON.as_bytes().to_vec()).unwrap();
        let mut request = Signer::new(&signs_url, SECRET).unwrap().sign(request, SystemTime::now()).unwrap();
        request.extensions_mut().insert(OriginalUri(original.parse().unwrap()));
        let answer = app.clone().oneshot(request.map(Body::from)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{original}");
    }
}

#[tokio::test]
async fn a_url_that_was_rewritten_within_a_nested_router_is_verified_as_it_is_now() {
    let signs_url = signs_url();
    let verifier = Verifier::new(&signs_url, SECRET).unwrap();
    let rewrite = async |mut request: axum::extract::Request| {
        *request.uri_mut() = "/payment".parse().unwrap();
        request
    };
    let inner =
        Router::new().route("/gate", post(on_payment)).layer(VerifyLayer::new(verifier)).layer(map_request(rewrite));
    let nested = Router::new().nest("/hooks", inner);
    assert_eq!(deliver_signed(&signs_url, &nested, "/payment", "/hooks/gate").await, 200);
    assert_eq!(deliver_signed(&signs_url, &nested, "/hooks/gate", "/hooks/gate").await, 401);
}

#[tokio::test]
async fn the_identity_encoding_is_none() {
    let request = to("/payment", "application/json").header("Content-Encoding", "Identity");
    assert_eq!(deliver(&app(), request, JSON).await.status(), 200);
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_a_422_whose_path_is_not_in_the_answer() {
    let (json, xml) = ("application/json", "application/xml");
    for (content_type, body, at) in [
        (json, r#"{"amount": "12", "customer": {"name": "Zoë"}}"#, "amount"),
        (json, r#"{"amount": 12, "customer": {"name": 3}}"#, "customer.name"),
        (json, r#"{"amount": 12, "customer": {}}"#, "customer.name"),
        (json, r#"{"customer": {"name": "Zoë"}}"#, "amount"),
        (json, "[1]", ""),
        (xml, "<payment><amount>much</amount><customer><name>Zoë</name></customer></payment>", "amount"),
        (xml, "<payment><amount>12</amount><customer><first>Zoë</first></customer></payment>", "customer.name"),
    ] {
        let response = deliver(&app(), to("/payment", content_type), body).await;
        assert_eq!(response.status(), 422, "{body}");
        assert_eq!(path(&response), at, "{body}");
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn a_form_that_does_not_fit_names_its_field() {
    let form = || to("/flat", "application/x-www-form-urlencoded");
    for (body, at) in [("amount=much&name=Zoe", "amount"), ("amount=12", "name")] {
        let response = deliver(&app(), form(), body).await;
        assert_eq!(response.status(), 422);
        assert_eq!(path(&response), at, "{body}");
    }
}

#[tokio::test]
async fn a_forged_delivery_never_reaches_the_readers() {
    let forged = to("/payment", "application/json").method("POST").header("X-Hub-Signature-256", "sha256=00");
    let response = app().oneshot(forged.body(Body::from(JSON)).unwrap()).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(rejection(&response).code(), "malformed_signature");
}

#[tokio::test]
async fn without_the_layer_every_extractor_answers_500() {
    async fn on_delivery(_: Delivery) {}
    let app = Router::new()
        .route("/json", post(on_payment))
        .route("/bytes", post(on_bytes))
        .route("/delivery", post(on_delivery))
        .route("/ignored", post(|_: Webhook<IgnoredAny>| async {}));
    for path in ["/json", "/bytes", "/delivery", "/ignored"] {
        let response = deliver(&app, to(path, "application/json"), JSON).await;
        assert_eq!(response.status(), 500, "{path}");
        assert_eq!(text(response).await, "");
    }
}

#[test]
fn the_500_says_which_layer_is_missing_and_how_to_add_it() {
    let reason = WebhookRejection::NotVerified.to_string();
    assert!(reason.contains("`.layer(Stack::new(\"name\", verifier)?)`"), "{reason}");
    assert_eq!(WebhookRejection::NotVerified.into_response().status(), 500);
}

#[tokio::test]
async fn the_layer_may_cover_one_route_of_many() {
    let app = Router::new()
        .route("/covered", post(on_payment).layer(github()))
        .route("/open", post(|| async { "open" }))
        .route("/covered-by-the-handler", post(axum::handler::Handler::layer(on_payment, github())));
    assert_eq!(deliver(&app, to("/covered", "application/json"), JSON).await.status(), 200);
    assert_eq!(deliver(&app, to("/covered-by-the-handler", "application/json"), JSON).await.status(), 200);
    let unsigned = |path: &str| Request::post(path).body(Body::from(JSON)).unwrap();
    assert_eq!(app.clone().oneshot(unsigned("/open")).await.unwrap().status(), 200);
    assert_eq!(app.clone().oneshot(unsigned("/covered")).await.unwrap().status(), 400);
    assert_eq!(app.oneshot(unsigned("/covered-by-the-handler")).await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_delivery_says_what_the_signature_covers() {
    async fn describe(delivery: Delivery, body: Webhook<Bytes>) -> String {
        let kind = delivery.event_type().unwrap();
        assert_eq!(delivery.body(), &body.0);
        format!("{} {} {kind} {}", delivery.provider(), delivery.key_label(), kind.is_covered())
    }
    let app = Router::new().route("/", post(describe)).layer(github());
    let response = deliver(&app, Request::builder().uri("/").header("X-GitHub-Event", "push"), "{}").await;
    assert_eq!(text(response).await, "github key-1 push false");
}

#[tokio::test]
async fn a_delivery_that_may_be_absent_is_optional() {
    async fn describe(delivery: Option<Delivery>) -> &'static str {
        if delivery.is_some() { "verified" } else { "not verified" }
    }
    let open = Router::new().route("/", post(describe));
    let covered = open.clone().layer(github());
    assert_eq!(text(deliver(&open, to("/", "text/plain"), "").await).await, "not verified");
    assert_eq!(text(deliver(&covered, to("/", "text/plain"), "").await).await, "verified");
}

#[tokio::test]
async fn a_handler_may_answer_for_a_payload_itself() {
    async fn on_payment(payment: Result<Webhook<Payment>, WebhookRejection>) -> StatusCode {
        match payment {
            Err(WebhookRejection::NotUnderstood(_)) => StatusCode::ACCEPTED,
            _ => StatusCode::OK,
        }
    }
    let app = Router::new().route("/", post(on_payment)).layer(github());
    assert_eq!(deliver(&app, to("/", "application/json"), "{}").await.status(), 202);
    assert_eq!(deliver(&app, to("/", "application/json"), JSON).await.status(), 200);
}

#[tokio::test]
async fn it_works_beside_other_extractors_and_state() {
    async fn on_payment(payment: Webhook<Payment>, State(shop): State<&'static str>, body: String) -> String {
        assert_eq!(body, JSON);
        format!("{shop}: {}", payment.amount)
    }
    let app = Router::new().route("/", post(on_payment)).layer(github()).with_state("shop");
    assert_eq!(text(deliver(&app, to("/", "application/json"), JSON).await).await, "shop: 12");
}

//! How handshakes could be misused.

use std::{convert::Infallible, time::Duration};

use countersign::{Handshake, Scheme, Signer, Verifier, providers};
use countersign_tests::app::{Step, Wire};
use countersign_tower::{HandshakeSecrets, VerifyLayer};
use http::{Request, request::Builder};
use tower::{Layer, ServiceExt, service_fn};

use super::{Body, Bytes, NOW, Outside, Rejection, Response, SECRET, Stored, VerifiedBody, layer, send};

fn asana() -> Verifier {
    Verifier::builder(providers::ASANA).awaiting_secret().build().unwrap()
}

fn offer(secret: &str) -> Request<Bytes> {
    Request::post("/hooks").header("X-Hook-Secret", secret).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn of_two_secrets_that_race_one_is_kept_and_only_its_sender_is_told_so() {
    for _ in 0..50 {
        let outside = Outside::default();
        let ask = |secret| send(layer(asana()).with_secret_store(outside.clone()), offer(secret));
        let ((first, _), (second, _)) = tokio::join!(ask("the-first-secret"), ask("the-second-secret"));
        let kept = outside.secret.lock().unwrap().clone().unwrap();
        let told: Vec<_> = [first, second]
            .iter()
            .filter(|response| response.status() == 200)
            .map(|response| response.headers()["x-hook-secret"].to_str().unwrap().to_owned())
            .collect();
        assert_eq!(told, [kept]);
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_kept_is_not_answered() {
    struct Down;

    impl HandshakeSecrets for Down {
        type Error = &'static str;

        async fn store(&self, _: &http::request::Parts, _: &str) -> Result<Stored, &'static str> {
            Err("the store is down")
        }
    }

    let (response, calls) = send(layer(asana()).with_secret_store(Down), offer("the-first-secret")).await;
    assert_eq!((response.status().as_u16(), calls), (503, 0));
    assert!(response.headers().contains_key("retry-after") && !response.headers().contains_key("x-hook-secret"));
    let (response, _) = send(layer(asana()), offer("the-first-secret")).await;
    assert_eq!(response.extensions().get::<Rejection>().map(Rejection::code), Some("handshake_not_configured"));
    assert!(!response.headers().contains_key("x-hook-secret"));
}

#[tokio::test(start_paused = true)]
async fn a_place_for_secrets_that_does_not_answer_is_not_waited_for() {
    struct Hanging;

    impl HandshakeSecrets for Hanging {
        type Error = Infallible;

        async fn store(&self, _: &http::request::Parts, _: &str) -> Result<Stored, Infallible> {
            std::future::pending().await
        }
    }

    let answer = send(layer(asana()).with_secret_store(Hanging), offer("the-first-secret"));
    let (response, calls) = tokio::time::timeout(Duration::from_secs(11), answer).await.unwrap();
    assert_eq!((response.status().as_u16(), calls), (503, 0));
    assert_eq!(response.extensions().get::<Rejection>().map(Rejection::code), Some("handshake_failed"));
}

#[tokio::test]
async fn a_layer_without_handshakes_answers_none() {
    let dropbox = || layer(Verifier::new(providers::DROPBOX, SECRET).unwrap()).without_handshakes();
    let question = Request::get("/?challenge=a").body(Bytes::new()).unwrap();
    let (response, calls) = send(dropbox(), question).await;
    assert_eq!((response.status().as_u16(), calls), (405, 0));

    let slack = || layer(Verifier::new(providers::SLACK, SECRET).unwrap()).without_handshakes();
    let question = Request::post("/").body(r#"{"type":"url_verification","challenge":"a"}"#).unwrap();
    let signed = Signer::new(providers::SLACK, SECRET).unwrap().sign(question, NOW).unwrap();
    let (response, calls) = send(slack(), signed).await;
    assert_eq!((response.status().as_u16(), calls), (202, 1));
}

#[test]
fn a_request_with_the_method_of_a_question_is_never_verified_as_a_delivery() {
    let verifier = Verifier::new(providers::OKTA_EVENT_HOOKS, SECRET).unwrap();
    let (parts, ()) = Request::get("/")
        .header("Authorization", SECRET)
        .header("X-Okta-Verification-Challenge", "a")
        .body(())
        .unwrap()
        .into_parts();
    assert_eq!(verifier.verify(&parts, b"", NOW).unwrap_err().code(), "method");
    assert_eq!(verifier.begin(&parts, NOW).unwrap_err().code(), "method");
    assert!(matches!(verifier.handshake_in_body(&parts, b"", NOW), Ok(Some(Handshake::Answer(_)))));
}

#[test]
fn the_debug_output_of_a_handshake_does_not_show_what_was_sent() {
    let (parts, _) = offer("the-first-secret").into_parts();
    let handshake = asana().handshake_in_head(&parts, NOW).unwrap().unwrap();
    assert!(!format!("{handshake:?}").contains("the-first"), "{handshake:?}");
    let Handshake::Store(question) = handshake else { panic!() };
    assert_eq!(question.secret(), "the-first-secret");
    let answer = question.stored();
    assert!(!format!("{answer:?}").contains("the-first"), "{answer:?}");
}

#[test]
fn a_secret_can_only_be_awaited_from_a_provider_that_sends_one() {
    let error = Verifier::builder(providers::SLACK).awaiting_secret().build().unwrap_err();
    assert!(error.to_string().contains("sends no secret"), "{error}");
    assert!(Verifier::builder(providers::ASANA).build().is_err(), "no secret is a mistake as long as none is awaited");
}

#[test]
fn an_unsafe_handshake_is_refused_at_its_line() {
    const TOP: &str = "name = \"T\"\n[settings]\nverify_token = \"t\"\n[signature]\nalgorithm = \"hmac-sha256\"\n\
        header = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n[[handshake]]\n";
    for (handshake, fragment) in [
        ("signed = false\nanswer = \"{query:a}\"", "expected `when`"),
        ("method = \"DELETE\"", "expected `GET`"),
        ("method = \"GET\"\ntype = \"text/html\"\nanswer = \"a\"", "show other types as a page"),
        ("method = \"GET\"\ntype = \"application/json\"\nanswer = \"{query:a}\"", "could end the JSON text"),
        ("method = \"GET\"\nanswer = \"{json:/a}\"", "has no body"),
        ("method = \"GET\"\nwhen = { form = \"a\" }", "has no body"),
        ("method = \"HEAD\"\nanswer = \"a\"", "has no body"),
        ("method = \"GET\"\nstatus = 204\nanswer = \"a\"", "has no body"),
        ("method = \"GET\"\nstatus = 302", "status of success"),
        ("method = \"GET\"\nsigned = false\nanswer = \"{hmac-sha256-hex:query:a}\"", "`only`"),
        (
            "method = \"GET\"\nsigned = false\nonly = \"word\"\nanswer = \"{hmac-sha256-hex:query:a,query:b}\"",
            "one value",
        ),
        ("method = \"GET\"\nanswer = \"{hmac-sha1-hex:query:a}\"", "hmac-sha256"),
        ("method = \"GET\"\nanswer = \"{setting:verify_token}\"\ntoken = { query = \"a\" }", "would reveal it"),
        ("method = \"GET\"\nanswer = \"{setting:other}\"", "`other`"),
        ("method = \"GET\"\nanswer = \"{setting:}\"", "unknown value `setting:`"),
        ("method = \"GET\"\ntoken = { query = \"a\", setting = \"other\" }", "`other`"),
        ("method = \"GET\"\ntoken = { setting = \"verify_token\" }", "expected `header`"),
        ("method = \"GET\"\nheaders = { Location = \"{query:a}\" }", "cannot be a header"),
        ("method = \"GET\"\nheaders = { \"Set-Cookie\" = \"a\" }", "cannot be a header"),
        ("method = \"GET\"\nheaders = { \"X-Hook\\r\\nA\" = \"a\" }", "cannot be a header"),
        ("when = { header = \"A\" }\nstores = { header = \"A\" }", "signed = false"),
        (
            "signed = false\nwhen = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"a.com\"], path = \"/\" }",
            "needs a signed question",
        ),
        (
            "when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"{label}.com\"] }",
            "belongs to the provider alone",
        ),
        (
            "when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"sns.{label}.amazonaws.com\"] }",
            "anybody can get a name",
        ),
        ("when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"a.com\"] }", "expected `path`"),
        ("when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"a.com\"], path = \"a\" }", "expected a path"),
        (
            "when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [\"a.com\"], path = \"/?a\" }",
            "expected a path",
        ),
        ("when = { json = \"/a\" }\nconfirm = { json = \"/a\", hosts = [] }", "expected `hosts`"),
        ("method = \"GET\"\nanswer = \"{query:a}\"\nmax = 0", "expected 1 to"),
        ("method = \"GET\"\nanswer = \"{query:a}\"\nmax = 5000", "expected 1 to"),
        ("method = \"GET\"\nanswer = \"a\"\nonly = \"hex\"", "`only` has no effect"),
        ("method = \"GET\"\nanswer = \"{query:a}\"\nonly = \"text\"", "expected `digits`"),
        ("method = \"GET\"\nanswer = \"{claim:/a}\"", "no claims"),
        ("method = \"GET\"\nanswer = \"{body}\"", "unknown value"),
        ("method = \"GET\"\nanswer = \"{secret}\"", "unknown value"),
        ("method = \"GET\"\nanswer = \"{json-string:body}\"", "unknown value"),
        ("method = \"GET\"\nanswer = \"a}\"", "without its `{`"),
        ("when = { json = \"/a\", equal = \"b\" }", "unknown field"),
        ("when = [{ json = \"/a\" }, { json = \"a\" }]", "JSON pointer"),
        ("when = 1", ""),
        ("method = \"GET\"\nwehn = 1", "unknown field"),
    ] {
        let error = Scheme::from_toml("t", &format!("{TOP}{handshake}\n")).expect_err(handshake);
        assert!(error.message().contains(fragment), "`{fragment}` is not in: {error}\n{handshake}");
        assert!(error.line() >= 9, "{error}\n{handshake}");
    }
}

fn smartcar() -> Verifier {
    Verifier::new(providers::SMARTCAR, SECRET).unwrap()
}

const QUESTION: &[u8] = br#"{"eventType":"VERIFY","data":{"challenge":"abc"}}"#;

/// The outcome of an unsigned question that arrives in these steps: an answer, or the reason for a refusal.
async fn asked(layer: VerifyLayer<Verifier>, request: Builder, body: Vec<Step>) -> &'static str {
    let request = request.method("POST").body(Wire::with_count(body).0).unwrap();
    let service = service_fn(async |_: Request<VerifiedBody>| -> Result<Response<Body>, Infallible> {
        panic!("it is no delivery")
    });
    let Ok(response) = layer.layer(service).oneshot(request).await;
    response.extensions().get().map_or("", Rejection::code)
}

#[tokio::test]
async fn a_question_in_a_body_is_answered_only_if_the_body_is_all_there_and_no_delivery() {
    let whole = || vec![Step::Bytes(Bytes::from_static(QUESTION))];
    let length = |length: usize| Request::builder().header("content-length", length);
    assert_eq!(asked(layer(smartcar()), Request::builder(), whole()).await, "");
    assert_eq!(asked(layer(smartcar()), length(QUESTION.len()), whole()).await, "");
    assert_ne!(asked(layer(smartcar()), length(QUESTION.len() + 1), whole()).await, "");
    let broken = whole().into_iter().chain([Step::Break]).collect();
    assert_ne!(asked(layer(smartcar()), Request::builder(), broken).await, "");

    let limited = |bytes: usize| layer(smartcar()).with_body_limit(bytes as u64);
    assert_eq!(asked(limited(QUESTION.len()), Request::builder(), whole()).await, "");
    assert_ne!(asked(limited(QUESTION.len() - 1), Request::builder(), whole()).await, "");

    let badly_signed = Request::builder().header("sc-signature", "0".repeat(64));
    assert_eq!(asked(layer(smartcar()), badly_signed, whole()).await, "signature");
    let silent = layer(smartcar()).without_handshakes();
    assert_eq!(asked(silent, Request::builder(), whole()).await, "missing_signature");
}

#[tokio::test]
async fn what_could_be_a_question_is_a_delivery_if_it_is_signed_and_all_there() {
    let request = Request::post("/").body(Bytes::from_static(b"{}")).unwrap();
    let signed = Signer::new(providers::SMARTCAR, SECRET).unwrap().sign(request, NOW).unwrap();
    for (length, status) in [(1, 400), (2, 202), (3, 400)] {
        let mut request = signed.clone();
        request.headers_mut().insert("content-length", length.into());
        assert_eq!(send(layer(smartcar()), request).await.0.status(), status, "{length}");
    }
}

/// A question in a body of this length, for a provider that does not sign its questions.
fn question_of(bytes: usize) -> Vec<u8> {
    [QUESTION, &vec![b' '; bytes - QUESTION.len()]].concat()
}

#[test]
fn a_body_with_a_question_may_have_16_kib() {
    let verifier = smartcar();
    let is_answered = |method: &str, bytes: usize| {
        let (head, ()) = Request::builder().method(method).body(()).unwrap().into_parts();
        verifier.handshake_in_body(&head, &question_of(bytes), NOW).unwrap().is_some()
    };
    let most = usize::try_from(countersign::handshake::MAX_QUESTION).unwrap();
    assert_eq!(most, 16 * 1024);
    assert_eq!(
        [1000, most - 1, most, most + 1, 2 * most].map(|bytes| is_answered("POST", bytes)),
        [true, true, true, false, false]
    );
    assert!(!is_answered("GET", 1000));

    // If the head asks the question, the body may have any length.
    let okta = Verifier::new(providers::OKTA_EVENT_HOOKS, SECRET).unwrap();
    let asks = Request::get("/").header("Authorization", SECRET).header("X-Okta-Verification-Challenge", "a");
    let (head, ()) = asks.body(()).unwrap().into_parts();
    assert!(okta.handshake_in_body(&head, &question_of(most + 1), NOW).unwrap().is_some());
}

#[test]
fn only_a_body_that_may_be_a_question_is_read_for_one() {
    let (post, ()) = Request::post("/").body(()).unwrap().into_parts();
    let (get, ()) = Request::get("/").body(()).unwrap().into_parts();
    let (challenged, ()) = Request::get("/?challenge=a").body(()).unwrap().into_parts();
    let (okta_asks, ()) = Request::get("/").header("X-Okta-Verification-Challenge", "a").body(()).unwrap().into_parts();
    let slack_asks = br#"{"type":"url_verification","challenge":"x"}"#.as_slice();
    for (provider, head, body, may_ask, expected) in [
        // No questions at all.
        (providers::GITHUB, &post, slack_asks, false, Ok(false)),
        // A signed question with the method of deliveries is a delivery.
        (providers::SLACK, &post, slack_asks, false, Ok(false)),
        (providers::SLACK, &get, slack_asks, false, Ok(false)),
        // A question in the head alone.
        (providers::DROPBOX, &challenged, b"", false, Ok(false)),
        (providers::DROPBOX, &post, b"", false, Ok(false)),
        // An unsigned question in the body.
        (providers::SMARTCAR, &post, QUESTION, true, Ok(true)),
        (providers::SMARTCAR, &post, slack_asks, true, Ok(false)),
        (providers::SMARTCAR, &get, QUESTION, false, Ok(false)),
        // A signed question with a method that no delivery has.
        (providers::OKTA_EVENT_HOOKS, &okta_asks, b"", true, Err("missing_signature")),
        (providers::OKTA_EVENT_HOOKS, &get, b"", false, Ok(false)),
        (providers::OKTA_EVENT_HOOKS, &post, b"", false, Ok(false)),
    ] {
        let verifier = Verifier::new(provider, SECRET).unwrap();
        let place = format!("{} {} {}", provider.id(), head.method, head.uri);
        assert_eq!(verifier.may_be_question(head), may_ask, "{place}");
        let answer = verifier.handshake_in_body(head, body, NOW);
        assert_eq!(answer.map(|answer| answer.is_some()).map_err(|rejection| rejection.code()), expected, "{place}");
    }
}

#[test]
fn an_answer_has_the_status_headers_and_body_of_its_response() {
    let toml = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                signs = \"{body}\"\n[[handshake]]\nmethod = \"GET\"\nsigned = false\nwhen = { query = \"a\" }\n\
                status = 202\ntype = \"text/plain\"\nanswer = \"{query:a}\"\nheaders = { X-Hook-Echo = \"{query:a}\" }\n";
    let verifier = Verifier::new(Scheme::from_toml("t", toml).unwrap(), SECRET).unwrap();
    let (head, ()) = Request::get("/?a=b+c").body(()).unwrap().into_parts();
    let Some(Handshake::Answer(answer)) = verifier.handshake_in_head(&head, NOW).unwrap() else { panic!() };
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (202, &b"b c"[..]));
    assert_eq!(answer.headers()["x-hook-echo"], "b c");
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let (status, headers, body) = (answer.status(), answer.headers().clone(), answer.body().clone());
    let response = answer.into_response();
    assert_eq!((response.status(), response.headers(), response.body()), (status, &headers, &body));
}

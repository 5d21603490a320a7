//! `VerifyLayer`.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::common::{Calls, NOW, SECRET, Script, Step, assert_refused, github, layer, send, signed};
use bytes::Bytes;
use countersign_tower::{
    VerifiedBody,
    countersign::{Delivery, Rejection, Scheme, Signer, Timestamp, Verifier, providers},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};

/// The signed request with its body replaced by a scripted one.
fn scripted(body: &'static str, steps: impl IntoIterator<Item = Step>) -> (Request<Script>, Calls) {
    let (parts, _) = signed(body).into_parts();
    let (script, polls) = Script::new(steps);
    (Request::from_parts(parts, script), polls)
}

#[tokio::test]
async fn a_signed_request_reaches_the_service_with_its_body_and_proof() {
    let calls = Calls::default();
    let response = send(layer(github()), &calls, signed("{\"a\":1}").map(Full::new)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{\"a\":1}");
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_verified_body_has_its_length_and_its_end() {
    for sent in ["{\"a\":1}", ""] {
        let handler = service_fn(move |request: Request<VerifiedBody>| async move {
            let mut body = request.into_body();
            assert_eq!((body.as_ref(), Bytes::from(body.clone())), (sent.as_bytes(), Bytes::from(sent)));
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(sent.len() as u64), sent.is_empty()));
            let mut read = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                read.extend(frame.into_data().unwrap());
            }
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(read))))
        });
        let response = layer(github()).layer(handler).oneshot(signed(sent).map(Full::new)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), sent);
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_the_same_body() {
    let steps = [Step::Chunk(b"{\"a\""), Step::Chunk(b""), Step::Chunk(b":1}"), Step::Trailers];
    let (request, _) = scripted("{\"a\":1}", steps);
    let response = send(layer(github()), &Calls::default(), request).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{\"a\":1}");
}

#[tokio::test]
async fn a_body_of_one_chunk_is_handed_on_without_a_copy() {
    let request = signed("{\"a\":1}");
    let sent = request.body().as_ptr();
    let response = send(layer(github()), &Calls::default(), request.map(Full::new)).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().as_ptr(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_waited_for_before_and_between_its_chunks() {
    let wait = || Step::Wait(Duration::from_secs(3));
    let (request, _) = scripted("{\"a\":1}", [wait(), Step::Chunk(b"{\"a\""), wait(), Step::Chunk(b":1}"), wait()]);
    let calls = Calls::default();
    let response = send(layer(github()), &calls, request).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{\"a\":1}");
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_waited_for_holds_no_permit_of_an_inner_concurrency_limit() {
    let handler = service_fn(|_: Request<VerifiedBody>| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let service = layer(github()).layer(ConcurrencyLimit::new(handler, 1));
    let (slow, _) = scripted("{}", [Step::Wait(Duration::from_secs(5)), Step::Chunk(b"{}")]);
    // Kept by whoever called it, as a server keeps the service of a connection.
    let mut kept = service.clone();
    let slow = tokio::spawn(ServiceExt::<Request<Script>>::ready(&mut kept).await.unwrap().call(slow));
    tokio::time::sleep(Duration::from_millis(1)).await;

    let start = Instant::now();
    let quick = timeout(Duration::from_secs(60), service.clone().oneshot(signed("{}").map(Full::new)));
    let quick = quick.await.expect("there is a place").unwrap();
    assert_eq!(
        (quick.status(), start.elapsed().as_secs()),
        (StatusCode::OK, 1),
        "behind a body that proves nothing yet"
    );
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    drop(kept);

    // It waits for its place when it is verified, as all do.
    let (slow, _) = scripted("{}", [Step::Wait(Duration::from_millis(1)), Step::Chunk(b"{}")]);
    let two = [tokio::spawn(service.clone().oneshot(slow)), tokio::spawn(service.oneshot(signed("{}").map(Full::new)))];
    let start = Instant::now();
    for one in two {
        assert_eq!(one.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_verified_request_waits_for_a_service_that_is_busy_but_not_for_ever() {
    let handler = service_fn(|_: Request<VerifiedBody>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let mut service =
        layer(github()).with_body_timeout(Duration::from_secs(7)).layer(ConcurrencyLimit::new(handler, 1));
    let (slow, _) = scripted("{}", [Step::Wait(Duration::from_secs(5)), Step::Chunk(b"{}")]);
    let slow = ServiceExt::<Request<Script>>::ready(&mut service).await.unwrap().call(slow);
    let start = Instant::now();
    let slow = tokio::spawn(async move { (slow.await.unwrap(), start.elapsed().as_secs()) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let busy = tokio::spawn(service.oneshot(signed("{}").map(Full::new)));

    let (late, seconds) = timeout(Duration::from_secs(60), slow).await.expect("it waits for ever").unwrap();
    assert_eq!((late.status(), seconds), (StatusCode::SERVICE_UNAVAILABLE, 5 + 7));
    assert_eq!(late.extensions().get(), Some(&Rejection::ServiceNotReady { limit: Duration::from_secs(7) }));
    assert!(late.headers().contains_key("retry-after") && !busy.is_finished());
}

#[tokio::test]
async fn a_provider_that_wants_a_certain_status_for_a_wrong_signature_gets_it() {
    let verifier = Verifier::new(providers::GOCARDLESS, SECRET).unwrap();
    let unsigned = || Request::post("/").body(Full::new(Bytes::new())).unwrap();
    assert_refused(layer(verifier.clone()), unsigned(), 498, "missing_signature").await;
    let request =
        Request::post("/").header("Webhook-Signature", "00".repeat(32)).body(Full::new(Bytes::new())).unwrap();
    assert_refused(layer(verifier.clone()), request, 498, "signature").await;
    // What has nothing to do with the signature is as ever.
    let large = Signer::new(providers::GOCARDLESS, SECRET).unwrap();
    let large = large.sign(Request::post("/").body(Bytes::from_static(b"{}")).unwrap(), NOW).unwrap().map(Full::new);
    assert_refused(layer(verifier).with_body_limit(1), large, 413, "body_too_large").await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let request = Request::put("/").body(Full::new(Bytes::new())).unwrap();
    let response = send(layer(github()), &Calls::default(), request).await;
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &HeaderValue::from_static("POST")));
}

#[tokio::test]
async fn a_body_that_has_ended_is_not_polled_again() {
    let (request, polls) = scripted("{}", [Step::Last(b"{}"), Step::Break]);
    assert_eq!(send(layer(github()), &Calls::default(), request).await.status(), StatusCode::OK);
    assert_eq!(polls.count(), 1);
}

pin_project_lite::pin_project! {
    /// A body that must stay where it is once it was asked.
    struct Unmovable {
        #[pin]
        body: Script,
        #[pin]
        pinned: std::marker::PhantomPinned,
    }
}

impl Body for Unmovable {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.project().body.poll_frame(context)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_must_not_be_moved_is_read_like_others() {
    let (request, _) = scripted("{}", [Step::Chunk(b"{"), Step::Wait(Duration::from_secs(1)), Step::Chunk(b"}")]);
    let request = request.map(|body| Unmovable { body, pinned: std::marker::PhantomPinned });
    assert_eq!(send(layer(github()), &Calls::default(), request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_scheme_that_needs_the_whole_body_gets_it_without_a_copy_too() {
    let verifier = Verifier::new(providers::LINEAR, SECRET).unwrap();
    let signer = Signer::new(providers::LINEAR, SECRET).unwrap();
    let request = signer.sign(Request::post("/").body("{\"type\":\"Issue\"}").unwrap(), NOW).unwrap();
    let sent = request.body().as_ptr();
    let response = send(layer(verifier), &Calls::default(), request.map(Full::new)).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().as_ptr(), sent);
}

#[tokio::test]
async fn a_head_that_is_refused_costs_no_poll_of_the_body() {
    let (mut request, polls) = scripted("{}", [Step::Chunk(b"{}")]);
    request.headers_mut().remove("x-hub-signature-256");
    assert_refused(layer(github()), request, 400, "missing_signature").await;
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn a_stale_request_is_refused_before_its_body_is_polled() {
    let signer = Signer::new(providers::STRIPE, SECRET).unwrap();
    let stale = Timestamp::from_unix_seconds(NOW.unix_seconds() - 301);
    let (parts, _) = signer.sign(Request::post("/").body("{}").unwrap(), stale).unwrap().into_parts();
    let (script, polls) = Script::new([Step::Chunk(b"{}")]);
    let verifier = Verifier::new(providers::STRIPE, SECRET).unwrap();
    assert_refused(layer(verifier), Request::from_parts(parts, script), 401, "timestamp_too_old").await;
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn a_refused_password_gets_a_challenge_and_a_refused_signature_does_not() {
    let toml =
        "name = \"B\"\n[signature]\nalgorithm = \"basic\"\ncovers_body = false\n[event]\ntold_apart_by = \"nothing\"";
    let scheme = Scheme::from_toml("b", toml).unwrap();
    let basic = |password| Verifier::new(&scheme, password).unwrap();
    let right = "user:a-long-password";
    let empty = || Request::post("/").body(Full::new(Bytes::new())).unwrap();
    let signed = || {
        let request = Request::post("/").body("{}").unwrap();
        Signer::new(&scheme, right).unwrap().sign(request, NOW).unwrap().map(Full::new)
    };
    let missing = send(layer(basic(right)), &Calls::default(), empty()).await;
    let wrong = send(layer(basic("user:another-password")), &Calls::default(), signed()).await;
    for asked in [missing, wrong] {
        assert_eq!(asked.status(), 401);
        assert_eq!(asked.headers()["www-authenticate"], "Basic realm=\"webhooks\", charset=\"UTF-8\"");
    }
    let large = send(layer(basic(right)).with_body_limit(1), &Calls::default(), signed()).await;
    let unsigned = send(layer(github()), &Calls::default(), empty()).await;
    let (forged, _) = scripted("{}", [Step::Chunk(b"[]")]);
    let forged = send(layer(github()), &Calls::default(), forged).await;
    for (refused, status) in [(unsigned, 400), (forged, 401), (large, 413)] {
        assert!(refused.status() == status && !refused.headers().contains_key("www-authenticate"), "{refused:?}");
    }
}

#[tokio::test]
async fn the_debug_output_of_a_verified_request_has_no_secret_of_the_body() {
    // Moyasar sends the secret there.
    let verifier = Verifier::new(providers::MOYASAR, SECRET).unwrap();
    let request =
        Signer::new(providers::MOYASAR, SECRET).unwrap().sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
    assert!(request.body().windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
    let service = service_fn(|request: Request<VerifiedBody>| async move {
        let delivery = request.extensions().get::<Delivery>().unwrap();
        let shown = format!("{request:?} {delivery:?} {:?}", delivery.payload());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(shown))))
    });
    let answer = layer(verifier).layer(service).oneshot(request.map(Full::new)).await.unwrap();
    let shown = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(shown.contains("VerifiedBody") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn a_changed_body_is_refused() {
    let (request, _) = scripted("{\"a\":1}", [Step::Chunk(b"{\"a\":2}")]);
    assert_refused(layer(github()), request, 401, "signature").await;
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_the_body_is_polled() {
    let (mut request, polls) = scripted("{}", [Step::Chunk(b"{}")]);
    request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("17"));
    assert_refused(layer(github()).with_body_limit(16), request, 413, "body_too_large").await;
    assert_eq!(polls.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_size_hint_is_over_the_limit_is_refused_before_it_is_polled() {
    let chunks = || [Step::Chunk(b"12345678"), Step::Wait(Duration::from_secs(1)), Step::Chunk(b"12345678")];
    let limited = || layer(github()).with_body_limit(16);
    let (request, polls) = scripted("", chunks().into_iter().chain([Step::Chunk(b"1")]));
    assert_refused(limited(), request.map(Script::telling_length), 413, "body_too_large").await;
    assert_eq!(polls.count(), 0);

    let (request, _) = scripted("1234567812345678", chunks());
    let mut request = request.map(Script::telling_length);
    request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("16"));
    let response = send(limited(), &Calls::default(), request).await;
    assert_eq!(response.status(), StatusCode::OK, "a body of just the limit");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_up_to_the_limit() {
    let chunks = || [Step::Chunk(b"12345678"), Step::Chunk(b"12345678"), Step::Chunk(b"1"), Step::Chunk(b"2")];
    let (request, polls) = scripted("", chunks());
    assert_refused(layer(github()).with_body_limit(16), request, 413, "body_too_large").await;
    assert_eq!(polls.count(), 3, "the body was polled behind the limit");

    let (request, _) = scripted("1234567812345678", chunks().into_iter().take(2));
    let response = send(layer(github()).with_body_limit(16), &Calls::default(), request).await;
    assert_eq!(response.status(), StatusCode::OK, "a body of just the limit");
}

#[tokio::test]
async fn the_default_body_limit_is_a_mebibyte() {
    for (length, status) in [(1 << 20, StatusCode::OK), ((1 << 20) + 1, StatusCode::PAYLOAD_TOO_LARGE)] {
        let request = signed("x".repeat(length).leak()).map(Full::new);
        assert_eq!(send(layer(github()), &Calls::default(), request).await.status(), status, "{length} bytes");
    }
}

#[tokio::test]
async fn a_limit_of_another_layer_around_the_body_is_body_too_large() {
    let calls = Calls::default();
    let (parts, body) = signed("{\"a\":1}").into_parts();
    let limited = Limited::new(Full::new(body), 2);
    let response = send(layer(github()), &calls, Request::from_parts(parts, limited)).await;
    assert_eq!((response.status(), calls.count()), (StatusCode::PAYLOAD_TOO_LARGE, 0));
}

#[tokio::test]
async fn a_length_that_is_not_the_announced_one_is_refused() {
    for announced in ["1", "3"] {
        let (mut request, _) = scripted("{}", [Step::Chunk(b"{}")]);
        request.headers_mut().insert(header::CONTENT_LENGTH, announced.parse().unwrap());
        assert_refused(layer(github()), request, 400, "body_incomplete").await;
    }
}

#[tokio::test]
async fn an_announced_length_that_is_no_number_is_refused() {
    for announced in ["", "+2", "0x2", "2,2", "two", "-1", "2 2"] {
        let (mut request, polls) = scripted("{}", [Step::Chunk(b"{}")]);
        request.headers_mut().insert(header::CONTENT_LENGTH, announced.parse().unwrap());
        assert_refused(layer(github()), request, 400, "content_length").await;
        assert_eq!(polls.count(), 0);
    }
    let (mut request, _) = scripted("{}", [Step::Chunk(b"{}")]);
    request.headers_mut().append(header::CONTENT_LENGTH, HeaderValue::from_static("2"));
    request.headers_mut().append(header::CONTENT_LENGTH, HeaderValue::from_static("3"));
    assert_refused(layer(github()), request, 400, "content_length").await;

    let (mut request, _) = scripted("{}", [Step::Chunk(b"{}")]);
    request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("99999999999999999999999"));
    assert_refused(layer(github()), request, 413, "body_too_large").await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_refused_at_the_deadline() {
    let drip = (0..100).flat_map(|_| [Step::Wait(Duration::from_secs(1)), Step::Chunk(b"x")]);
    let (request, polls) = scripted("{}", drip);
    let start = tokio::time::Instant::now();
    assert_refused(layer(github()).with_body_timeout(Duration::from_secs(7)), request, 408, "body_timeout").await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    assert!(polls.count() < 20);
}

#[tokio::test(start_paused = true)]
async fn the_connection_of_a_body_that_does_not_come_in_time_is_closed() {
    let (request, _) = scripted("{}", [Step::Wait(Duration::from_secs(11)), Step::Chunk(b"{}")]);
    let response = send(layer(github()), &Calls::default(), request).await;
    let connection = &response.headers()[header::CONNECTION];
    assert_eq!((response.status(), connection), (StatusCode::REQUEST_TIMEOUT, &HeaderValue::from_static("close")));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let (request, _) = scripted("{}", [Step::Chunk(b"{"), Step::Break]);
    assert_refused(layer(github()), request, 400, "body_incomplete").await;
}

#[tokio::test]
async fn duplicate_signature_headers_are_refused_whether_they_differ_or_not() {
    let mut request = signed("{}").map(Full::new);
    let signature = request.headers()["x-hub-signature-256"].clone();
    request.headers_mut().append("x-hub-signature-256", signature);
    assert_refused(layer(github()), request.clone(), 400, "malformed_signature").await;

    let other = HeaderValue::from_static("sha256=0000000000000000000000000000000000000000000000000000000000000000");
    request.headers_mut().append("x-hub-signature-256", other);
    assert_refused(layer(github()), request, 400, "malformed_signature").await;
}

#[tokio::test]
async fn another_method_is_refused() {
    let mut request = signed("{}").map(Full::new);
    *request.method_mut() = http::Method::GET;
    assert_refused(layer(github()), request, 405, "method").await;
}

#[tokio::test]
async fn a_token_is_judged_before_the_body_is_polled() {
    let (script, polls) = Script::new([Step::Chunk(b"{}")]);
    let request = Request::post("/").header("x-gitlab-token", "wrong").body(script).unwrap();
    let verifier = Verifier::new(providers::GITLAB, SECRET).unwrap();
    assert_refused(layer(verifier), request, 401, "signature").await;
    assert_eq!(polls.count(), 0);
}

#[tokio::test]
async fn an_empty_body_that_is_signed_is_accepted() {
    let response = send(layer(github()), &Calls::default(), signed("").map(Full::<Bytes>::new)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

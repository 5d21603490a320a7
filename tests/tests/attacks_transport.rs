//! Attacks below the signature: lengths, slow and broken bodies, headers that are not text, long lists, missing layers.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Extension, Router, body::Body, extract::DefaultBodyLimit};
use bytes::Bytes;
use countersign::{Delivery, Rejection, Signer, Verifier, providers};
use countersign_tests::{
    app::{Answer, App, Step, Wire},
    endpoint::{Endpoint, NOW},
};
use countersign_tower::{KeyResolver, TenantKeys, VerifiedBody, VerifyLayer};
use http::{HeaderName, HeaderValue, Request, StatusCode, header, request::Parts};
use tower::ServiceExt;

const MIB: usize = 1024 * 1024;

fn github() -> Endpoint {
    Endpoint::find("github")
}

fn layer(endpoint: &Endpoint) -> VerifyLayer<Verifier> {
    VerifyLayer::new(endpoint.verifier()).with_clock(|| NOW)
}

/// A signed request whose body arrives in these steps, and a counter of the bytes that were read.
fn arriving(
    endpoint: &Endpoint,
    body: &Bytes,
    steps: Vec<Step>,
) -> (Request<Body>, Arc<std::sync::atomic::AtomicUsize>) {
    let (parts, _) = endpoint.sign(endpoint.request(body.clone()), NOW).into_parts();
    let (wire, taken) = Wire::with_count(steps);
    (Request::from_parts(parts, wire), taken)
}

fn pieces(body: &Bytes, size: usize) -> Vec<Step> {
    (0..body.len()).step_by(size).map(|at| Step::Bytes(body.slice(at..body.len().min(at + size)))).collect()
}

#[tokio::test]
async fn e4_a_body_of_just_the_limit_passes_and_one_byte_more_does_not() {
    let endpoint = github();
    let app = App::behind(layer(&endpoint).with_body_limit(1000));
    for (len, status) in [(0, 200), (999, 200), (1000, 200), (1001, 413), (5000, 413)] {
        let body = Bytes::from(vec![b'a'; len]);
        assert_eq!(
            app.send(endpoint.sign(endpoint.request(body.clone()), NOW)).await.status,
            status,
            "{len} in one piece"
        );
        let (request, taken) = arriving(&endpoint, &body, pieces(&body, 100));
        assert_eq!(app.send_body(request).await.status, status, "{len} in pieces");
        assert!(taken.load(Ordering::SeqCst) <= 1100, "{len}: read on behind the limit");
    }
    assert_eq!(app.calls(), 6);
}

#[tokio::test]
async fn e4_a_body_without_a_length_is_cut_off_behind_the_limit() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    let endless = Bytes::from(vec![b'a'; 64 * MIB]);
    let (request, taken) = arriving(&endpoint, &endless, pieces(&endless, 64 * 1024));
    assert_eq!(app.send_body(request).await.code(), "body_too_large");
    assert!(taken.load(Ordering::SeqCst) <= MIB + 64 * 1024);
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn e4_an_announced_length_over_the_limit_costs_no_byte() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    for announced in ["1048577", "99999999999999999999999999", "18446744073709551615", "18446744073709551616"] {
        let body = Bytes::from("{}");
        let (mut request, taken) = arriving(&endpoint, &body, pieces(&body, 1));
        request.headers_mut().insert(header::CONTENT_LENGTH, announced.parse().unwrap());
        assert_eq!(app.send_body(request).await.code(), "body_too_large", "{announced}");
        assert_eq!(taken.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn e4_a_length_that_lies_is_refused() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    let body = Bytes::from("{\"a\":1}");
    for (announced, code) in [
        ("6", "body_incomplete"),
        ("8", "body_incomplete"),
        ("0", "body_incomplete"),
        ("1048576", "body_incomplete"),
        ("-7", "content_length"),
        ("+7", "content_length"),
        ("7,7", "content_length"),
        ("", "content_length"),
        ("0x7", "content_length"),
        ("7.0", "content_length"),
        ("seven", "content_length"),
        ("7 7", "content_length"),
        ("7", ""),
        ("07", ""),
    ] {
        let (mut request, _) = arriving(&endpoint, &body, pieces(&body, 3));
        request.headers_mut().insert(header::CONTENT_LENGTH, announced.parse().unwrap());
        assert_eq!(app.send_body(request).await.code(), code, "`{announced}`");
    }
    let (mut request, _) = arriving(&endpoint, &body, pieces(&body, 3));
    request.headers_mut().append(header::CONTENT_LENGTH, "7".parse().unwrap());
    request.headers_mut().append(header::CONTENT_LENGTH, "6".parse().unwrap());
    assert_eq!(app.send_body(request).await.code(), "content_length");
    assert_eq!(app.calls(), 2);
}

#[tokio::test]
async fn e4_a_refused_head_costs_no_byte_of_the_body_for_any_scheme_with_its_signature_there() {
    for endpoint in Endpoint::every() {
        let Some(name) = endpoint.scheme.signature_header() else { continue };
        let app = App::new(endpoint.verifier());
        let (parts, body) = endpoint.fitted().into_parts();
        let (wire, taken) = Wire::with_count(pieces(&body, 10));
        let mut request = Request::from_parts(parts, wire);
        request.headers_mut().remove(name);
        // An unsigned question may be in the body, which is then read up to a limit.
        if endpoint.verifier().may_be_question(&request) {
            continue;
        }
        assert_eq!(app.send_body(request).await.code(), "missing_signature", "{}", endpoint.id());
        assert_eq!(taken.load(Ordering::SeqCst), 0, "{}", endpoint.id());
    }
}

#[tokio::test(start_paused = true)]
async fn e5_a_body_that_drips_is_refused_at_the_deadline() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    let body = Bytes::from(vec![b'a'; 60]);
    let drip = pieces(&body, 1).into_iter().flat_map(|piece| [Step::Wait(Duration::from_secs(1)), piece]).collect();
    let (request, taken) = arriving(&endpoint, &body, drip);
    let start = tokio::time::Instant::now();
    let answer = app.send_body(request).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::REQUEST_TIMEOUT, "body_timeout"));
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(taken.load(Ordering::SeqCst) <= 10);
    assert_eq!(app.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn e5_a_slow_body_within_the_deadline_passes_and_one_that_never_comes_does_not() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    let body = Bytes::from("{}");
    for (wait, status) in [(9, 200), (11, 408), (1_000_000, 408)] {
        let steps = vec![Step::Wait(Duration::from_secs(wait)), Step::Bytes(body.clone())];
        let (request, _) = arriving(&endpoint, &body, steps);
        assert_eq!(app.send_body(request).await.status, status, "{wait} s");
    }
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn e7_a_header_in_two_lines_is_refused_even_if_both_say_the_same() {
    for endpoint in Endpoint::every() {
        let app = App::new(endpoint.verifier());
        let signed = endpoint.fitted();
        // Some providers send a signature for each of their keys in a line of its own.
        let every = endpoint.toml.contains("every = true");
        let is_one_of_many = |name: &HeaderName| every && endpoint.scheme.signature_header() == Some(name);
        for name in endpoint.proving_headers(&signed).into_iter().filter(|name| !is_one_of_many(name)) {
            let value = signed.headers()[&name].clone();
            let other = HeaderValue::from_static("1");
            for (first, second) in [(value.clone(), other.clone()), (other, value.clone()), (value.clone(), value)] {
                let mut request = signed.clone();
                request.headers_mut().insert(&name, first);
                request.headers_mut().append(&name, second);
                let answer = app.send(request).await;
                // RFC 9421 joins the lines of a covered header, which makes another value.
                let is_joined = answer.status == 401 && endpoint.reading.algorithm() == "http-signature";
                assert!(is_joined || answer.status == endpoint.refusal(400), "{}: two lines of {name}", endpoint.id());
            }
        }
        assert_eq!(app.calls(), 0);
    }
}

#[tokio::test]
async fn e8_a_byte_that_is_no_text_in_any_header_is_refused_or_none_of_the_schemes_business() {
    for endpoint in Endpoint::every() {
        let app = App::new(endpoint.verifier());
        let signed = endpoint.fitted();
        let (read, file) = (endpoint.proving_headers(&signed), endpoint.toml.to_lowercase());
        for (name, value) in signed.headers() {
            // One right tag of two is enough, so bytes around the other change nothing; nor do bytes in the place of
            // `{any}`.
            let any = endpoint.reading.tag_template().is_some_and(|template| template.contains("{any}"));
            if (any || endpoint.reading.tags() > 1) && endpoint.scheme.signature_header() == Some(name) {
                continue;
            }
            let value = value.as_bytes();
            for bytes in [b"\xff".to_vec(), [value, b"\xff"].concat(), [b"\xff", value].concat(), vec![0x80; 20]] {
                let mut request = signed.clone();
                request.headers_mut().insert(name, HeaderValue::from_bytes(&bytes).unwrap());
                let answer = app.send(request).await;
                let is_refused = answer.status.is_client_error();
                assert!(is_refused || !read.contains(name), "{}: {name}: {answer:?}", endpoint.id());
                let may_be_refused = read.contains(name) || file.contains(name.as_str());
                assert!(!is_refused || may_be_refused, "{}: {name}: {answer:?}", endpoint.id());
            }
        }
    }
}

#[tokio::test]
async fn e9_a_long_list_of_signatures_is_refused_before_the_body_is_read() {
    for (id, header, tag, separator) in [
        ("stripe", "stripe-signature", "v1=", ","),
        ("standard-webhooks", "webhook-signature", "v1,", " "),
        ("svix", "svix-signature", "v1,", " "),
        ("orb", "x-orb-signature", "v1=", " "),
        ("paddle", "paddle-signature", "h1=", ";"),
    ] {
        let endpoint = Endpoint::find(id);
        let app = App::new(endpoint.verifier());
        let right = endpoint.sample().headers()[header].to_str().unwrap().to_owned();
        let right = right.rsplit(separator).next().unwrap().to_owned();
        let front = endpoint.sample().headers()[header].to_str().unwrap().strip_suffix(&right).unwrap().to_owned();
        assert!(right.starts_with(tag));
        for (count, accepted) in [(1, true), (32, true), (33, false), (100, false), (1000, false)] {
            let list = vec![right.clone(); count].join(separator);
            let (parts, body) = endpoint.sample().into_parts();
            let (wire, taken) = Wire::with_count(pieces(&body, 1000));
            let mut request = Request::from_parts(parts, wire);
            request.headers_mut().insert(header, format!("{front}{list}").parse().unwrap());
            let answer = app.send_body(request).await;
            assert_eq!(answer.status.is_success(), accepted, "{id}: {count}: {answer:?}");
            assert_eq!(taken.load(Ordering::SeqCst) > 0, accepted, "{id}: {count}");
        }
    }
}

#[test]
fn e9_a_full_list_of_wrong_signatures_is_judged_in_one_pass_over_the_body() {
    let endpoint = Endpoint::find("standard-webhooks");
    let verifier = endpoint.verifier();
    let mut signed = endpoint.sign(endpoint.request(vec![b'a'; 2 * MIB]), NOW);
    let right = signed.headers()["webhook-signature"].to_str().unwrap().to_owned();
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (last, verdict) in [(right.as_str(), Ok(())), (wrong, Err(Rejection::Signature))] {
        let list = [vec![wrong; 31].join(" "), last.to_owned()].join(" ");
        signed.headers_mut().insert("webhook-signature", list.parse().unwrap());
        let mut pending = verifier.begin(&signed, NOW).unwrap();
        // Each chunk is gone when the next one arrives, and the tags are compared after the last one. So a separate
        // pass for each tag would have nothing left to read.
        signed.body().chunks(64 * 1024).for_each(|chunk| pending.update(chunk));
        assert_eq!(pending.finish().map(drop), verdict);
    }
}

#[tokio::test]
async fn e10_a_limit_of_the_app_above_or_below_the_layers_is_no_panic() {
    let endpoint = github();
    for (len, app_limit, status) in [
        (3 * MIB, None, StatusCode::PAYLOAD_TOO_LARGE),
        (3 * MIB, Some(DefaultBodyLimit::disable()), StatusCode::OK),
        (3 * MIB, Some(DefaultBodyLimit::max(4 * MIB)), StatusCode::OK),
        (MIB, Some(DefaultBodyLimit::max(1000)), StatusCode::PAYLOAD_TOO_LARGE),
        (5 * MIB, Some(DefaultBodyLimit::disable()), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let handler = |_: Extension<Delivery>, _: Bytes| async {};
        let mut router: Router = Router::new().fallback(handler);
        if let Some(limit) = app_limit {
            router = router.layer(limit);
        }
        let router = router.layer(layer(&endpoint).with_body_limit(4 * 1024 * 1024));
        let signed = endpoint.sign(endpoint.request(vec![b'a'; len]), NOW);
        let response = router.oneshot(signed.map(Body::from)).await.unwrap();
        assert_eq!(response.status(), status, "{len} and {app_limit:?}");
    }
}

#[tokio::test]
async fn e10_a_body_that_breaks_off_is_refused() {
    let endpoint = github();
    let app = App::new(endpoint.verifier());
    let body = Bytes::from("{\"a\":1}");
    for whole in [false, true] {
        let mut steps = if whole { pieces(&body, 3) } else { vec![] };
        steps.push(Step::Break);
        let (request, _) = arriving(&endpoint, &body, steps);
        let answer = app.send_body(request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "body_incomplete"));
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn e11_a_handler_that_asks_for_proof_does_not_run_without_the_layer() {
    let handler = |_: Extension<Delivery>| async { "ran" };
    let router: Router = Router::new().fallback(handler);
    let response = router.oneshot(github().sample().map(Body::from)).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Asserts at compile time that a type does not implement a trait: with it, there would be two implementations.
macro_rules! assert_not_impl {
    ($type:ty: $($bound:tt)+) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn some_item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Invalid;
            impl<T: ?Sized + $($bound)+> Ambiguous<Invalid> for T {}
            let _ = <$type as Ambiguous<_>>::some_item;
        };
    };
}

assert_not_impl!(Delivery: Default);
assert_not_impl!(Delivery: From<Bytes>);
assert_not_impl!(VerifiedBody: Default);
assert_not_impl!(VerifiedBody: From<Bytes>);
assert_not_impl!(VerifiedBody: From<&'static str>);
assert_not_impl!(countersign::Verified<'static, Bytes>: Default);
assert_not_impl!(countersign::Secret: Clone);
assert_not_impl!(countersign::Secret: PartialEq);
assert_not_impl!(countersign::Secret: std::fmt::Display);
assert_not_impl!(countersign::Secret: AsRef<[u8]>);

/// A lookup with one tenant, named by the path.
struct Tenants(Verifier);

impl KeyResolver for Tenants {
    type Tenant = String;
    type Error = std::io::Error;

    fn tenant(&self, head: &Parts) -> Option<String> {
        head.uri.path().strip_prefix("/hooks/").map(str::to_owned)
    }

    async fn verifier(&self, tenant: &String) -> Result<Option<Verifier>, Self::Error> {
        Ok((tenant == "known").then(|| self.0.clone()))
    }
}

#[tokio::test]
async fn a13_the_caller_cannot_tell_one_reason_from_another() {
    let verifier = |secret| Verifier::new(providers::SLACK, secret).unwrap();
    let secret = "a-long-random-secret";
    let decoy = verifier("the-random-secret-of-nobody");
    for keys in
        [TenantKeys::new(Tenants(verifier(secret))), TenantKeys::new(Tenants(verifier(secret))).with_decoy(decoy)]
    {
        let app = App::behind(VerifyLayer::new(keys).with_clock(|| NOW));
        let signed = |path: &str, secret: &str, seconds: i64| {
            let request = Request::post(path.to_owned()).body(Bytes::from("{\"a\":1}")).unwrap();
            let at = countersign::Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds);
            Signer::new(providers::SLACK, secret).unwrap().sign(request, at).unwrap()
        };
        assert!(app.send(signed("/hooks/known", secret, 0)).await.status.is_success());
        let refused: Vec<Answer> = vec![
            app.send(signed("/hooks/known", "another-secret", 0)).await,
            app.send(signed("/hooks/known", secret, 0).map(|_| Bytes::from("{\"a\":2}"))).await,
            app.send(signed("/hooks/known", secret, -301)).await,
            app.send(signed("/hooks/known", secret, 301)).await,
            app.send(signed("/hooks/unknown", secret, 0)).await,
            app.send(signed("/elsewhere", secret, 0)).await,
        ];
        let codes: Vec<&str> = refused.iter().map(Answer::code).take(4).collect();
        assert_eq!(codes, ["signature", "signature", "timestamp_too_old", "timestamp_in_future"]);
        // A decoy gives the same verdicts as a tenant's own verifier, and marks them in the log.
        assert!(refused[4..].iter().all(|answer| ["signature", "unknown_key"].contains(&answer.code())));
        for answer in &refused {
            assert_eq!(answer.seen_by_caller(), refused[0].seen_by_caller());
            assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
        }
        assert_eq!(app.calls(), 1);
    }
}

#[tokio::test]
async fn a13_with_a_decoy_a_malformed_request_tells_no_tenant_apart_either() {
    let verifier = |secret| Verifier::new(providers::SLACK, secret).unwrap();
    let keys =
        TenantKeys::new(Tenants(verifier("a-long-random-secret"))).with_decoy(verifier("the-random-secret-of-nobody"));
    let app = App::behind(VerifyLayer::new(keys).with_clock(|| NOW));
    let changes: [fn(&mut Request<Bytes>); 5] = [
        |request| drop(request.headers_mut().remove("x-slack-signature")),
        |request| drop(request.headers_mut().remove("x-slack-request-timestamp")),
        |request| drop(request.headers_mut().insert("x-slack-signature", HeaderValue::from_static("v0=aa"))),
        |request| drop(request.headers_mut().insert("content-length", HeaderValue::from_static("99999999999"))),
        |request| *request.method_mut() = http::Method::GET,
    ];
    for change in changes {
        let mut seen = Vec::new();
        for path in ["/hooks/known", "/hooks/unknown", "/elsewhere"] {
            let request = Request::post(path).body(Bytes::from("{}")).unwrap();
            let mut request =
                Signer::new(providers::SLACK, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
            change(&mut request);
            let answer = app.send(request).await;
            assert!(answer.rejection.is_some());
            seen.push(answer.seen_by_caller());
        }
        assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
    }
    let reasons = |rejection: Rejection| rejection.status();
    assert_eq!(reasons(Rejection::Signature), reasons(Rejection::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn a13_an_unknown_tenant_takes_as_long_and_as_many_bytes_as_a_known_one() {
    let verifier = |secret| Verifier::new(providers::SLACK, secret).unwrap();
    let keys =
        TenantKeys::new(Tenants(verifier("a-long-random-secret"))).with_decoy(verifier("the-random-secret-of-nobody"));
    let app = App::behind(VerifyLayer::new(keys).with_clock(|| NOW).with_body_limit(1000));
    let whole = |body: &Bytes| {
        let slowly = |piece| [Step::Wait(Duration::from_millis(100)), piece];
        pieces(body, 50).into_iter().flat_map(slowly).collect::<Vec<_>>()
    };
    let body = Bytes::from(vec![b'a'; 300]);
    let arriving: [(&str, Vec<Step>); 5] = [
        ("signature", whole(&body)),
        ("signature", pieces(&body, 300)),
        ("body_too_large", whole(&Bytes::from(vec![b'a'; 1300]))),
        ("body_timeout", [pieces(&body, 100), vec![Step::Wait(Duration::from_secs(60))]].concat()),
        ("body_incomplete", [pieces(&body, 100), vec![Step::Break]].concat()),
    ];
    for (code, steps) in arriving {
        let mut seen = Vec::new();
        for path in ["/hooks/known", "/hooks/unknown", "/elsewhere"] {
            let request = Request::post(path).body(body.clone()).unwrap();
            let signed = Signer::new(providers::SLACK, "another-long-secret").unwrap().sign(request, NOW).unwrap();
            let (wire, taken) = Wire::with_count(steps.clone());
            let start = tokio::time::Instant::now();
            let answer = app.send_body(signed.map(|_| wire)).await;
            assert_eq!(answer.code(), code, "{path}: {answer:?}");
            seen.push((answer.seen_by_caller(), taken.load(Ordering::SeqCst), start.elapsed()));
        }
        assert!(seen[0].1 > 0 && seen.iter().all(|one| *one == seen[0]), "{code}: {seen:?}");
    }
    assert_eq!(app.calls(), 0);
}

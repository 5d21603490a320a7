//! `IdempotentAnswers`: the first answer, repeated to duplicates.

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use countersign_tower::{
    ReplayLayer, VerifiedBody, VerifyLayer,
    countersign::{Delivery, Rejection, Scheme, Signer, Verifier, providers},
    replay::IdempotentAnswers,
};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common::{Do, Endpoint, SECRET, layer};

#[tokio::test]
async fn a_duplicate_gets_the_first_answer_again() {
    let endpoint = Endpoint::new(layer().with_idempotent_answers(IdempotentAnswers::new()));
    endpoint.script([Do::AnswerWith("made: 17")]);
    let first = endpoint.runs("{}").await;
    assert_eq!((first.status, &first.body[..], first.code), (201, &b"made: 17"[..], ""));
    for _ in 0..3 {
        let again = endpoint.deliver("{}").await;
        assert_eq!((again.status, &again.body, again.has_headers), (201, &first.body, true));
        assert_eq!(again.code, "replayed", "the log can still tell");
    }
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_not_repeated() {
    let endpoint = Endpoint::new(layer().with_idempotent_answers(IdempotentAnswers::new()));
    endpoint.script([Do::Answer(500), Do::AnswerWith("well")]);
    assert_eq!(endpoint.runs("{}").await.status, 500);
    assert_eq!(endpoint.runs("{}").await.body, "well");
    assert_eq!(endpoint.deliver("{}").await.body, "well");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_passed_on_but_not_kept() {
    let limits = IdempotentAnswers::new().with_byte_limit(1 << 20).with_answer_byte_limit(1000);
    let endpoint = Endpoint::new(layer().with_idempotent_answers(limits));
    let long: &'static str = "x".repeat(1001).leak();
    endpoint.script([Do::AnswerWith(long), Do::AnswerWith("short")]);
    assert_eq!(endpoint.runs("1").await.body, long);
    endpoint.refuses("1", 200, "replayed").await;
    assert_eq!(endpoint.runs("2").await.body, "short");
    assert_eq!(endpoint.deliver("2").await.body, "short");
}

#[tokio::test]
async fn the_largest_allowed_answer_is_kept_on_any_number_of_cores() {
    for (bytes, each, length) in
        [(1 << 20, 1 << 20, 200_000), (16 << 20, 16 << 20, 3 << 20), (16 << 20, 64 << 10, 65_000)]
    {
        let limits = IdempotentAnswers::new().with_byte_limit(bytes).with_answer_byte_limit(each);
        let endpoint = Endpoint::new(layer().with_idempotent_answers(limits));
        let long: &'static str = "x".repeat(length).leak();
        endpoint.script([Do::AnswerWith(long)]);
        assert_eq!(endpoint.runs("{}").await.body, long);
        assert!(endpoint.deliver("{}").await.body == long, "{length} bytes of {each} in {bytes}");
    }
}

#[tokio::test]
async fn a_duplicate_whose_answer_is_not_kept_gets_the_provider_s_acknowledgement() {
    let scheme = Scheme::from_toml(
        "acme",
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
         [answers]\nbody = \"received\"\n",
    );
    let scheme = scheme.unwrap();
    let endpoint = Endpoint::of(Verifier::new(&scheme, SECRET).unwrap(), layer());
    let signed = || {
        let request = Request::post("/hooks").body(Bytes::from_static(b"{}")).unwrap();
        Signer::new(&scheme, SECRET).unwrap().sign(request, endpoint.clock.now()).unwrap().map(Full::new)
    };
    assert_eq!(endpoint.send(signed()).await.unwrap().status, 202);
    let again = endpoint.send(signed()).await.unwrap();
    assert_eq!((again.status, &again.body[..], again.code), (200, &b"received"[..], "replayed"));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_end_the_retries_is_not_repeated() {
    let scheme = |answers: &str| {
        let scheme = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                      signs = \"{body}\"\n[answers]\n";
        Scheme::from_toml("acme", &format!("{scheme}{answers}")).unwrap()
    };
    let made = || Do::AnswerWith("made");
    for (answers, first, again) in [
        ("success = \"200\"", made(), (200, "")),
        ("success = \"204\"", made(), (204, "")),
        ("success = \"201\"", made(), (201, "made")),
        ("success = \"2xx\"\nbody = \"well\"", made(), (200, "well")),
        ("success = \"2xx\"\nbody = \"made\"", made(), (201, "made")),
    ] {
        let scheme = scheme(answers);
        let layer = layer().with_idempotent_answers(IdempotentAnswers::new());
        let endpoint = Endpoint::of(Verifier::new(&scheme, SECRET).unwrap(), layer);
        endpoint.script([first]);
        for expected in [(201, "made"), again, again] {
            let request = Request::post("/hooks").body(Bytes::from_static(b"{}")).unwrap();
            let signed = Signer::new(&scheme, SECRET).unwrap().sign(request, endpoint.clock.now()).unwrap();
            let got = endpoint.send(signed.map(Full::new)).await.unwrap();
            assert_eq!((got.status, &got.body[..]), (expected.0, expected.1.as_bytes()), "{answers}");
        }
        assert_eq!(endpoint.calls(), 1);
    }
}

#[tokio::test]
async fn the_answer_of_an_earlier_handling_is_forgotten() {
    let limits = IdempotentAnswers::new().with_answer_byte_limit(1000);
    let layer = layer().with_keep_for(Duration::from_secs(4 * 86_400), []).unwrap();
    let endpoint = Endpoint::new(layer.with_idempotent_answers(limits));
    endpoint.script([Do::AnswerWith("short"), Do::AnswerWith("x".repeat(1001).leak())]);
    endpoint.runs("{}").await;
    assert_eq!(endpoint.deliver("{}").await.body, "short");
    endpoint.clock.advance(5 * 86_400);
    endpoint.runs("{}").await;
    endpoint.refuses("{}", 200, "replayed").await;
}

#[tokio::test]
async fn a_single_answer_is_kept_too() {
    let endpoint = Endpoint::new(layer().with_idempotent_answers(IdempotentAnswers::new().with_count_limit(1)));
    for event in ["1", "2"] {
        endpoint.script([Do::AnswerWith(event)]);
        endpoint.runs(event).await;
        assert_eq!(endpoint.deliver(event).await.body, event);
    }
    endpoint.refuses("1", 200, "replayed").await;
}

#[tokio::test]
async fn no_more_answers_are_kept_than_the_limit_and_their_events_stay_done() {
    for (limits, most) in [
        (IdempotentAnswers::new().with_count_limit(10), 10),
        (IdempotentAnswers::new().with_byte_limit(10_000).with_answer_byte_limit(1000), 10_000 / 256),
        (IdempotentAnswers::new().with_count_limit(0), 0),
    ] {
        let endpoint = Endpoint::new(layer().with_idempotent_answers(limits));
        let events: Vec<&'static str> = (0..100).map(|number| &*number.to_string().leak()).collect();
        for event in &events {
            endpoint.script([Do::AnswerWith("an answer")]);
            endpoint.runs(event).await;
        }
        let mut repeated = 0;
        for event in &events {
            let got = endpoint.deliver(event).await;
            assert_eq!(got.code, "replayed");
            repeated += usize::from(got.status == 201);
        }
        assert!(repeated <= most, "{repeated} were kept");
        assert_eq!(endpoint.calls(), 100);
    }
}

#[tokio::test]
async fn a_request_without_its_delivery_is_answered_500() {
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    let handler =
        service_fn(|_: Request<VerifiedBody>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let guarded = layer().layer(handler);
    let robbed = service_fn(move |mut request: Request<VerifiedBody>| {
        request.extensions_mut().remove::<Delivery>();
        guarded.clone().oneshot(request)
    });
    let service = VerifyLayer::new(verifier).layer(robbed);
    let endpoint = Endpoint::new(ReplayLayer::clone(&layer()));
    assert_eq!(service.oneshot(endpoint.signed("{}")).await.unwrap().status(), 500);
}

/// A body that is announced and does not come.
#[derive(Default)]
struct Awaited;

impl From<Bytes> for Awaited {
    fn from(_: Bytes) -> Self {
        Self
    }
}

impl Body for Awaited {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}

/// GitHub's deliveries in front of a handler that makes these answers.
fn answering<R>(
    limits: IdempotentAnswers,
    answer: impl Fn() -> Response<R> + Clone + Send + Sync + 'static,
) -> impl Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible, Future: Send> + Clone
where
    R: Body<Data = Bytes> + Default + From<Bytes> + Send + 'static,
{
    let handler = service_fn(move |_: Request<VerifiedBody>| ready(Ok::<_, Infallible>(answer())));
    let guard = layer().with_handler_timeout(Duration::from_secs(10)).with_idempotent_answers(limits);
    VerifyLayer::new(Verifier::new(providers::GITHUB, SECRET).unwrap()).layer(guard.layer(handler))
}

#[tokio::test]
async fn an_answer_is_kept_up_to_its_limit_and_its_headers_count_as_well() {
    let sender = Endpoint::new(layer());
    // The lengths of the body, of a header's name and of its value.
    for ([body, name, value], status) in
        [([1000, 0, 0], 201), ([1001, 0, 0], 200), ([0, 30, 40], 201), ([0, 500, 500], 200)]
    {
        let service =
            answering(IdempotentAnswers::new().with_byte_limit(1 << 20).with_answer_byte_limit(1000), move || {
                let mut answer = Response::builder().status(201);
                if name > 0 {
                    answer = answer.header("x".repeat(name), "y".repeat(value));
                }
                answer.body(Full::new(Bytes::from("x".repeat(body)))).unwrap()
            });
        let Ok(first) = service.clone().oneshot(sender.signed("{}")).await;
        assert_eq!(first.status(), 201);
        let Ok(again) = service.oneshot(sender.signed("{}")).await;
        assert_eq!(again.status(), status, "{body} bytes, {name} and {value} of a header");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_long_to_be_kept_is_not_waited_for() {
    let sender = Endpoint::new(layer());
    let service = answering(IdempotentAnswers::new().with_byte_limit(1 << 20).with_answer_byte_limit(4), || {
        Response::new(Awaited)
    });
    let Ok(first) = service.oneshot(sender.signed("{}")).await;
    assert_eq!(first.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_body_times_out_is_a_500_and_its_event_is_done() {
    let sender = Endpoint::new(layer());
    let service = answering(IdempotentAnswers::new(), || Response::new(Awaited));
    let first = timeout(Duration::from_secs(11), service.clone().oneshot(sender.signed("{}"))).await.unwrap().unwrap();
    assert_eq!(first.status(), 500);
    let Ok(again) = service.oneshot(sender.signed("{}")).await;
    assert_eq!((again.status().as_u16(), again.extensions().get::<Rejection>()), (200, Some(&Rejection::Replayed)));
}

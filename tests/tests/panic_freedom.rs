//! Arbitrary requests to every scheme: never a panic, and never accepted without the secret.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Scheme, Timestamp, Verifier};
use countersign_tests::{
    app::App,
    endpoint::{Endpoint, NOW},
    fitting::Mentioned,
    verdict::each_way,
};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::{collection::vec, prelude::*, sample::select};

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(Endpoint::every);

/// Every header that any scheme reads.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut names: Vec<String> = ENDPOINTS.iter().flat_map(|endpoint| Mentioned::of(endpoint.toml).headers).collect();
    names.extend(["content-length", "content-type", "transfer-encoding", "host"].map(str::to_owned));
    names.sort();
    names.dedup();
    names
});

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..100),
        "[a-z0-9]{0,6}[=,][0-9a-f]{0,70}([,; ][a-z0-9]{1,3}[=,][A-Za-z0-9+/_-]{0,90}={0,2}){0,3}"
            .prop_map(String::into_bytes),
        "(t=)?[0-9]{0,25}(,v1=[0-9a-f]{64})?".prop_map(String::into_bytes),
        "(sha256=|v0=|v1,|)[0-9a-f]{64}|(v1,|)[A-Za-z0-9+/]{43}=".prop_map(String::into_bytes),
        Just(b"1767225600".to_vec()),
        Just(b"1767225600000".to_vec()),
        Just(b"2026-01-01T00:00:00Z".to_vec()),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    let text = prop_oneof![
        Just("*".to_owned()),
        Just("/".to_owned()),
        "/[!-~]{0,30}".prop_map(|text| text),
        "/\\?((sig|token|ts|id|order|bodySHA256)=[!-~]{0,40}&){0,4}".prop_map(|text| text),
        "https?://[a-z]{1,5}(:[0-9]{1,5})?/[!-~]{0,20}".prop_map(|text| text),
        "[a-z]{1,5}:[0-9]{1,5}".prop_map(|text| text),
    ];
    text.prop_map(|text| text.parse().unwrap_or_default())
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..300),
        "\\{(\"(token|signature|at|id|event_id|webhookTimestamp|order|kind)\":([0-9]{1,20}|\"[ -~]{0,20}\"|\\[{0,3}|null|\\{\\}),?){0,5}\\}?".prop_map(String::into_bytes),
        "((token|signature|timestamp|order)=[!-~]{0,30}&){0,4}".prop_map(String::into_bytes),
        (0..200_usize, 0..200_usize).prop_map(|(open, close)| [b"[".repeat(open), b"]".repeat(close)].concat()),
        (0..20_000_usize).prop_map(|depth| [b"[".repeat(depth), b"]".repeat(depth)].concat()),
    ]
}

fn request() -> impl Strategy<Value = Request<Bytes>> {
    let method = select(vec![
        Method::POST,
        Method::POST,
        Method::POST,
        Method::GET,
        Method::PUT,
        Method::CONNECT,
        Method::OPTIONS,
    ]);
    let headers = vec((select(NAMES.clone()), value()), 0..12);
    (method, uri(), headers, body()).prop_map(|(method, uri, headers, body)| {
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        }
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_requests_are_refused_by_every_scheme(
        request in request(), cut in any::<usize>(), millis in prop_oneof![Just(NOW.unix_millis()), any::<i64>()]
    ) {
        for endpoint in ENDPOINTS.iter() {
            let verdict = each_way(&endpoint.verifier(), &request, Timestamp::from_unix_millis(millis), &[cut]);
            let rejection = verdict.expect_err(endpoint.id());
            prop_assert!(rejection.status().is_client_error(), "{}: {rejection}", endpoint.id());
            let told = format!("{rejection} {rejection:?}");
            prop_assert!(!told.contains("a-long-random-secret"), "{}", endpoint.id());
        }
    }

    #[test]
    fn arbitrary_requests_are_answered_by_the_whole_app_and_never_reach_the_handler(request in request(), at in any::<prop::sample::Index>()) {
        let endpoint = &ENDPOINTS[at.index(ENDPOINTS.len())];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let app = App::new(endpoint.verifier());
        let answer = runtime.block_on(app.send(request));
        prop_assert!(answer.status.is_client_error(), "{}: {answer:?}", endpoint.id());
        prop_assert!(answer.body.is_empty());
        prop_assert_eq!(app.calls(), 0);
    }

    #[test]
    fn arbitrary_texts_are_no_scheme_and_no_panic(text in "(\\[[a-z]{0,9}\\]\n|[a-z]{1,9} = (\"[ -~]{0,20}\"|[0-9]{1,3}|\\[\\]|\\{\\})\n|\\PC){0,12}") {
        if let Err(error) = Scheme::from_toml("t", &text) {
            prop_assert!(error.line() >= 1 && error.column() >= 1);
        }
    }

    #[test]
    fn catalogue_files_with_a_few_other_bytes_are_refused_or_schemes_and_no_panic(
        at in any::<prop::sample::Index>(), changes in vec((any::<prop::sample::Index>(), "[ -~\n]"), 1..5)
    ) {
        let mut text: Vec<char> = ENDPOINTS[at.index(ENDPOINTS.len())].toml.chars().collect();
        for (at, with) in changes {
            let at = at.index(text.len());
            text[at] = with.chars().next().unwrap();
        }
        let text: String = text.into_iter().collect();
        match Scheme::from_toml("t", &text) {
            Ok(scheme) => drop(Verifier::builder(&scheme).secret("user:password-of-length").public_url("https://a.example").build()),
            Err(error) => prop_assert!(error.line() <= text.matches('\n').count() + 1, "{error}"),
        }
    }

    #[test]
    fn arbitrary_texts_are_a_secret_or_none_and_no_panic(text in "\\PC{0,60}", bytes in vec(any::<u8>(), 0..60)) {
        for endpoint in ENDPOINTS.iter() {
            drop(endpoint.builder().secret(text.clone()).build());
            if let Ok(secret) = countersign::Secret::from_bytes(bytes.clone()) {
                drop(endpoint.builder().secret(secret).build());
            }
        }
    }

    #[test]
    fn arbitrary_texts_are_a_public_url_or_none_and_no_panic(text in "(https?://)?\\PC{0,40}") {
        for id in ["twilio-form", "hubspot-v3", "own-url", "own-request-line"] {
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.id() == id).unwrap();
            if let Ok(verifier) = Verifier::builder(&endpoint.scheme).secret(endpoint.secret).public_url(text.clone()).build() {
                let sample = endpoint.sample();
                drop(verifier.verify(&sample, sample.body(), NOW).map(drop));
            }
        }
    }
}

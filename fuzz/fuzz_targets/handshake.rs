#![no_main]
//! Any request as a handshake: the answer is short, is no web page, and has no header from the request; and no
//! handshake is a delivery.

use std::sync::LazyLock;

use countersign::{Handshake, HandshakeAnswer, Signer, Timestamp, Verifier};
use countersign_fuzz::{Ring, request};
use countersign_tests::endpoint::Endpoint;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// The endpoints that answer handshakes. Those whose provider sends the secret are there twice: with a secret, and
/// awaiting one.
static ENDPOINTS: LazyLock<Ring<(Verifier, Option<Signer>)>> = LazyLock::new(|| {
    let asked = |endpoint: &Endpoint| endpoint.scheme.has_handshakes();
    let mut ready = Vec::new();
    for endpoint in Endpoint::all().into_iter().filter(asked) {
        let scheme = &endpoint.scheme;
        let builder = || {
            let builder = Verifier::builder(scheme).allow_legacy().public_url("https://hooks.example.com");
            scheme.settings().fold(builder, |builder, (name, _)| builder.setting(name, "a"))
        };
        let verifier = builder().secret(endpoint.secret).build().expect("it fits");
        ready.push((endpoint.id().to_owned(), (verifier, endpoint.signer_of(endpoint.secret).ok())));
        if scheme.sends_secret() {
            let verifier = builder().awaiting_secret().build().expect("it fits");
            ready.push((format!("{} awaiting its secret", endpoint.id()), (verifier, None)));
        }
    }
    Ring::new(ready)
});

fuzz_target!(|data: &[u8]| {
    let Some(((verifier, signer), data)) = ENDPOINTS.choose(data) else { return };
    let Some((is_signed, data)) = data.split_first() else { return };
    let mut request = request(data);
    if let Some(signer) = signer.as_ref().filter(|_| is_signed % 2 == 1) {
        let Ok(signed) = signer.sign(request.clone(), NOW) else { return };
        request = signed;
    }
    if let Ok(Some(handshake)) = verifier.handshake_in_head(&request, NOW) {
        check(verifier, handshake);
    }
    let awaited = verifier.may_be_question(&request);
    if let Ok(Some(handshake)) = verifier.handshake_in_body(&request, request.body(), NOW) {
        assert!(awaited, "a question that nobody would have read");
        check(verifier, handshake);
    }
    if let Ok(verified) = verifier.verify(&request, request.body(), NOW) {
        assert!(verifier.scheme().methods().contains(request.method()), "a question is a delivery");
        if let Ok(Some(handshake)) = verified.handshake() {
            check(verifier, handshake);
        }
    }
});

fn check(verifier: &Verifier, handshake: Handshake) {
    let answer = match handshake {
        Handshake::Answer(answer) => answer,
        Handshake::Store(question) => {
            assert!(!question.secret().is_empty());
            question.stored()
        }
        Handshake::Confirm(question) => {
            assert!(question.url().starts_with("https://"));
            question.confirmed()
        }
        other => panic!("{other:?}"),
    };
    bounded(verifier, &answer);
}

fn bounded(verifier: &Verifier, answer: &HandshakeAnswer) {
    let scheme = verifier.scheme().id();
    // Six bytes for each byte of the longest value, and text of the scheme file around it.
    assert!(answer.body().len() <= 6 * 4096 + 1024, "{scheme}: {} bytes", answer.body().len());
    assert!(answer.status().is_success());
    let headers = answer.headers();
    assert_eq!(headers["x-content-type-options"], "nosniff", "{scheme}");
    match headers.get("content-type").map(|value| value.as_bytes()) {
        None => assert!(answer.body().is_empty(), "{scheme}"),
        Some(b"text/plain; charset=utf-8") => {}
        Some(b"application/json") => {
            serde_json::from_slice::<serde_json::Value>(answer.body()).expect("an answer in JSON is JSON");
        }
        Some(other) => panic!("{scheme}: {other:?}"),
    }
    for (name, value) in headers {
        assert!(value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)), "{scheme}: {name}: {value:?}");
    }
}

//! A trial: verifies as an endpoint would, with secrets that memcheck takes for undefined.

use std::hint::black_box;

use bytes::Bytes;
use countersign::{Key, Scheme, Secret, Signer, Timestamp, Verifier, VerifierBuilder};
use http::Request;

use crate::{
    cases::{ASKED, Case},
    memcheck,
};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const YESTERDAY: Timestamp = Timestamp::from_unix_seconds(1_767_139_200);
const TOMORROW: Timestamp = Timestamp::from_unix_seconds(1_767_312_000);

const URL: &str = "https://hooks.example.com";
const SETTING: &str = "6d1f0b7a2c3e";
const BODY: &str =
    r#"{"id":"evt_1","text":"longer than one block of the hash, so that data passes its buffer and goes through it"}"#;

/// Who signed a request: a name, and the index of the secret in [`Case::secrets`].
pub(crate) const SIGNED_BY: [(&str, usize); 3] = [("the first key", 0), ("the second key", 1), ("nobody", 3)];

/// Verifies a request of this signer, as a whole and in parts. Returns how often a branch or address depended on a
/// secret.
pub(crate) fn errors(case: &Case, signer: usize) -> usize {
    let scheme = Scheme::from_toml("acme", &case.toml).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let request = signed(case, &scheme, signer);
    let verifier = memcheck::without_errors(|| verifier(case, &scheme));
    let before = memcheck::errors();
    let verdicts = [whole(&verifier, &request), in_parts(&verifier, &request)];
    let errors = memcheck::errors() - before;
    assert_eq!(verdicts, [signer < 2; 2], "{}, signed by {signer}", case.name);
    errors
}

/// Sends a handshake with the right token and with a wrong one. Returns how often a branch or address depended on the
/// token.
pub(crate) fn errors_when_asked() -> usize {
    let scheme = Scheme::from_toml("acme", ASKED).unwrap_or_else(|error| panic!("{error}"));
    let builder = Verifier::builder(&scheme).secret("a-long-random-secret").setting("client", undefined_text(SETTING));
    let verifier = memcheck::without_errors(|| builder.build()).expect("all is there");
    let question = |token: &str| Request::get(format!("/?challenge=a&token={token}")).body(()).expect("a request");
    let (right, wrong) = (question(SETTING), question("6d1f0b7a2c3f"));
    let before = memcheck::errors();
    let answers = [&right, &wrong].map(|question| black_box(&verifier).handshake_in_head(question, NOW).is_ok());
    let errors = memcheck::errors() - before;
    assert_eq!(answers, [true, false]);
    errors
}

/// A verifier with two valid keys, and two that are not valid now, which must not even be looked at.
fn verifier(case: &Case, scheme: &Scheme) -> Verifier {
    let key = |at: usize| Key::new(format!("key-{at}"), undefined(case.secrets[at]));
    let keys = [key(2).not_after(YESTERDAY), key(0).not_after(TOMORROW), key(1), key(3).not_before(TOMORROW)];
    let builder = configured(Verifier::builder(scheme), scheme, &undefined_text(SETTING));
    keys.into_iter().fold(builder, VerifierBuilder::key).build().expect("the secrets fit")
}

fn configured(builder: VerifierBuilder, scheme: &Scheme, setting: &str) -> VerifierBuilder {
    let builder = builder.public_url(URL).allow_legacy();
    scheme.settings().fold(builder, |builder, (name, _)| builder.setting(name, setting))
}

/// A secret of undefined bytes, whose values are those of the text.
fn undefined(secret: &str) -> Secret {
    Secret::from_bytes(undefined_bytes(secret)).expect("it is one")
}

fn undefined_text(text: &str) -> String {
    memcheck::without_errors(|| String::from_utf8(undefined_bytes(text))).expect("it still is text")
}

fn undefined_bytes(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    memcheck::make_undefined(&mut bytes);
    bytes
}

fn signed(case: &Case, scheme: &Scheme, key: usize) -> Request<Bytes> {
    let signer = Signer::configured(scheme, case.secrets[key], |builder| configured(builder, scheme, SETTING));
    let request = Request::post("/hooks?nonce=4d0c&a=b").header("content-type", "application/json");
    let request = request.body(Bytes::from_static(BODY.as_bytes())).expect("a request");
    let request = signer.expect("the secret fits").sign(request, NOW);
    request.unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

#[inline(never)]
fn whole(verifier: &Verifier, request: &Request<Bytes>) -> bool {
    black_box(verifier).verify(request, request.body(), NOW).is_ok()
}

#[inline(never)]
fn in_parts(verifier: &Verifier, request: &Request<Bytes>) -> bool {
    let Ok(mut pending) = black_box(verifier).begin(request, NOW) else { return false };
    request.body().chunks(7).for_each(|chunk| pending.update(chunk));
    pending.finish().is_ok()
}

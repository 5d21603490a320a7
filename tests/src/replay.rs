//! Replay keys of made-up events.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{ReplayKey, Signer, Timestamp, Verifier, providers, replay::ReplayScope};
use http::Request;

/// The key of an event of this name, at the endpoint of this name.
///
/// # Panics
///
/// Never: what is signed here is accepted here.
pub fn key(endpoint: &str, event: &str) -> ReplayKey {
    key_in(&ReplayScope::new(endpoint), event)
}

/// The key of an event of this name.
///
/// # Panics
///
/// Never: what is signed here is accepted here.
pub fn key_in(scope: &ReplayScope, event: &str) -> ReplayKey {
    let (signer, verifier) = &*GITHUB;
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let request = Request::post("/").body(Bytes::from(event.to_owned())).expect("the request is well formed");
    let signed = signer.sign(request, now).expect("GitHub signs every body");
    let verified = verifier.verify(&signed, signed.body(), now).expect("what is signed is accepted");
    verified.replay_key(scope).expect("GitHub's events are told apart")
}

static GITHUB: LazyLock<(Signer, Verifier)> = LazyLock::new(|| {
    let secret = "a-long-random-secret";
    let signer = Signer::new(providers::GITHUB, secret).expect("the secret fits");
    (signer, Verifier::new(providers::GITHUB, secret).expect("the secret fits"))
});

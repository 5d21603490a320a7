#![no_main]
//! Any request to any scheme: no panic, the same verdict through each interface, and never accepted, since the secret
//! is unknown.

use std::sync::LazyLock;

use countersign::{Timestamp, Verifier};
use countersign_fuzz::{Ring, request};
use countersign_tests::{endpoint::Endpoint, verdict::each_way};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

static VERIFIERS: LazyLock<Ring<Verifier>> = LazyLock::new(|| {
    let verifier = |endpoint: Endpoint| {
        let mut fitting = SECRETS.iter().filter_map(|secret| endpoint.builder().secret(*secret).build().ok());
        // Schemes with public keys get one whose private key is only in the tests.
        let verifier = fitting.next().unwrap_or_else(|| endpoint.verifier());
        (endpoint.id().to_owned(), verifier)
    };
    Ring::new(Endpoint::all().into_iter().map(verifier))
});

/// Secrets that are in no corpus and no dictionary.
const SECRETS: [&str; 5] = [
    "u:f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e",
    "whsec_q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ",
    "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ",
    "pre_d41d8cd98f00b204e9800998ecf8427e",
    "d41d8cd98f00b204e9800998ecf8427e",
];

fuzz_target!(|data: &[u8]| {
    let Some((verifier, rest)) = VERIFIERS.choose(data) else { return };
    let Some((cut, rest)) = rest.split_first() else { return };
    let request = request(rest);
    let verdict = each_way(verifier, &request, NOW, &[usize::from(*cut)]);
    assert!(verdict.is_err(), "{}: accepted without a signature", verifier.scheme().id());
});

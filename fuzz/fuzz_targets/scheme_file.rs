#![no_main]
//! Any text as a scheme file: refused with the place of the error, or a scheme whose verifier accepts what its signer
//! signs.

use countersign::{Scheme, Signer, Timestamp, Verifier};
use http::Request;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const URL: &str = "https://hooks.example.com";

fuzz_target!(|text: &str| {
    let scheme = match Scheme::from_toml("fuzzed", text) {
        Ok(scheme) => scheme,
        Err(error) => {
            assert!(error.line() >= 1 && error.line() <= text.matches('\n').count() + 1, "{error}");
            assert!(error.column() >= 1 && !error.message().is_empty(), "{error}");
            return;
        }
    };
    for secret in ["user:a-long-random-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let Ok(signer) = Signer::with_public_url(&scheme, secret, URL) else { continue };
        let verifier = Verifier::builder(&scheme).secret(secret).public_url(URL).build().expect("a signer was made");
        for body in ["{\"id\":\"evt_1\",\"a\":{\"b\":1}}", "id=evt_1&a=b"] {
            let method = scheme.methods().first().cloned().unwrap_or_default();
            let request = Request::builder().method(method).uri("/hooks?a=b").header("x-id", "1").body(body);
            let Ok(signed) = signer.sign(request.expect("a request"), NOW) else { continue };
            let verdict = verifier.verify(&signed, signed.body(), NOW).map(|verified| verified.event_id().is_some());
            let refused = verifier.verify(&signed, b"[\"forged\"]", NOW);
            if scheme.covers_body() {
                assert!(refused.is_err(), "{text}");
            }
            // A signer cannot know that its signed content contains its own tag. All else must be accepted.
            if let Err(rejection) = verdict {
                assert!(
                    matches!(
                        rejection.code(),
                        "signature"
                            | "malformed_signature"
                            | "malformed_timestamp"
                            | "malformed_id"
                            | "malformed_value"
                            | "ambiguous_content"
                            | "body_hash"
                            | "missing_signature"
                    ),
                    "{rejection}"
                );
            }
        }
    }
});

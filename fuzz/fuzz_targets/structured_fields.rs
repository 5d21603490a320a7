#![no_main]
//! Any `Signature-Input`, `Signature` and `Content-Digest`: no panic, the same verdict through each interface, and a
//! signature of one spelling of a component is refused for any other.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Scheme, Signer, Timestamp, Verifier};
use countersign_tests::verdict::each_way;
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e";
const URL: &str = "https://hooks.example.com";

/// With the headers of the request covered in one way each.
static SCHEMES: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    let components =
        [r#""content-digest""#, r#""x", "@method""#, r#""x;bs""#, r#""x;sf""#, r#"'x;key="b"', "@query""#, ""];
    let scheme = |components: &&str| {
        let (covers, told) = if components.contains("digest") {
            ("", "")
        } else {
            ("covers_body = false", "[event]\ntold_apart_by = \"unsigned-values\"")
        };
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"http-signature\"\n{covers}\n[http-signature]\nalgorithms = [\"hmac-sha256\"]\ncomponents = [{components}]\n{told}"
        );
        Scheme::from_toml("a", &toml).expect("the file is right")
    };
    components.iter().map(scheme).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((flags, rest)) = data.split_first() else { return };
    let scheme = &SCHEMES[usize::from(*flags) % SCHEMES.len()];
    let verifier = Verifier::builder(scheme).secret(SECRET).public_url(URL).build().expect("the secret fits");
    let lines: Vec<_> = rest.splitn(3, |byte| *byte == b'\n').map(HeaderValue::from_bytes).collect();
    let [Ok(input), Ok(signature), Ok(field)] = lines.as_slice() else { return };
    let request = || Request::post("/a?b=1").header("content-digest", field).header("x", field).header("x", "c");

    let hostile = request().header("signature-input", input).header("signature", signature);
    let hostile = hostile.body(Bytes::from_static(b"{}")).expect("the request is well formed");
    assert!(each_way(&verifier, &hostile, NOW, &[1]).is_err(), "accepted without a signature");

    // What can be signed is accepted, and not with another field.
    let signer = Signer::with_public_url(scheme, SECRET, URL).expect("the secret fits");
    let unsigned = request().body(Bytes::from_static(b"{}")).expect("the request is well formed");
    let Ok(mut signed) = signer.sign(unsigned, NOW) else { return };
    assert!(each_way(&verifier, &signed, NOW, &[1]).is_ok(), "what was signed is refused");
    let own = signed.headers()["signature-input"].as_bytes().to_vec();
    signed.headers_mut().insert("signature-input", input.clone());
    let has_own = input.as_bytes().windows(own.len()).any(|part| part == own);
    assert!(has_own || each_way(&verifier, &signed, NOW, &[1]).is_err(), "accepted over other components");
});

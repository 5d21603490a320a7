#![no_main]
//! Signs requests over any set of components, changes them, and checks that exactly changes of a covered component are
//! refused.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Scheme, Signer, Timestamp, Verifier};
use countersign_fuzz::request;
use countersign_tests::verdict::each_way;
use http::{HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const SECRET: &str = "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e";
const URL: &str = "https://hooks.example.com";

/// The components, and what each one covers of a request.
const COMPONENTS: [(&str, fn(&Request<Bytes>) -> Vec<u8>); 8] = [
    ("\"@method\"", |request| request.method().as_str().into()),
    ("\"@path\"", |request| path(request.uri()).into()),
    ("\"@query\"", |request| request.uri().query().unwrap_or_default().into()),
    ("\"@request-target\"", target),
    ("\"@target-uri\"", target),
    ("\"content-digest\"", |request| request.body().to_vec()),
    ("\"x\"", |request| lines(request, b", ")),
    ("\"x;bs\"", |request| lines(request, b"\n")),
];

/// A scheme for each set of components.
static SCHEMES: LazyLock<Vec<(Signer, Verifier)>> = LazyLock::new(|| {
    let scheme = |set: usize| {
        let covered: Vec<&str> = of(set).map(|(component, _)| component).collect();
        let covers = if set & 32 > 0 { "" } else { "covers_body = false" };
        let told = if set & 32 > 0 { "" } else { "[event]\ntold_apart_by = \"unsigned-values\"" };
        let toml = format!(
            "name = \"A\"\n[request]\nmethods = [\"POST\", \"PUT\"]\n[signature]\nalgorithm = \"http-signature\"\n{covers}\n[http-signature]\n\
             algorithms = [\"hmac-sha256\"]\ncomponents = [{}]\nrequires = [\"created\"]\nmax_age = \"1m\"\n{told}",
            covered.join(", ")
        );
        let scheme = Scheme::from_toml("a", &toml).expect("the file is right");
        let verifier = Verifier::builder(&scheme).secret(SECRET).public_url(URL).build().expect("the secret fits");
        (Signer::with_public_url(&scheme, SECRET, URL).expect("the secret fits"), verifier)
    };
    (0..256).map(scheme).collect()
});

fn of(set: usize) -> impl Iterator<Item = (&'static str, fn(&Request<Bytes>) -> Vec<u8>)> {
    COMPONENTS.into_iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1).map(|(_, component)| component)
}

fuzz_target!(|data: &[u8]| {
    let Some((&[set, change, at, with], data)) = data.split_first_chunk() else { return };
    let (signer, verifier) = &SCHEMES[usize::from(set)];
    let is_sent = |request: &Request<Bytes>| verifier.scheme().methods().contains(request.method());
    let Some(Ok(signed)) = Some(request(data)).filter(is_sent).map(|request| signer.sign(request, NOW)) else { return };
    assert!(each_way(verifier, &signed, NOW, &[2]).is_ok(), "what was signed is refused");
    let Some(changed) = changed(&signed, change, usize::from(at), with) else { return };
    let differs = of(usize::from(set)).any(|(_, value)| value(&signed) != value(&changed));
    let signature = |request: &Request<Bytes>| {
        ["signature", "signature-input", "content-digest"].map(|name| request.headers().get(name).cloned())
    };
    let verdict = each_way(verifier, &changed, NOW, &[2]);
    if differs {
        assert!(verdict.is_err(), "a covered component has changed");
    } else if signature(&signed) == signature(&changed) && is_sent(&changed) {
        assert!(verdict.is_ok(), "nothing that is covered has changed: {verdict:?}");
    }
});

fn changed(signed: &Request<Bytes>, change: u8, at: usize, with: u8) -> Option<Request<Bytes>> {
    let mut changed = signed.clone();
    let put = |text: &[u8]| {
        let mut text = text.to_vec();
        let at = at.checked_rem(text.len())?;
        text[at] ^= with.max(1);
        Some(text)
    };
    match change % 6 {
        0 => *changed.method_mut() = Method::from_bytes(&put(signed.method().as_str().as_bytes())?).ok()?,
        1 => *changed.uri_mut() = Uri::try_from(put(signed.uri().to_string().as_bytes())?).ok()?,
        2 => *changed.body_mut() = put(signed.body())?.into(),
        3 => drop(changed.headers_mut().append("x", HeaderValue::from_bytes(&[with.max(33)]).ok()?)),
        4 => drop(changed.headers_mut().remove("x")),
        _ => {
            let name = signed.headers().keys().nth(at.checked_rem(signed.headers().keys_len())?)?;
            let value = put(signed.headers()[name].as_bytes())?;
            changed.headers_mut().insert(name, HeaderValue::from_bytes(&value).ok()?);
        }
    }
    Some(changed)
}

/// An authority alone has no path, which counts as `/` (RFC 9421 section 2.2.6).
fn path(uri: &Uri) -> &str {
    if uri.path().is_empty() { "/" } else { uri.path() }
}

fn target(request: &Request<Bytes>) -> Vec<u8> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    [path(request.uri()), &query].concat().into()
}

fn lines(request: &Request<Bytes>, between: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = request.headers().get_all("x").iter().map(|line| line.as_bytes().trim_ascii()).collect();
    // An empty header differs from a missing one.
    if lines.is_empty() { b"none".to_vec() } else { [b"some ", &*lines.join(between)].concat() }
}

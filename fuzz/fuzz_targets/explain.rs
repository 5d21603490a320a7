#![no_main]
//! Any request, unsigned or signed and then broken: the explanation agrees with the verdict, is not empty, and shows
//! neither a secret nor a tag.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Explanation, Setup, Signer, Timestamp, Verifier, explain};
use countersign_fuzz::{Ring, request};
use countersign_tests::endpoint::{Endpoint, PUBLIC_URL};
use http::Request;
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_225_600;

struct Asked {
    setup: Setup,
    secret: &'static str,
    signer: Signer,
    verifier: Verifier,
}

/// `None` for schemes with public keys.
static ENDPOINTS: LazyLock<Ring<Option<Asked>>> = LazyLock::new(|| {
    let ready = |endpoint: Endpoint| {
        let setup = Setup::new(&endpoint.scheme).expect("a scheme").secret("live", endpoint.secret);
        let setup = setup.other_secret("test", endpoint.other_secret).public_url(PUBLIC_URL).allow_legacy();
        let setup =
            endpoint.scheme.settings().fold(setup, |setup, (name, _)| setup.setting(name, format!("the-{name}")));
        let (signer, verifier) = (endpoint.signer_of(endpoint.secret).expect("it fits"), endpoint.verifier());
        Asked { setup, secret: endpoint.secret, signer, verifier }
    };
    let secret = |endpoint: Endpoint| Some(endpoint).filter(|endpoint| !endpoint.scheme.takes_public_key());
    Ring::new(Endpoint::all().into_iter().map(|endpoint| (endpoint.id().to_owned(), secret(endpoint).map(ready))))
});

fuzz_target!(|data: &[u8]| {
    let Some((Some(asked), data)) = ENDPOINTS.choose(data) else { return };
    let Some(([change, amount], data)) = data.split_first_chunk() else { return };
    let mut request = request(data);
    let mut now = Timestamp::from_unix_seconds(NOW);
    let mut right = Vec::new();
    if change % 8 > 0 {
        let Ok(signed) = asked.signer.sign(request.clone(), now) else { return };
        right = added(&request, &signed);
        request = signed;
        match change % 8 {
            1 => now = Timestamp::from_unix_seconds(NOW + (i64::from(*amount) - 128) * 3600),
            2 => change_body(&mut request, |body| body.push(b'\n')),
            3 => change_body(&mut request, |body| body.truncate(usize::from(*amount))),
            4 => change_body(&mut request, |body| {
                if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
                    *body = serde_json::to_vec_pretty(&value).expect("JSON");
                }
            }),
            5 => change_body(&mut request, |body| {
                let at = usize::from(*amount) % body.len().max(1);
                body.get_mut(at..).into_iter().flatten().take(1).for_each(|byte| *byte ^= 1);
            }),
            6 => {
                let name = request.headers().keys().nth(usize::from(*amount) % request.headers().len().max(1)).cloned();
                name.map(|name| request.headers_mut().remove(name));
            }
            _ => {}
        }
    }
    let explanation = explain(&asked.setup, &request, request.body(), now);
    let verdict = asked.verifier.verify(&request, request.body(), now);
    assert_eq!(explanation.is_accepted(), verdict.is_ok(), "{}", asked.verifier.scheme().id());
    check(asked, &explanation, &right, verdict.is_ok());
});

fn check(asked: &Asked, explanation: &Explanation, right: &[String], is_accepted: bool) {
    let text = format!("{explanation} {explanation:?}");
    assert!(!text.contains(asked.secret), "{}: a secret is told", asked.verifier.scheme().id());
    if !is_accepted {
        assert!(!explanation.causes().is_empty() || explanation.no_cause().is_some(), "nothing is said");
        for tag in right {
            assert!(!text.contains(tag.as_str()), "{}: the right tag is told", asked.verifier.scheme().id());
        }
    }
}

/// The tags that the signer added: the long words of its headers.
fn added(unsigned: &Request<Bytes>, signed: &Request<Bytes>) -> Vec<String> {
    let values = signed.headers().iter().filter(|(name, value)| unsigned.headers().get(*name) != Some(*value));
    let texts = values.filter_map(|(_, value)| value.to_str().ok());
    let words = texts.flat_map(|text| text.split([',', ';', ' ', '='])).filter(|word| word.len() >= 24);
    words.map(str::to_owned).collect()
}

fn change_body(request: &mut Request<Bytes>, change: impl FnOnce(&mut Vec<u8>)) {
    let mut body = request.body().to_vec();
    change(&mut body);
    *request.body_mut() = body.into();
}

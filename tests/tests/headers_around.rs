//! Headers that a scheme does not read change no verdict. A head with a duplicate name or with many headers takes
//! another code path than an ordinary one.

use bytes::Bytes;
use countersign::{Rejection, Verifier};
use countersign_tests::{
    endpoint::{Endpoint, NOW},
    verdict::{Accepted, each_way, whole},
};
use http::{HeaderName, HeaderValue, Request};

/// Characters that some grammar uses to separate, pad or count, and two that every tag contains.
const CHARACTERS: &[u8] = b", =.~0A";

/// More headers than are compared one by one.
const MANY: usize = 40;

/// The request with a duplicate name added, and with many headers added.
fn among_others(request: &Request<Bytes>) -> [Request<Bytes>; 2] {
    let (mut twice, mut many) = (request.clone(), request.clone());
    twice.headers_mut().append("x-elsewhere", HeaderValue::from_static("1"));
    twice.headers_mut().append("x-elsewhere", HeaderValue::from_static("2"));
    for at in 0..MANY {
        let name = HeaderName::try_from(format!("x-elsewhere-{at}")).unwrap();
        many.headers_mut().append(name, HeaderValue::from(at));
    }
    [twice, many]
}

/// The text with each of the characters inserted before, or replacing, some of its own; and without some of its own.
fn changes(text: &[u8]) -> Vec<Vec<u8>> {
    let mut changes = vec![Vec::new(), [text, b","].concat(), [text, b" "].concat(), [text, b",", text].concat()];
    let ends = (0..2).chain(text.len().saturating_sub(2)..text.len());
    let between = (2..text.len().saturating_sub(2)).step_by((text.len() / 6).max(1));
    for at in ends.chain(between).filter(|at| *at < text.len()) {
        let (before, after) = (&text[..at], &text[at + 1..]);
        changes.push([before, after].concat());
        for character in CHARACTERS {
            changes.push([before, &[*character], after].concat());
            changes.push([before, &[*character], &text[at..]].concat());
        }
    }
    changes
}

fn verdict(verifier: &Verifier, request: &Request<Bytes>) -> Result<Accepted, Rejection> {
    whole(verifier, request, NOW)
}

#[test]
fn no_verdict_depends_on_unrelated_headers() {
    let mut accepted = 0;
    for endpoint in Endpoint::every() {
        let verifier = endpoint.verifier();
        let signed = endpoint.fitted();
        each_way(&verifier, &signed, NOW, &[3]).unwrap_or_else(|error| panic!("{}: {error}", endpoint.id()));
        // These are slow because of their arithmetic, and their tags are read by the same code as all others.
        let most = if endpoint.scheme.takes_public_key() { 8 } else { usize::MAX };
        let file = endpoint.toml.to_lowercase();
        for (name, value) in signed.headers().iter().filter(|(name, _)| file.contains(name.as_str())) {
            for change in changes(value.as_bytes()).into_iter().take(most) {
                let Ok(change) = HeaderValue::from_bytes(&change) else { continue };
                let mut changed = signed.clone();
                changed.headers_mut().insert(name, change.clone());
                let alone = verdict(&verifier, &changed);
                for among in among_others(&changed) {
                    assert_eq!(verdict(&verifier, &among), alone, "{}: {name}: {change:?}", endpoint.id());
                }
                accepted += usize::from(alone.is_ok());
            }
        }
    }
    assert!(accepted > 1000, "{accepted}: hardly a change was taken, so that nothing was compared");
}

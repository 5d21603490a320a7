#![no_main]
//! Signs arbitrary content, changes the request, and compares the verdict with the second reading of the scheme file.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Signer, Timestamp, Verifier};
use countersign_fuzz::{Ring, request};
use countersign_tests::{endpoint::Endpoint, verdict::each_way};
use http::{HeaderValue, Request, Uri};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

static ENDPOINTS: LazyLock<Ring<(Endpoint, Signer, Verifier)>> = LazyLock::new(|| {
    let ready = |endpoint: Endpoint| {
        let (signer, verifier) = (endpoint.signer_of(endpoint.secret).expect("it fits"), endpoint.verifier());
        (endpoint.id().to_owned(), (endpoint, signer, verifier))
    };
    Ring::new(Endpoint::all().into_iter().filter(|endpoint| endpoint.reading.is_complete()).map(ready))
});

fuzz_target!(|data: &[u8]| {
    let Some(((endpoint, signer, verifier), rest)) = ENDPOINTS.choose(data) else { return };
    let Some((change, rest)) = rest.split_at_checked(4) else { return };
    let Ok(signed) = signer.sign(request(rest), NOW) else { return };
    let cuts = [usize::from(change[0]), usize::from(change[1])];
    // The verifier also refuses a signer's request if its parts are ambiguous, or the signed content contains the tag.
    let Ok(before) = each_way(verifier, &signed, NOW, &cuts) else { return };

    let Some(changed) = mutate(&signed, change) else { return };
    let after = each_way(verifier, &changed, NOW, &cuts);
    // One valid tag in a list is enough, so that other text of the list may change.
    let same = endpoint.reading.is_same(&signed, &changed);
    if same && after.is_err() && endpoint.reading.may_be_refused(&changed) {
        return;
    }
    if same {
        assert_eq!(after.map(|after| after.covered()), Ok(before.covered()), "{}", endpoint.id());
    } else if endpoint.reading.tags() == 1 {
        assert!(after.is_err(), "{}: a changed request is accepted", endpoint.id());
    }
});

/// Changes one byte of the target, of a header or of the body.
fn mutate(signed: &Request<Bytes>, change: &[u8]) -> Option<Request<Bytes>> {
    let mut changed = signed.clone();
    let at = usize::from(u16::from_le_bytes([change[1], change[2]]));
    let put = |text: &[u8]| {
        let mut text = text.to_vec();
        let at = at.checked_rem(text.len())?;
        text[at] ^= change[3].max(1);
        Some(text)
    };
    match usize::from(change[0]) % (signed.headers().len() + 2) {
        0 => *changed.uri_mut() = Uri::try_from(put(signed.uri().to_string().as_bytes())?).ok()?,
        1 => *changed.body_mut() = put(signed.body())?.into(),
        header => {
            let (name, value) = signed.headers().iter().nth(header - 2)?;
            changed.headers_mut().insert(name, HeaderValue::from_bytes(&put(value.as_bytes())?).ok()?);
        }
    }
    Some(changed)
}

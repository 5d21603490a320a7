//! Attacks on what is signed.

use super::Audit;
use crate::{cmd::audit::report::Expect, failure::Failure, tamper};

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    if sender.scheme().covers_body() {
        let event = sender.event()?;
        let changed = event.clone().with_body(tamper::body(&event.body.into()));
        let check = "one character of the body changed";
        // If the signature is in the body, the changed character may be one of the signature.
        if sender.signature_header().is_some() {
            audit.forged("B8", check, &changed)?;
        } else {
            audit.spoilt("B8", check, &changed)?;
        }
        let event = sender.event()?;
        let longer = [&event.body[..], b" "].concat();
        audit.spoilt("B8", "a space more behind the body", &event.with_body(longer))?;
        let event = sender.event()?;
        audit.spoilt("B8", "no body", &event.with_body(""))?;
        if let Some(event) = sender.event_of(b"\xff{}".as_slice()) {
            let event = event.with_body(*b"\xfe{}");
            audit.spoilt("B7", "a byte for another that is no text either", &event)?;
        }
    }
    for (check, body) in [
        ("a signed body that is cut off", &b"{\"id\":"[..]),
        ("a signed body that is no text", b"\xff\xfe"),
        ("an empty signed body", b""),
        ("a signed body of brackets", &[b'['; 5000]),
    ] {
        if let Some(event) = sender.event_of(body) {
            audit.send("B8", check, Expect::Either, &event)?;
        }
    }
    Ok(())
}

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
        lossy(audit)?;
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

/// Sends a byte that is no text where a text was signed that a decoder may make of it.
fn lossy(audit: &mut Audit<'_>) -> Result<(), Failure> {
    for (check, decoded) in [
        ("a byte that is no UTF-8 for a signed U+FFFD", "\u{fffd}"),
        ("the byte of Latin-1 for a signed letter of UTF-8", "\u{ff}"),
        ("a byte that is no text where none was signed", ""),
    ] {
        let body = audit.sender.body()?;
        let (before, behind) = body.split_at(end_of_text(&body));
        let Some(event) = audit.sender.event_of([before, decoded.as_bytes(), behind].concat()) else { continue };
        if let Some(body) = with_byte(&event.body, decoded.as_bytes()) {
            audit.spoilt("B7", check, &event.with_body(body))?;
        }
    }
    Ok(())
}

/// The body with a byte that is no UTF-8 in place of `decoded`.
fn with_byte(body: &[u8], decoded: &[u8]) -> Option<Vec<u8>> {
    let at = match decoded {
        [] => end_of_text(body),
        _ => body.windows(decoded.len()).rposition(|window| window == decoded)?,
    };
    Some([&body[..at], b"\xff", &body[at + decoded.len()..]].concat())
}

/// The end of the last string of JSON, so that JSON stays JSON; the end of what is no JSON.
fn end_of_text(body: &[u8]) -> usize {
    body.iter().rposition(|byte| *byte == b'"').unwrap_or(body.len())
}

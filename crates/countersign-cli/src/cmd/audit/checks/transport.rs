//! Attacks below the signature.

use super::Audit;
use crate::{
    cmd::audit::{
        answer::Got,
        message::Message,
        receiver::Poured,
        report::{Expect, Row, Verdict},
    },
    failure::Failure,
};

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Failure> {
    headers(audit)?;
    framing(audit)?;
    sizes(audit)?;
    slow(audit)
}

fn headers(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    for name in sender.added(&sender.event()?) {
        let event = sender.event()?;
        let Some(value) = event.header(&name).map(<[u8]>::to_vec) else { continue };
        audit.spoilt(
            "E7",
            format!("{name} twice, the first one wrong"),
            &event.clone().set(&name, "1").with(&name, &value),
        )?;
        audit.spoilt("E7", format!("{name} twice, the last one wrong"), &event.clone().with(&name, "1"))?;
        audit.spoilt(
            "E8",
            format!("{name} with a byte that is no text"),
            &event.clone().set(&name, [&value[..], b"\xff"].concat()),
        )?;
        audit.spoilt("E8", format!("{name} is a byte that is no text"), &event.set(&name, b"\xff"))?;
    }
    if let Some(name) = sender.signature_header() {
        let event = sender.event()?;
        let value = event.header(&name).map(<[u8]>::to_vec).unwrap_or_default();
        for separator in [",", " "] {
            let many = vec![value.as_slice(); 1000].join(separator.as_bytes());
            audit.try_it(
                "E9",
                format!("a thousand signatures with {separator:?} between them"),
                Expect::RefusedOrClosed,
                |receiver| receiver.send(&event.clone().set(&name, many).bytes()),
            )?;
        }
    }
    // Servers answer 501 to methods that they do not support.
    let event = Message { method: "GET".to_owned(), ..sender.event()? };
    let expect = if sender.may_accept(&event) { Expect::Either } else { Expect::RefusedOrClosed };
    audit.send("A8", "another method", expect, &event)?;
    Ok(())
}

fn framing(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    let length = event.body.len();
    let two = event.clone().with("content-length", (length + 1).to_string());
    for (check, message) in [
        ("two lengths", two),
        ("a length that is no number", event.clone().set("content-length", "two")),
        ("a length below zero", event.clone().set("content-length", "-1")),
    ] {
        audit.try_it("E4", check, Expect::RefusedOrClosed, |receiver| receiver.send(&message.bytes()))?;
    }
    smuggled(audit)?;
    if length > 1 && audit.sender.scheme().covers_body() {
        let short = event.clone().set("content-length", (length - 1).to_string());
        audit.send("E4", "a body longer than it says", Expect::Refused, &short)?;
    }
    let long = audit.sender.event()?.set("content-length", (length + 1).to_string());
    audit.try_it("E4", "a body shorter than it says", Expect::RefusedOrClosed, |receiver| {
        receiver.send_and_end(&long.bytes())
    })?;
    audit.try_it("E10", "a request that breaks off", Expect::RefusedOrClosed, |receiver| {
        receiver.send_and_end(&event.head()[..20])
    })?;
    audit.try_it("E10", "no HTTP at all", Expect::RefusedOrClosed, |receiver| receiver.send_and_end(&[0xff; 100]))?;
    Ok(())
}

/// RFC 9112 section 6.1: of a length and chunks, a server may take the chunks or refuse both, but must close the
/// connection. Another program in front of it may have taken the length.
fn smuggled(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    let both = |event: Message| event.with("transfer-encoding", "chunked").without("connection");
    let (front, behind) = (both(sender.event()?.with_chunks()), sender.event()?);
    unread(audit, "what stands behind a request with a length and chunks", &[front.bytes(), behind.bytes()].concat())?;
    let inside = sender.event()?.bytes();
    // All that the length covers is the size of the chunk. A receiver that goes by the length may accept it if signed.
    let size = format!("{:x}\r\n", inside.len());
    let front = both(sender.event_of(size.clone()).map_or_else(|| sender.event(), Ok)?.with_body(size));
    unread(
        audit,
        "what stands in the chunk of such a request",
        &[&front.bytes()[..], &inside, b"\r\n0\r\n\r\n"].concat(),
    )
}

/// Sends a request with another in it, which must not be answered.
fn unread(audit: &mut Audit<'_>, check: &str, bytes: &[u8]) -> Result<(), Failure> {
    let (got, verdict) = match audit.receiver.answers(bytes) {
        Some(0 | 1) => ("not read", Verdict::Pass),
        Some(_) => ("read", Verdict::Fail),
        None => ("no answer", Verdict::Unclear),
    };
    audit.push(Row::other("E4", check, "not read", got, verdict))?;
    Ok(())
}

fn sizes(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    let huge = sender.event()?.set("content-length", "1099511627776");
    audit.try_it("E4", "a body of a terabyte, announced", Expect::RefusedOrClosed, |receiver| {
        receiver.send(&huge.bytes())
    })?;
    poured(audit)?;
    let long = sender.event()?.with("x-audit", vec![b'a'; 1024 * 1024]);
    audit.try_it("E9", "a header of 1 MiB", Expect::RefusedOrClosed, |receiver| receiver.send(&long.bytes()))?;
    Ok(())
}

/// Sends a body that is too large to be kept, in chunks and with its length.
fn poured(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let (piece, times) = (vec![b'a'; PIECE], HUGE_BODY_MIB * 1024 * 1024 / PIECE);
    let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &piece, b"\r\n"].concat();
    let chunked = audit.sender.event()?.without("content-length").with("transfer-encoding", "chunked").head();
    let measured = audit.sender.event()?.set("content-length", (PIECE * times).to_string()).head();
    for (how, body) in [
        ("in chunks", Poured { head: chunked, piece: chunk, times, end: b"0\r\n\r\n" }),
        ("with a length", Poured { head: measured, piece, times, end: b"" }),
    ] {
        let check = format!("{HUGE_BODY_MIB} MiB {how} are given up, or answered 413");
        let (got, is_read) = audit.receiver.pour(&body);
        // Some frameworks read the rest of what they refuse, and keep none of it.
        let is_too_large = matches!(&got, Got::Answer(answer) if answer.status == 413);
        audit.push(if is_read && !is_too_large {
            Row::other("E4", &check, Expect::RefusedOrClosed.words(), "all was read", Verdict::Fail)
        } else {
            Row::new("E4", check, Expect::RefusedOrClosed, &got)
        })?;
    }
    Ok(())
}

fn slow(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    let seconds = audit.receiver.patience().as_secs();
    let body = event.set("content-length", "1000").head();
    let check = format!("a body of a byte a second is given up within {seconds} s");
    audit.push(match audit.receiver.drip(&body) {
        Some(got) => Row::new("E5", check, Expect::RefusedOrClosed, &got),
        None => Row::other("E5", &check, Expect::RefusedOrClosed.words(), "still open", Verdict::Fail),
    })?;
    Ok(())
}

impl Message {
    fn with_chunks(self) -> Self {
        let mut body = format!("{:x}\r\n", self.body.len()).into_bytes();
        body.extend_from_slice(&self.body);
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        Self { body, ..self }
    }
}

/// In MiB. No provider sends a webhook this large.
const HUGE_BODY_MIB: usize = 64;
/// In bytes, of which 1 MiB is a multiple.
const PIECE: usize = 64 * 1024;

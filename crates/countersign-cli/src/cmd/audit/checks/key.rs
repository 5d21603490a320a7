//! Attacks on the key and the comparison with it.

use super::{Audit, tag};
use crate::{
    cmd::audit::{
        answer::Got,
        message::Message,
        report::{Expect, Row, Verdict},
    },
    failure::Failure,
    moment,
};

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    if let Some(forged) = sender.forged()? {
        audit.forged("A1", "signed with another secret", &forged)?;
    }
    if let Some(forged) = sender.forged_with_nothing()? {
        audit.send("A4", "signed with the empty secret", Expect::Refused, &forged)?;
    }
    let event = sender.event()?;
    for name in sender.added(&event) {
        audit.spoilt("A7", format!("without {name}"), &sender.event()?.without(&name))?;
    }
    audit.spoilt("A7", "not signed at all", &sender.unsigned()?)?;
    if let Some(name) = sender.signature_header() {
        tags(audit, &name)?;
        changed_tags(audit, &name)?;
        names(audit, &name)?;
    }
    leaks(audit)
}

/// Sends signatures that are cut or lengthened.
fn tags(audit: &mut Audit<'_>, name: &str) -> Result<(), Failure> {
    let sender = audit.sender;
    let event = sender.event()?;
    let Some(value) = event.header(name).map(<[u8]>::to_vec) else { return Ok(()) };
    let tag = tag::place(&value);
    let (before, behind) = value.split_at(tag.end);
    let unpadded = &value[tag::end_of_padding(&value, tag.end)..];
    let cut = |by: usize| [&value[..tag.end - by], unpadded].concat();
    for (check, value) in [
        ("the signature without its last character", cut(tag.len().min(1))),
        ("the first half of the signature", cut(tag.len() / 2)),
        ("only the first character of the signature", cut(tag.len().saturating_sub(1))),
        ("no character of the signature, but what is around it", cut(tag.len())),
        ("an empty signature header", Vec::new()),
        ("a character more behind the signature", [before, b"0", behind].concat()),
        ("text behind the signature", [&value[..], b" junk"].concat()),
    ] {
        audit.spoilt("A2", check, &event.clone().set(name, value))?;
    }
    for (check, value) in
        [("a signature of two characters", "aa"), ("commas for a signature", ",,=,;"), ("a long signature", LONG)]
    {
        audit.spoilt("A3", check, &event.clone().set(name, value))?;
    }
    Ok(())
}

/// Sends signatures that have the right length and are wrong in one place.
fn changed_tags(audit: &mut Audit<'_>, name: &str) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    let value = event.header(name).unwrap_or_default();
    let tag = tag::place(value);
    if tag.is_empty() {
        return Ok(());
    }
    for (which, at) in [("first", tag.start), ("middle", tag.start + tag.len() / 2), ("last", tag.end - 1)] {
        let check = format!("the {which} character of the signature changed");
        audit.spoilt("A2", check, &event.clone().set(name, tag::changed(value, tag.clone(), at)))?;
    }
    Ok(())
}

/// Sends the signature under the name of another version or algorithm.
fn names(audit: &mut Audit<'_>, name: &str) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    let Some(value) = event.header(name).and_then(|value| std::str::from_utf8(value).ok()).map(str::to_owned) else {
        return Ok(());
    };
    for (from, to) in [("sha256=", "sha1="), ("sha256=", "none="), ("sha256=", ""), ("v1", "v0"), ("v0=", "v1=")] {
        if value.contains(from) {
            let other = event.clone().set(name, value.replacen(from, to, 1));
            let to = if to.is_empty() { "nothing" } else { to };
            audit.spoilt("A8", format!("the right signature under {to} for {from}"), &other)?;
        }
    }
    Ok(())
}

/// Checks that the answer to a forgery does not contain the right signature.
fn leaks(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let sender = audit.sender;
    let (Some(name), Some(forged)) = (sender.signature_header(), sender.forged()?) else { return Ok(()) };
    let right = sender.sign(&sender.signer, forged.body.clone().into(), moment::now())?;
    let Some(tag) = right.header(&name).map(last_run) else { return Ok(()) };
    let is_told = |bytes: &[u8]| tag.len() >= 8 && bytes.windows(tag.len()).any(|window| window == tag);
    let (got, verdict) = match audit.receiver.send(&timed_like(&forged, &right, &name).bytes()) {
        Got::Answer(answer) if is_told(&answer.bytes) => ("told", Verdict::Fail),
        Got::Answer(_) => ("not told", Verdict::Pass),
        _ => ("no answer", Verdict::Unclear),
    };
    let check = "the right signature is not in the answer to a wrong one";
    audit.push(Row::other("A12", check, "not told", got, verdict))?;
    Ok(())
}

/// The forgery with the other headers of the right message, so that both have the same signed content.
fn timed_like(forged: &Message, right: &Message, name: &str) -> Message {
    let tag_of_forged = forged.header(name).map(last_run).unwrap_or_default();
    let right_value = right.header(name).unwrap_or_default();
    let kept = right_value.len() - last_run(right_value).len();
    right.clone().set(name, [&right_value[..kept], tag_of_forged].concat())
}

/// The last run of characters that a tag can have.
fn last_run(value: &[u8]) -> &[u8] {
    let is_tag = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let start = value.iter().rposition(|byte| !is_tag(byte)).map_or(0, |at| at + 1);
    // A label such as `v1=` is not part of the tag.
    let tag = &value[start..];
    let label = tag.iter().position(|byte| *byte == b'=').filter(|at| at + 2 < tag.len()).map_or(0, |at| at + 1);
    &tag[label..]
}

const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

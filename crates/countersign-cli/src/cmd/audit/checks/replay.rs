//! Replays, as far as answers show them.

use std::thread;

use super::Audit;
use crate::{
    cmd::audit::{
        answer::Got,
        report::{Expect, Row, Verdict},
    },
    failure::Failure,
};

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    audit.send("D4", "an event, for the first time", Expect::Accepted, &event)?;
    audit.send("D4", "the same event again", repeated(audit), &event)?;
    audit.watch("D4", "sent twice", &event);
    if let Some(name) = audit.sender.signature_header()
        && audit.sender.scheme().covers_body()
    {
        let real = audit.sender.event()?;
        let changed = crate::tamper::body(&real.body.clone().into());
        let forged = real.clone().with_body(changed);
        audit.spoilt("D1", "a forgery with the headers of an event that comes", &forged)?;
        audit.spoilt("D1", "the event with a forged signature", &real.clone().set(&name, "forged"))?;
        audit.send("D1", "the event itself, which no forgery has used up", Expect::Accepted, &real)?;
        audit.watch("D1", "sent behind two forgeries of it", &real);
    }
    at_once(audit)
}

fn repeated(audit: &Audit<'_>) -> Expect {
    Expect::Repeated { in_progress: audit.sender.scheme().answers().in_progress().map(|status| status.as_u16()) }
}

/// Sends one event eight times at once.
fn at_once(audit: &mut Audit<'_>) -> Result<(), Failure> {
    let event = audit.sender.event()?;
    let (bytes, receiver) = (event.bytes(), audit.receiver);
    let all: Vec<Got> = thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(|| receiver.send(&bytes))).collect();
        let got = racers.into_iter().map(thread::ScopedJoinHandle::join);
        got.map(|got| got.unwrap_or_else(|_| Got::Nothing("the audit failed".to_owned()))).collect()
    });
    audit.push(raced(&all, repeated(audit)))?;
    audit.watch("D4", &format!("sent {RACERS} times at once"), &event);
    Ok(())
}

/// The row of requests that were sent at once: all may be answered like duplicates, except one.
fn raced(all: &[Got], expect: Expect) -> Row {
    let check = format!("an event {RACERS} times at once");
    match all.iter().find(|got| expect.judge(got) != Verdict::Pass) {
        Some(worst) => Row::new("D4", check, expect, worst),
        None if all.iter().any(|got| Expect::Accepted.judge(got) == Verdict::Pass) => {
            Row::other("D4", &check, expect.words(), "2xx for one", Verdict::Pass)
        }
        None => Row::other("D4", &check, "2xx for one", "no 2xx", Verdict::Fail),
    }
}

const RACERS: usize = 8;

//! The checks of an audit, grouped as the attacks in `tests/ADVERSARY.md`.

mod content;
mod key;
mod replay;
mod tag;
mod time;
mod transport;

use std::{thread, time::Duration};

use super::{
    answer::{Answer, Got},
    message::Message,
    receiver::Receiver,
    report::{Expect, Row, Verdict, Watched},
    sender::Sender,
};
use crate::failure::Failure;

/// An audit in progress.
pub(super) struct Audit<'a> {
    pub(super) sender: &'a Sender,
    pub(super) receiver: &'a Receiver,
    pub(super) rows: Vec<Row>,
    /// The forgeries that were not accepted, and the answers to them.
    refusals: Vec<Refusal>,
    /// The events of which only the receiver's handler shows how often they were handled.
    pub(super) watched: Vec<Watched>,
    /// Called with each row as soon as it is there.
    pub(super) show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
}

/// A forgery and the answer to it.
struct Refusal {
    check: String,
    message: Message,
    got: Got,
}

impl<'a> Audit<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        receiver: &'a Receiver,
        show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
    ) -> Self {
        Self { sender, receiver, rows: Vec::new(), refusals: Vec::new(), watched: Vec::new(), show }
    }

    /// Runs all checks. If the first fails, it stops: a receiver that refuses everything proves nothing.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        let event = self.sender.event()?;
        if self.send("–", "a good delivery", Expect::Accepted, &event)? != Verdict::Pass {
            return Ok(());
        }
        key::check(self)?;
        content::check(self)?;
        time::check(self)?;
        replay::check(self)?;
        transport::check(self)?;
        self.oracle()?;
        let event = self.sender.event()?;
        self.send("–", "a good delivery, after all of that", Expect::Accepted, &event)?;
        Ok(())
    }

    /// Sends a whole message.
    fn send(
        &mut self,
        row: &'static str,
        check: impl Into<String>,
        expect: Expect,
        message: &Message,
    ) -> Result<Verdict, Failure> {
        self.try_it(row, check, expect, |receiver| receiver.send(&message.bytes()))
    }

    /// Sends a message that was changed. It should be refused, unless the scheme itself accepts it.
    fn spoilt(&mut self, row: &'static str, check: impl Into<String>, message: &Message) -> Result<Verdict, Failure> {
        let expect = if self.sender.may_accept(message) { Expect::Either } else { Expect::Refused };
        self.send(row, check, expect, message)
    }

    /// Sends a forgery. All forgeries should be answered alike.
    fn forged(&mut self, row: &'static str, check: &str, message: &Message) -> Result<(), Failure> {
        let mut got = Got::Nothing(String::new());
        self.try_it(row, check, Expect::Refused, |receiver| {
            got = receiver.send(&message.bytes());
            got.clone()
        })?;
        // One that was accepted fails its own row, and need not fail that of the answers.
        if Expect::Accepted.judge(&got) != Verdict::Pass {
            self.refusals.push(Refusal { check: check.to_owned(), message: message.clone(), got });
        }
        Ok(())
    }

    /// Notes an event that should have been handled exactly once.
    fn watch(&mut self, row: &'static str, how: &str, event: &Message) {
        self.watched.push(Watched { row, how: how.to_owned(), event: self.sender.id_of(event) });
    }

    fn try_it(
        &mut self,
        row: &'static str,
        check: impl Into<String>,
        expect: Expect,
        exchange: impl FnOnce(&Receiver) -> Got,
    ) -> Result<Verdict, Failure> {
        let got = exchange(self.receiver);
        self.push(Row::new(row, check.into(), expect, &got))
    }

    fn push(&mut self, row: Row) -> Result<Verdict, Failure> {
        (self.show)(&row)?;
        let verdict = row.verdict;
        self.rows.push(row);
        Ok(verdict)
    }

    /// Checks that all forgeries that were not accepted were answered alike, if there are two or more.
    fn oracle(&mut self) -> Result<(), Failure> {
        if self.refusals.len() < 2 {
            return Ok(());
        }
        let (mut got, mut verdict) = told_apart(&self.refusals, Answer::body);
        if verdict == Verdict::Fail && self.bodies_vary() {
            (got, verdict) = told_apart(&self.refusals, |_| b"");
        }
        self.push(Row::other("A13", "forgeries are all answered alike", "one answer", &got, verdict))?;
        Ok(())
    }

    /// Whether one forgery gets two bodies, with the time or an id of the request in them: these tell nothing.
    fn bodies_vary(&self) -> bool {
        let Some(Refusal { message, .. }) = self.refusals.first() else { return false };
        let send = || match self.receiver.send(&message.bytes()) {
            Got::Answer(answer) => Some(answer.body().to_vec()),
            _ => None,
        };
        let first = send();
        thread::sleep(A_SECOND);
        first.is_some_and(|first| send().is_some_and(|second| first != second))
    }
}

/// Whether the answers to these forgeries differ, by their status or by this part of them. 429 is none: the receiver was
/// too busy.
fn told_apart(refusals: &[Refusal], part: impl Fn(&Answer) -> &[u8]) -> (String, Verdict) {
    let answers: Vec<_> = refusals
        .iter()
        .filter_map(|Refusal { check, got, .. }| match got {
            Got::Answer(answer) if answer.status != 429 => Some((check, (answer.status, part(answer)))),
            _ => None,
        })
        .collect();
    let other = answers.iter().find(|(_, answer)| Some(answer) != answers.first().map(|(_, first)| first));
    match other {
        Some((other, _)) => (format!("not: {other}"), Verdict::Fail),
        None if answers.len() < refusals.len() => ("not all answered".to_owned(), Verdict::Unclear),
        None => ("one answer".to_owned(), Verdict::Pass),
    }
}

/// A little more, since times in answers are often in whole seconds.
const A_SECOND: Duration = Duration::from_millis(1100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_that_were_not_answered_prove_nothing() {
        let verdict = |got: &[Got]| {
            let message =
                || Message { method: String::new(), target: String::new(), headers: Vec::new(), body: Vec::new() };
            let refusal = |got: &Got| Refusal { check: "a forgery".to_owned(), message: message(), got: got.clone() };
            told_apart(&got.iter().map(refusal).collect::<Vec<_>>(), Answer::body).1
        };
        let [bad, unauthorized] = [400, 401].map(Got::status);
        let late = Got::Nothing("out of time".to_owned());
        assert_eq!(verdict(&[bad.clone(), bad.clone()]), Verdict::Pass);
        assert_eq!(verdict(&[bad.clone(), late.clone(), unauthorized]), Verdict::Fail);
        assert_eq!(verdict(&[late.clone(), late]), Verdict::Unclear);
        assert_eq!(verdict(&[bad.clone(), Got::status(429), bad.clone()]), Verdict::Unclear);
        assert_eq!(verdict(&[bad, Got::Closed]), Verdict::Unclear);
        assert_eq!(verdict(&[Got::Silence, Got::Silence]), Verdict::Unclear);
    }
}

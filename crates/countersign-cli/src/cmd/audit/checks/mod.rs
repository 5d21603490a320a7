//! The checks of an audit, grouped as the attacks in `tests/ADVERSARY.md`.

mod content;
mod key;
mod replay;
mod tag;
mod time;
mod transport;

use super::{
    answer::Got,
    message::Message,
    receiver::Receiver,
    report::{Expect, Row, Verdict},
    sender::Sender,
};
use crate::failure::Failure;

/// An audit in progress.
pub(super) struct Audit<'a> {
    pub(super) sender: &'a Sender,
    pub(super) receiver: &'a Receiver,
    pub(super) rows: Vec<Row>,
    /// The answers to forgeries, each with its check.
    refusals: Vec<(String, Got)>,
    /// Called with each row as soon as it is there.
    pub(super) show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
}

impl<'a> Audit<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        receiver: &'a Receiver,
        show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
    ) -> Self {
        Self { sender, receiver, rows: Vec::new(), refusals: Vec::new(), show }
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
        self.refusals.push((check.to_owned(), got));
        Ok(())
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

    /// Checks that all forgeries were answered alike, if there are two or more.
    fn oracle(&mut self) -> Result<(), Failure> {
        if self.refusals.len() < 2 {
            return Ok(());
        }
        let (got, verdict) = told_apart(&self.refusals);
        self.push(Row::other("A13", "forgeries are all answered alike", "one answer", &got, verdict))?;
        Ok(())
    }
}

/// Whether the answers to these forgeries differ.
fn told_apart(refusals: &[(String, Got)]) -> (String, Verdict) {
    let answers: Vec<_> = refusals
        .iter()
        .filter_map(|(check, got)| match got {
            Got::Answer(answer) => Some((check, (answer.status, answer.body()))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_that_were_not_answered_prove_nothing() {
        let verdict = |got: &[Got]| {
            let refusals: Vec<_> = got.iter().map(|got| ("a forgery".to_owned(), got.clone())).collect();
            told_apart(&refusals).1
        };
        let [bad, unauthorized] = [400, 401].map(Got::status);
        let late = Got::Nothing("out of time".to_owned());
        assert_eq!(verdict(&[bad.clone(), bad.clone()]), Verdict::Pass);
        assert_eq!(verdict(&[bad.clone(), late.clone(), unauthorized]), Verdict::Fail);
        assert_eq!(verdict(&[late.clone(), late]), Verdict::Unclear);
        assert_eq!(verdict(&[bad, Got::Closed]), Verdict::Unclear);
        assert_eq!(verdict(&[Got::Silence, Got::Silence]), Verdict::Unclear);
    }
}

//! The checks, by the parts of the list of attacks.

mod content;
mod key;
mod replay;
mod time;
mod transport;

use std::time::Instant;

use super::{
    message::Message,
    receiver::{Got, Receiver},
    report::{Expect, Row, Verdict},
    sender::Sender,
};
use crate::failure::Failure;

/// An audit under way.
pub(super) struct Audit<'a> {
    pub(super) sender: &'a Sender,
    pub(super) receiver: &'a Receiver,
    pub(super) until: Instant,
    pub(super) rows: Vec<Row>,
    /// What forgeries were answered with.
    refusals: Vec<(String, Got)>,
    /// Is shown each row when it is there.
    pub(super) show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
}

impl<'a> Audit<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        receiver: &'a Receiver,
        until: Instant,
        show: &'a mut dyn FnMut(&Row) -> Result<(), Failure>,
    ) -> Self {
        Self { sender, receiver, until, rows: Vec::new(), refusals: Vec::new(), show }
    }

    /// All checks; only the first if that fails: whatever refuses everything proves nothing.
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

    /// Sends a message as a whole.
    fn send(
        &mut self,
        row: &'static str,
        check: impl Into<String>,
        expect: Expect,
        message: &Message,
    ) -> Result<Verdict, Failure> {
        self.try_it(row, check, expect, |receiver| receiver.send(&message.bytes()))
    }

    /// Sends a message that only the right receiver's own word makes a good one.
    fn spoilt(&mut self, row: &'static str, check: impl Into<String>, message: &Message) -> Result<Verdict, Failure> {
        let expect = if self.sender.may_accept(message) { Expect::Either } else { Expect::Refused };
        self.send(row, check, expect, message)
    }

    /// Sends a forgery, whose answer must be like that of every other.
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
        let is_over = Instant::now() > self.until;
        let got = if is_over { Got::Nothing("out of time".to_owned()) } else { exchange(self.receiver) };
        self.push(Row::new(row, check.into(), expect, &got))
    }

    fn push(&mut self, row: Row) -> Result<Verdict, Failure> {
        (self.show)(&row)?;
        let verdict = row.verdict;
        self.rows.push(row);
        Ok(verdict)
    }

    /// Whether the answers to forgeries tell them apart.
    fn oracle(&mut self) -> Result<(), Failure> {
        let seen = |got: &Got| match got {
            Got::Answer(answer) => Some((answer.status, answer.body().to_vec())),
            _ => None,
        };
        let Some((first, rest)) = self.refusals.split_first() else { return Ok(()) };
        let other = rest.iter().find(|(_, got)| seen(got) != seen(&first.1));
        let check = "forgeries are all answered alike";
        let row = match other {
            Some((other, _)) => Row::other("A13", check, "one answer", &format!("not: {other}"), Verdict::Fail),
            None => Row::other("A13", check, "one answer", "one answer", Verdict::Pass),
        };
        self.push(row)?;
        Ok(())
    }
}

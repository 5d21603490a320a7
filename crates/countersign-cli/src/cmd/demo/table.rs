//! The table of verdicts.

use std::fmt;

use super::{recorder::Seen, sender::Kind};
use crate::{client::Answer, output::Style};

pub(super) fn heading() -> String {
    let line = format!(
        "{:18} {:10} {:8} {:8} {:18} {:>7}",
        "provider", "delivery", "expected", "answered", "reason in the log", "µs"
    );
    Style::of_stdout().bold(line)
}

/// One delivery and its verdict.
pub(super) struct Row<'a> {
    pub(super) provider: &'a str,
    pub(super) kind: Kind,
    pub(super) answer: Result<Answer, String>,
    /// What the server saw meanwhile: only this delivery, if all is well.
    pub(super) seen: Vec<Seen>,
}

impl Row<'_> {
    pub(super) fn is_right(&self) -> bool {
        let (status, code) = self.kind.expected();
        let answered = self.answer.as_ref().is_ok_and(|answer| answer.status.as_u16() == status);
        let [seen] = &*self.seen else { return false };
        answered && seen.code == code && seen.provider == self.provider
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = Style::of_stdout();
        let answered = match &self.answer {
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(error) => error.clone(),
        };
        let (code, micros) = match self.seen.first() {
            Some(seen) => (seen.code, seen.took.as_micros().to_string()),
            None => ("nothing", "-".to_owned()),
        };
        let mark = if self.is_right() { style.good("✓") } else { style.bad("✗") };
        let code = format!("{code:18}");
        let code = if self.seen.iter().any(Seen::is_success) { style.good(code) } else { style.bad(code) };
        let (provider, kind, expected) = (self.provider, self.kind.name(), self.kind.expected().0);
        write!(f, "{provider:18} {kind:10} {expected:<8} {answered:8} {code} {micros:>7} {mark}")
    }
}

/// The line for a delivery that the user sent.
pub(super) fn announcement(seen: &Seen) -> String {
    let style = Style::of_stdout();
    let verdict =
        if seen.is_success() { style.good(seen.code) } else { style.bad(format_args!("refused: {}", seen.code)) };
    format!("{:18} {verdict} in {} µs", seen.provider, seen.took.as_micros())
}

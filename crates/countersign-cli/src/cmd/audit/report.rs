//! What the audit found.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::answer::Got;
use crate::output::{Style, harmless};

/// What a receiver should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// 2xx.
    Accepted,
    /// 4xx: a 5xx is no refusal, since the sender sends again.
    Refused,
    /// 4xx, or what is below HTTP: to close the connection.
    RefusedOrClosed,
    /// Either of them: it is a matter of taste, but nothing may break.
    Either,
    /// 2xx, 409, or what else the provider wants to hear of an event that is being handled: a duplicate is no mistake of the
    /// sender's.
    Repeated { in_progress: Option<u16> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// What came back proves neither.
    Unclear,
}

impl Expect {
    fn words(self) -> &'static str {
        match self {
            Self::Accepted => "2xx",
            Self::Refused => "4xx",
            Self::RefusedOrClosed => "4xx or closed",
            Self::Either => "2xx or 4xx",
            Self::Repeated { .. } => "2xx or 409",
        }
    }

    pub(super) fn judge(self, got: &Got) -> Verdict {
        match got {
            Got::Answer(answer) => self.judge_status(answer.status),
            Got::Nothing(_) => Verdict::Unclear,
            Got::Closed if self == Self::RefusedOrClosed => Verdict::Pass,
            Got::Closed | Got::Silence => {
                if self == Self::Accepted {
                    Verdict::Fail
                } else {
                    Verdict::Unclear
                }
            }
        }
    }

    fn judge_status(self, status: u16) -> Verdict {
        let passes = match self {
            Self::Accepted => matches!(status, 200..=299),
            Self::Refused => matches!(status, 400..=499),
            // 501 and 505 are said of the request, too.
            Self::RefusedOrClosed => matches!(status, 400..=499 | 501 | 505),
            Self::Either => matches!(status, 200..=299 | 400..=499),
            Self::Repeated { in_progress } => matches!(status, 200..=299 | 409) || Some(status) == in_progress,
        };
        match status {
            // It was too busy to say.
            429 => Verdict::Unclear,
            _ if passes => Verdict::Pass,
            _ => Verdict::Fail,
        }
    }
}

/// One check.
pub(super) struct Row {
    /// Its row in the list of attacks.
    attack: &'static str,
    check: String,
    expected: String,
    got: String,
    /// Of the answer, if there was one.
    status: Option<u16>,
    pub(super) verdict: Verdict,
}

impl Row {
    pub(super) fn new(attack: &'static str, check: String, expect: Expect, got: &Got) -> Self {
        let verdict = expect.judge(got);
        Self { attack, check, expected: expect.words().to_owned(), got: words(got), status: status(got), verdict }
    }

    /// A check of something else than one status.
    pub(super) fn other(attack: &'static str, check: &str, expected: &str, got: &str, verdict: Verdict) -> Self {
        Self {
            attack,
            check: check.to_owned(),
            expected: expected.to_owned(),
            got: harmless(got),
            status: None,
            verdict,
        }
    }

    pub(super) fn line(&self, style: Style) -> String {
        let Self { attack, check, expected, got, verdict, .. } = self;
        let verdict = match verdict {
            Verdict::Pass => style.good("pass"),
            Verdict::Fail => style.bad("FAIL"),
            Verdict::Unclear => style.bold("unclear"),
        };
        format!("{attack:4} {check:58} {expected:14} {got:14} {verdict}")
    }

    /// What to do if this is the good delivery.
    pub(super) fn advice(&self) -> &'static str {
        match self.status {
            Some(400..=499) => "is the secret right, and the URL?",
            Some(_) => "is it this receiver's own URL, and what does its log say?",
            None => "is something listening there that speaks HTTP?",
        }
    }

    pub(super) fn json(&self) -> Json {
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Unclear => "unclear",
        };
        json!({ "row": self.attack, "check": self.check, "expected": self.expected, "got": self.got, "verdict": verdict })
    }
}

pub(super) fn heading() -> String {
    format!("{:4} {:58} {:14} {:14} verdict", "row", "check", "expected", "got")
}

pub(super) fn summary(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (failed, unclear) = (count(Verdict::Fail), count(Verdict::Unclear));
    let mut text = format!("{} checks: {} passed", rows.len(), count(Verdict::Pass));
    for (count, word) in [(failed, "failed"), (unclear, "unclear")] {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {count} {word}");
    }
    text
}

fn status(got: &Got) -> Option<u16> {
    match got {
        Got::Answer(answer) => Some(answer.status),
        _ => None,
    }
}

fn words(got: &Got) -> String {
    match got {
        Got::Answer(answer) => answer.status.to_string(),
        Got::Closed => "closed".to_owned(),
        Got::Silence => "no answer".to_owned(),
        Got::Nothing(reason) => reason.clone(),
    }
}

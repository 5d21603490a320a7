//! The rows of an audit: what was expected, what came, and the verdict.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::answer::Got;
use crate::output::{Style, escaped_line};

/// The answer that a receiver should give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// 2xx.
    Accepted,
    /// 4xx. A 5xx is not a refusal, since the sender sends again.
    Refused,
    /// 4xx, or the connection is closed.
    RefusedOrClosed,
    /// 2xx or 4xx: either is fine, but the receiver must not fail.
    Either,
    /// 2xx, 409, or the provider's own status for an event that is being handled: a duplicate is not the sender's
    /// mistake.
    Repeated { in_progress: Option<u16> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// The answer proves neither.
    Unclear,
}

impl Expect {
    pub(super) fn words(self) -> &'static str {
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
            // 501 and 505 refuse a request, too.
            Self::RefusedOrClosed => matches!(status, 400..=499 | 501 | 505),
            Self::Either => matches!(status, 200..=299 | 400..=499),
            Self::Repeated { in_progress } => matches!(status, 200..=299 | 409) || Some(status) == in_progress,
        };
        match status {
            // The receiver was too busy to judge the request.
            429 => Verdict::Unclear,
            _ if passes => Verdict::Pass,
            _ => Verdict::Fail,
        }
    }
}

/// One check.
pub(super) struct Row {
    /// The attack's row in `tests/ADVERSARY.md`.
    attack: &'static str,
    check: String,
    expected: String,
    got: String,
    /// The status of the answer, if there was one.
    status: Option<u16>,
    pub(super) verdict: Verdict,
}

impl Row {
    pub(super) fn new(attack: &'static str, check: String, expect: Expect, got: &Got) -> Self {
        let verdict = expect.judge(got);
        Self { attack, check, expected: expect.words().to_owned(), got: words(got), status: status(got), verdict }
    }

    /// A check that is not about a single status.
    pub(super) fn other(attack: &'static str, check: &str, expected: &str, got: &str, verdict: Verdict) -> Self {
        Self {
            attack,
            check: check.to_owned(),
            expected: expected.to_owned(),
            got: escaped_line(got),
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

    /// What to look at if this is the good delivery that failed.
    pub(super) fn advice(&self) -> &'static str {
        match self.status {
            Some(400..=499) => "is the secret right, and the URL?",
            Some(_) => "is this the receiver's URL, and what does its log say?",
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

/// An event that should have been handled exactly once.
pub(super) struct Watched {
    /// The attack's row in `tests/ADVERSARY.md`.
    pub(super) row: &'static str,
    pub(super) how: String,
    pub(super) event: Option<String>,
}

impl Watched {
    pub(super) fn line(&self) -> String {
        let Self { row, how, event } = self;
        format!("{row:4} {how:31} {}", event.as_deref().map(escaped_line).unwrap_or_default()).trim_end().to_owned()
    }

    pub(super) fn json(&self) -> Json {
        json!({ "row": self.row, "how": self.how, "event": self.event })
    }
}

pub(super) fn heading() -> String {
    format!("{:4} {:58} {:14} {:14} verdict", "row", "check", "expected", "got")
}

pub(super) fn summary(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (failed, unclear) = (count(Verdict::Fail), count(Verdict::Unclear));
    let word = if rows.len() == 1 { "check" } else { "checks" };
    let mut text = format!("{} {word}: {} passed", rows.len(), count(Verdict::Pass));
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

//! `Explanation`: the verdict on a request, and the causes of a refusal.

use std::{fmt, sync::Arc};

use super::{mistake::Mistake, search::Untried, stated};
use crate::{config::ConfigError, rejection::Rejection, timestamp::Timestamp};

/// The verdict on a request and, if it was refused, the causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    verdict: Verdict,
    causes: Vec<Cause>,
    untried: Option<Untried>,
}

/// The verdict on the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is genuine.
    Accepted {
        /// The label of the key that made the signature.
        key: Arc<str>,
        /// The signed time, if the scheme signs one.
        at: Option<Timestamp>,
    },
    /// A log line says that it was refused.
    Logged {
        /// The [code](Rejection::code) of the refusal.
        code: String,
    },
    /// No verifier can be built from the set-up.
    Misconfigured(ConfigError),
    /// It was refused.
    Refused(Rejection),
}

/// One mistake, and how certain it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    mistake: Mistake,
    certainty: Certainty,
}

/// How certain a cause is. The more certain one compares as less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Certainty {
    /// The signature is valid without the mistake.
    Proven,
    /// The request or the set-up shows it, but the signature cannot prove it.
    Indicated,
}

impl Explanation {
    /// Explains a refusal by its reason alone, without the request.
    ///
    /// ```
    /// use countersign::{Explanation, Rejection};
    ///
    /// // It can have any cause: only the request itself and the secret can show it.
    /// assert!(Explanation::of_rejection(&Rejection::Signature).is_no_cause_found());
    /// ```
    pub fn of_rejection(rejection: &Rejection) -> Self {
        let causes = stated::of_rejection(rejection).into_iter().map(Cause::indicated).collect();
        Self { verdict: Verdict::Refused(rejection.clone()), causes, untried: None }
    }

    /// Explains a logged refusal by its `code` and `reason`. `None` if no [`Rejection::code`] is called that.
    pub fn of_log(code: &str, reason: &str) -> Option<Self> {
        let causes = stated::of_log(code, reason)?.into_iter().map(Cause::indicated).collect();
        Some(Self { verdict: Verdict::Logged { code: code.to_owned() }, causes, untried: None })
    }

    pub(super) fn accepted(key: &str, at: Option<Timestamp>) -> Self {
        Self { verdict: Verdict::Accepted { key: key.into(), at }, causes: Vec::new(), untried: None }
    }

    pub(super) fn refused(verdict: Verdict, causes: Vec<Cause>, untried: Option<Untried>) -> Self {
        Self { verdict, untried: untried.filter(|_| causes.is_empty()), causes }
    }

    /// Returns the verdict on the request.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether the request was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self.verdict, Verdict::Accepted { .. })
    }

    /// Returns the causes, the most certain first. Proven causes belong together: each one must be fixed.
    pub fn causes(&self) -> &[Cause] {
        &self.causes
    }

    /// Whether the request was refused and no known mistake explains it.
    pub fn is_no_cause_found(&self) -> bool {
        !self.is_accepted() && self.causes.is_empty()
    }

    /// Returns what it means that no cause was found. `None` if one was found.
    pub fn no_cause(&self) -> Option<&'static str> {
        self.is_no_cause_found().then_some(match (&self.verdict, self.untried) {
            (Verdict::Logged { .. }, _) => "the log line says no more; explain the request itself, with its secret",
            (_, Some(untried)) => untried.reason(),
            (_, None) => {
                "it was signed with another secret (of another endpoint, of the test environment, of a command-line tool: pass \
                 those that you have too), was changed on its way, or is forged; no common mistake by itself explains it"
            }
        })
    }

    /// Whether no cause was found, and some mistakes were left untried because they take too much work. Pairs of
    /// mistakes do not count: some of them are always untried.
    pub fn is_cut_short(&self) -> bool {
        self.untried.is_some()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        for cause in &self.causes {
            write!(f, "\n{} ({}): {cause}", cause.code(), cause.certainty)?;
        }
        self.no_cause().map_or(Ok(()), |why| write!(f, "\nno cause found: {why}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { key, .. } => write!(f, "accepted: `{key}` made the signature"),
            Self::Logged { code } => write!(f, "refused: {code}"),
            Self::Misconfigured(error) => write!(f, "not verified: {error}"),
            Self::Refused(rejection) => write!(f, "refused: {rejection}"),
        }
    }
}

impl Cause {
    pub(super) fn proven(mistake: Mistake) -> Self {
        Self { mistake, certainty: Certainty::Proven }
    }

    pub(super) fn indicated(mistake: Mistake) -> Self {
        Self { mistake, certainty: Certainty::Indicated }
    }

    /// Returns a stable word for the mistake, such as `body_reserialised`.
    pub fn code(&self) -> &'static str {
        self.mistake.code()
    }

    /// Returns the mistake itself.
    pub fn mistake(&self) -> &Mistake {
        &self.mistake
    }

    /// Returns how certain it is.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mistake.fmt(f)
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proven => "proven: the signature is valid without this mistake",
            Self::Indicated => "indicated: the signature cannot prove it",
        })
    }
}

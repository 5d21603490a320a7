//! Which settings of the replay guard are refused.

use std::{fmt, time::Duration};

/// A setting of [`ReplayLayer`](super::ReplayLayer) with which replays or retries would be handled again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayConfigError {
    /// The provider still retries when the event is forgotten: the retry would be handled again.
    ForgetsBeforeRetriesEnd {
        /// The scheme's id.
        scheme: String,
        /// How long events were to be kept.
        keep_for: Duration,
        /// How long the provider retries.
        retries_for: Duration,
    },
    /// The signature is still fresh when the event is forgotten: a replay would be handled.
    ForgetsBeforeStale {
        /// The scheme's id.
        scheme: String,
        /// How long events were to be kept.
        keep_for: Duration,
        /// How long a signature can be fresh: the sum of the tolerances for the past and the future.
        fresh_for: Duration,
    },
    /// No time is signed, so a signature is fresh for ever: a replay would be handled soon.
    ForgetsUndated {
        /// The scheme's id.
        scheme: String,
        /// How long events were to be kept.
        keep_for: Duration,
        /// How long they must be kept at least.
        at_least: Duration,
    },
    /// The lease can end before the handler's timeout: two handlers could handle one event.
    LeaseTooShort {
        /// The lease.
        lease: Duration,
        /// The handler's timeout and two calls to the store.
        needed: Duration,
    },
}

impl fmt::Display for ReplayConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForgetsBeforeRetriesEnd { scheme, keep_for, retries_for } => {
                write!(f, "`{scheme}` retries for {retries_for:?}: keep events at least that long, not {keep_for:?}")
            }
            Self::ForgetsBeforeStale { scheme, keep_for, fresh_for } => write!(
                f,
                "a signature of `{scheme}` can be fresh for {fresh_for:?}: keep events at least that long, not {keep_for:?}"
            ),
            Self::ForgetsUndated { scheme, keep_for, at_least } => write!(
                f,
                "`{scheme}` signs no time, so a replay is as fresh as the first delivery: keep events for {at_least:?} at least, \
                 not {keep_for:?}"
            ),
            Self::LeaseTooShort { lease, needed } => write!(
                f,
                "a lease of {lease:?} can end while the handler runs: make it {needed:?} at least, or shorten the handler's \
                 timeout"
            ),
        }
    }
}

impl std::error::Error for ReplayConfigError {}

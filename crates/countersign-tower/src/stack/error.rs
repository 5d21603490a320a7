//! Which settings of a stack are refused.

use std::fmt;

use crate::replay::ReplayConfigError;

/// Settings of a [`StackBuilder`](super::StackBuilder) that would let something through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// The endpoint has no name.
    NoName,
    /// A setting of the replay guard.
    Replay(ReplayConfigError),
    /// No time is signed and no replay guard is there: whoever records a delivery can send it again for ever.
    ReplayableForEver {
        /// The scheme's id; `None` if it is found out for each request.
        scheme: Option<String>,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => {
                f.write_str("the endpoint has no name: give one, by which its events are told apart from others'")
            }
            Self::Replay(error) => error.fmt(f),
            Self::ReplayableForEver { scheme } => {
                match scheme {
                    Some(scheme) => write!(f, "`{scheme}` signs no time")?,
                    None => f.write_str("the schemes of this endpoint may sign no time")?,
                }
                f.write_str(
                    ": without a replay guard, a recorded delivery is accepted again for ever. Keep the guard, or say \
                     `dangerous_accept_replays_for_ever`",
                )
            }
        }
    }
}

impl std::error::Error for StackError {}

impl From<ReplayConfigError> for StackError {
    fn from(error: ReplayConfigError) -> Self {
        Self::Replay(error)
    }
}

//! `StackError`: why a stack is not built.

use std::fmt;

use crate::replay::ReplayConfigError;

/// Why a [`StackBuilder`](super::StackBuilder) builds no stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// The endpoint has no name.
    NoName,
    /// A setting of the replay guard with which replays or retries would be handled again.
    Replay(ReplayConfigError),
    /// No time is signed, and there is no replay guard: an attacker who records a delivery can send it again for ever.
    ReplayableForEver {
        /// The scheme's id; `None` if each request has a scheme of its own.
        scheme: Option<String>,
    },
    /// A setting is for the replay guard alone, and the guard was removed.
    SettingWithoutGuard {
        /// The name of the setting's method, such as `with_lease`.
        setting: &'static str,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str(
                "the endpoint has no name: give it one, which tells its events apart from those of other endpoints",
            ),
            Self::Replay(error) => error.fmt(f),
            Self::SettingWithoutGuard { setting } => write!(
                f,
                "`{setting}` has no effect without a replay guard: leave it out, or keep the guard (remove \
                 `dangerous_without_replay_guard` or `dangerous_accept_replays_for_ever`)"
            ),
            Self::ReplayableForEver { scheme } => {
                match scheme {
                    Some(scheme) => write!(f, "`{scheme}` signs no time")?,
                    None => f.write_str("the schemes of this endpoint may sign no time")?,
                }
                f.write_str(
                    ": without a replay guard, a recorded delivery is accepted again for ever. Keep the guard, or call \
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

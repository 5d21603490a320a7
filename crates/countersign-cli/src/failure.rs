//! How a command ends: its outcome, or why it could not do its work.

use std::{fmt, io, process::ExitCode};

use countersign::ConfigError;

/// The result of a command that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, accepted, all passed.
    Good,
    /// Refused, not delivered, something failed.
    Bad,
}

impl Outcome {
    pub(crate) fn good_if(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Bad => Self::FAILURE,
        }
    }
}

/// Why a command could not do its work: one line that says what is wrong and what to do. The exit status is 2.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) const EXIT: u8 = 2;

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self(match error {
            ConfigError::NoPublicUrl { scheme } => {
                format!("`{scheme}` signs the URL: give the URL that the provider was told, with --public-url URL")
            }
            ConfigError::NoSecret => {
                "no secret: name an environment variable with --secret-env NAME, or a file with --secret-file PATH"
                    .to_owned()
            }
            other => other.to_string(),
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

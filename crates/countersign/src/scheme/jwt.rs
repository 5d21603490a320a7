//! What a JSON Web Token must say.

use std::time::Duration;

use crate::jws::{B64, JwsAlgorithm};

/// What a token must say beside a right signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct JwtRule {
    /// The algorithms that are allowed; never empty in a scheme that carries a token.
    pub(crate) algorithms: Vec<JwsAlgorithm>,
    pub(crate) issuers: Vec<Expected>,
    pub(crate) audience: Option<Expected>,
    /// The claims that must be there.
    pub(crate) requires: Vec<String>,
    /// How far `exp`, `nbf` and a future `iat` may miss the clock, if the scheme says so.
    pub(crate) leeway: Option<Duration>,
    /// How old `iat` may be; it must be there then.
    pub(crate) max_age: Option<Duration>,
    /// When a detached payload may be signed as it is.
    pub(crate) b64: B64,
}

/// Whoever makes a token at the moment of sending it may have a clock that is ahead of ours.
const CLOCKS_APART: Duration = Duration::from_secs(60);

impl JwtRule {
    /// How far ahead of the clock `iat` may be.
    pub(crate) fn ahead(&self) -> Duration {
        self.leeway.unwrap_or(CLOCKS_APART)
    }

    /// The settings that it needs.
    pub(super) fn settings(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().chain(&self.audience).filter_map(Expected::setting)
    }
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Text(String),
    /// A value of the receiver's configuration.
    Setting(String),
    /// The public URL as the request has it.
    Url,
}

impl Expected {
    /// The name of the setting that it is.
    pub(super) fn setting(&self) -> Option<&str> {
        match self {
            Self::Setting(name) => Some(name),
            Self::Text(_) | Self::Url => None,
        }
    }
}

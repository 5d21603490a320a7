//! `JwtRule`: what a JSON Web Token must contain.

use std::time::Duration;

use crate::jws::{B64, JwsAlgorithm};

/// What a token must contain, apart from a valid signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct JwtRule {
    /// The algorithms that are allowed; never empty in a scheme that carries a token.
    pub(crate) algorithms: Vec<JwsAlgorithm>,
    pub(crate) issuers: Vec<Expected>,
    pub(crate) audience: Option<Expected>,
    /// The claims that must be there.
    pub(crate) requires: Vec<String>,
    /// How far `exp`, `nbf` and a future `iat` may differ from the clock, if the scheme says so.
    pub(crate) leeway: Option<Duration>,
    /// How old `iat` may be; `iat` is then required.
    pub(crate) max_age: Option<Duration>,
    /// When a detached payload may be signed unencoded.
    pub(crate) b64: B64,
}

/// The default for `iat`: a sender that makes the token when it sends it may have a clock ahead of ours.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

impl JwtRule {
    /// How far ahead of the clock `iat` may be.
    pub(crate) fn ahead(&self) -> Duration {
        self.leeway.unwrap_or(CLOCK_DIFFERENCE)
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
    /// The public URL, with the path and query of the request.
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

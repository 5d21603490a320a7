//! `Checked`: how a description was checked.

use std::fmt;

use serde::Deserialize;

/// How a description was checked, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Checked {
    /// Against requests that the provider's own SDK signed or verified.
    OfficialSdk,
    /// Against an example that the provider published.
    PublishedExample,
    /// Read in the provider's documentation.
    Documentation,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfficialSdk => "official SDK",
            Self::PublishedExample => "published example",
            Self::Documentation => "documentation",
        })
    }
}

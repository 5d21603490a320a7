//! How sure a description is.

use std::fmt;

use serde::Deserialize;

/// How a description was checked, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Checked {
    /// Against requests signed and judged by the provider's own SDK.
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

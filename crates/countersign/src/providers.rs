//! The catalogue: providers whose schemes are built in.
//!
//! Each provider is a file in `catalogue/`, and a constant here. To see how this library understands a provider's
//! documentation, print its file: [`Provider::toml`].

use std::{fmt, str::FromStr};

use crate::scheme::{Scheme, SchemeError};

/// A provider of the catalogue, such as [`STRIPE`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Provider {
    id: &'static str,
    constant: &'static str,
    toml: &'static str,
}

impl Provider {
    /// The provider with this id or alias.
    pub fn find(id: &str) -> Option<Self> {
        let exact = ALL.binary_search_by(|provider| provider.id.cmp(id)).ok().and_then(|at| ALL.get(at));
        let alias = || ALIASES.binary_search_by(|(alias, _)| (*alias).cmp(id)).ok().and_then(|at| ALIASES.get(at));
        exact.copied().or_else(|| alias().map(|(_, provider)| *provider))
    }

    /// The id that configuration and logs use.
    pub fn id(self) -> &'static str {
        self.id
    }

    /// The name of its constant in this module, such as `STRIPE`.
    pub fn constant(self) -> &'static str {
        self.constant
    }

    /// Its scheme file.
    pub fn toml(self) -> &'static str {
        self.toml
    }

    /// Its scheme.
    ///
    /// # Errors
    ///
    /// If the scheme needs a cargo feature that is off. A test reads every file with all features on.
    pub fn scheme(self) -> Result<Scheme, SchemeError> {
        Scheme::from_toml(self.id, self.toml)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id)
    }
}

/// By id or alias, as [`Provider::find`] does.
impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(id: &str) -> Result<Self, UnknownProvider> {
        Self::find(id).ok_or_else(|| UnknownProvider { id: id.to_owned() })
    }
}

/// The catalogue has no provider of this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProvider {
    id: String,
}

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalogue has no provider `{}`: `countersign providers` lists those that it has", self.id)
    }
}

impl std::error::Error for UnknownProvider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.id).finish()
    }
}

use self::catalogue::ALIASES;
pub use self::catalogue::*;

#[allow(clippy::doc_markdown, reason = "the names of providers are written as they write them")]
mod catalogue {
    use super::Provider;

    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_read_by_its_id_or_an_alias_and_written_as_its_id() {
        for provider in ALL {
            assert_eq!(provider.to_string().parse(), Ok(*provider));
        }
        assert_eq!("whatsapp".parse(), Ok(WHATSAPP_META));
        let error = "githup".parse::<Provider>().unwrap_err().to_string();
        assert!(error.starts_with("the catalogue has no provider `githup`"), "{error}");
    }

    /// Run this with few features as well: with all of them, none is missing.
    #[test]
    fn a_scheme_that_this_build_cannot_verify_names_the_feature_that_it_needs() {
        for provider in ALL {
            if let Err(error) = provider.scheme() {
                assert!(error.missing_feature().is_some(), "{}: {error}", provider.id());
            }
        }
    }
}

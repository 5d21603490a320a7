//! A scheme with its file: from the catalogue, or a file of the user's own.

use std::path::Path;

use countersign::{Provider, Scheme};

use crate::{failure::Failure, scheme_source};

/// A scheme, its file, and where it comes from.
pub(super) struct Entry {
    pub(super) scheme: Scheme,
    pub(super) toml: String,
    pub(super) origin: Origin,
}

/// Where a scheme comes from.
pub(super) enum Origin {
    /// From the catalogue, under this constant.
    Catalogue { constant: &'static str },
    /// From a file of this name.
    Own { file: String },
}

impl Entry {
    pub(super) fn of_catalogue(provider: Provider) -> Result<Self, Failure> {
        let scheme = scheme_source::provider(provider.id())?;
        let origin = Origin::Catalogue { constant: provider.constant() };
        Ok(Self { scheme, toml: provider.toml().to_owned(), origin })
    }

    pub(super) fn of_file(path: &Path) -> Result<Self, Failure> {
        let scheme = scheme_source::file(path)?;
        let toml = std::fs::read_to_string(path).map_err(|error| scheme_source::unreadable(path, &error))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { scheme, toml, origin: Origin::Own { file } })
    }
}

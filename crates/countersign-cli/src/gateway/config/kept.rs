//! Fetched lists and keys that a reload keeps from the configuration before.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_tower::{FetchedKeys, HttpsFetch};
use toml::Spanned;

use super::{
    file::EndpointEntry,
    keys::{KeysEntry, KeysTable},
};
use crate::{
    gateway::{feed::Feed, published::PublishedRanges, sources::Fingerprint},
    secrets::SecretSource,
};

/// What was fetched for a configuration. The next one keeps what it would fetch from the same origin.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    /// Lists of addresses, which are fetched regularly.
    pub(crate) feeds: Vec<Feed>,
    /// Ranges of addresses from the catalogue.
    pub(crate) published: BTreeSet<PublishedRanges>,
    pub(super) keys: Vec<PublishedKeys>,
}

/// Keys that a provider publishes, with their cache, and the origin that ties them to an endpoint.
#[derive(Clone)]
pub(crate) struct PublishedKeys {
    pub(super) origin: Arc<Origin>,
    pub(crate) keys: FetchedKeys<HttpsFetch>,
}

/// All settings that decide where keys come from, why they are trusted and what they verify.
#[derive(PartialEq)]
pub(super) struct Origin {
    path: Spanned<String>,
    provider: Option<Spanned<String>>,
    scheme: Option<Spanned<PathBuf>>,
    keys: Option<Spanned<KeysEntry>>,
    public_url: Option<Spanned<String>>,
    settings: BTreeMap<String, Spanned<String>>,
    allow_legacy: bool,
    tolerance: Option<Spanned<String>>,
    files: Fingerprint,
}

impl Kept {
    /// The cached keys of this origin.
    pub(super) fn keys(&self, origin: &Origin) -> Option<&FetchedKeys<HttpsFetch>> {
        self.keys.iter().find(|known| *known.origin == *origin).map(|known| &known.keys)
    }
}

impl Origin {
    pub(super) fn of(entry: &EndpointEntry, folder: &Path) -> Self {
        // So that a new setting has to be added to the origin or left out on purpose.
        let EndpointEntry {
            path,
            provider,
            scheme,
            keys,
            public_url,
            settings,
            allow_legacy,
            tolerance,
            name: _,
            secrets: _,
            addresses: _,
            confirm_subscriptions: _,
            keep_for: _,
            dangerous_without_replay_guard: _,
            dangerous_accept_replays_for_ever: _,
        } = entry;
        Self {
            path: path.clone(),
            provider: provider.clone(),
            scheme: scheme.clone(),
            keys: keys.clone(),
            public_url: public_url.clone(),
            settings: settings.clone(),
            allow_legacy: *allow_legacy,
            tolerance: tolerance.clone(),
            files: Fingerprint::of(&files(entry, folder)),
        }
    }
}

/// The files that belong to the origin: the scheme, the authorities, the credential.
fn files(entry: &EndpointEntry, folder: &Path) -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<_> = entry.scheme.iter().map(|scheme| folder.join(scheme.as_ref())).collect();
    if let Some(KeysEntry::Table(KeysTable { authorities, bearer, .. })) = entry.keys.as_ref().map(AsRef::as_ref) {
        files.extend(authorities.iter().map(|file| folder.join(file)));
        if let Some(Ok(SecretSource::File(file))) = bearer.as_ref().map(|from| SecretSource::parse(from, folder)) {
            files.insert(file);
        }
    }
    files
}

//! What goes on from one configuration to the next: what was fetched for it.

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

/// What a configuration has got from others. The next one goes on with it wherever it would fetch the same.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    /// Lists of addresses, to keep up to date.
    pub(crate) feeds: Vec<Feed>,
    /// Ranges of addresses that came with the program.
    pub(crate) published: BTreeSet<PublishedRanges>,
    pub(super) keys: Vec<PublishedKeys>,
}

/// The keys that a provider publishes, with the copies that there are, and what makes them those of an endpoint.
#[derive(Clone)]
pub(crate) struct PublishedKeys {
    pub(super) origin: Arc<Origin>,
    pub(crate) keys: FetchedKeys<HttpsFetch>,
}

/// Whatever decides from where keys come, why they are believed and what they verify.
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
    /// The copies that there are of the keys of this origin.
    pub(super) fn keys(&self, origin: &Origin) -> Option<&FetchedKeys<HttpsFetch>> {
        self.keys.iter().find(|known| *known.origin == *origin).map(|known| &known.keys)
    }
}

impl Origin {
    pub(super) fn of(entry: &EndpointEntry, folder: &Path) -> Self {
        // A word that is new must be counted in, or be left out here.
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

/// The files that say more about the keys: the scheme, the authorities, the credential.
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

//! `keys` of an endpoint: fetches the keys that the provider publishes.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign::{Scheme, Unkeyed, VerifierBuilder};
use countersign_tower::{FetchedKeys, HttpsFetch, public_roots};
use serde::Deserialize;
use toml::Spanned;

use super::{PublishedKeys, Reader, file::EndpointEntry, kept::Origin};
use crate::{failure::Failure, gateway::EndpointKeys, secrets::SecretSource};

/// `"fetch"`, or a table with more options.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected `\"fetch\"`, or a table with `fetch = true`")]
pub(super) enum KeysEntry {
    Word(String),
    Table(KeysTable),
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysTable {
    fetch: bool,
    /// The source of the credential that the provider asks for.
    pub(super) bearer: Option<String>,
    /// A file with certificates of authorities to trust beside Mozilla's.
    pub(super) authorities: Option<PathBuf>,
    /// Ids of keys, or their URLs where requests name URLs, that are fetched however many others requests name.
    #[serde(default)]
    known: Vec<String>,
    /// Hosts, each with the address to connect to instead.
    #[serde(default)]
    dangerous_connect_to: BTreeMap<String, SocketAddr>,
}

impl Reader<'_> {
    /// The keys of an endpoint: its secrets, or the keys that the provider publishes.
    pub(super) fn endpoint_keys(
        &self,
        entry: &EndpointEntry,
        scheme: &Scheme,
        builder: VerifierBuilder,
    ) -> Result<EndpointKeys, Failure> {
        match (&entry.secrets, &entry.keys) {
            (Some(_), Some(keys)) => {
                Err(self.wrong_at(keys, "an endpoint has either `secrets` or `keys`: remove one of them"))
            }
            (None, Some(keys)) => self.fetched(entry, keys, builder),
            (Some(_), None) => {
                builder.build().map(EndpointKeys::Own).map_err(|error| self.wrong_endpoint(entry, &error))
            }
            (None, None) => {
                let fetch = if scheme.key_source().is_some() { ", or `keys = \"fetch\"`" } else { "" };
                let message = format!("there is no secret: add one, such as `secrets = [\"env:NAME\"]`{fetch}");
                Err(self.wrong_at(&entry.path, message))
            }
        }
    }

    fn fetched(
        &self,
        entry: &EndpointEntry,
        keys: &Spanned<KeysEntry>,
        builder: VerifierBuilder,
    ) -> Result<EndpointKeys, Failure> {
        let unkeyed = builder.without_keys().map_err(|error| self.wrong_endpoint(entry, &error))?;
        let fetch = match keys.as_ref() {
            KeysEntry::Word(word) if word == "fetch" => HttpsFetch::new(),
            KeysEntry::Table(table) if table.fetch => self.fetch(table, keys)?,
            _ => return Err(self.wrong_at(keys, "expected `keys = \"fetch\"`, or `keys.fetch = true`")),
        };
        let wants_bearer = unkeyed.scheme().key_source().and_then(|source| source.bearer().map(str::to_owned));
        let has_bearer = matches!(keys.as_ref(), KeysEntry::Table(KeysTable { bearer: Some(_), .. }));
        match wants_bearer {
            Some(what) if !has_bearer => Err(self
                .wrong_at(keys, format!("the provider asks for a credential: add `bearer = \"env:NAME\"` ({what})"))),
            None if has_bearer => Err(self.wrong_at(keys, "this provider asks for no credential: remove `bearer`")),
            _ => {
                let known = self.known(&unkeyed, keys)?;
                let origin = Arc::new(Origin::of(entry, &self.folder));
                let keys = self.with.kept.keys(&origin).cloned();
                let new = || FetchedKeys::new(unkeyed, fetch).with_roots(public_roots()).with_known_urls(known);
                let keys = keys.unwrap_or_else(new);
                Ok(EndpointKeys::Fetched(PublishedKeys { origin, keys }))
            }
        }
    }

    /// The URLs of the keys in `known`.
    fn known(&self, unkeyed: &Unkeyed, keys: &Spanned<KeysEntry>) -> Result<Vec<String>, Failure> {
        let KeysEntry::Table(KeysTable { known, .. }) = keys.as_ref() else { return Ok(Vec::new()) };
        let url = |name: &String| {
            let message = || format!("a request cannot name the key `{name}`: correct it, or remove it from `known`");
            unkeyed.url_of(name).ok_or_else(|| self.wrong_at(keys, message()))
        };
        known.iter().map(url).collect()
    }

    fn fetch(&self, table: &KeysTable, place: &Spanned<KeysEntry>) -> Result<HttpsFetch, Failure> {
        let mut fetch = self.https(table.authorities.as_deref(), &table.dangerous_connect_to, place)?;
        if let Some(from) = &table.bearer {
            let source = SecretSource::parse(from, &self.folder).map_err(|message| self.wrong_at(place, message))?;
            self.reads(&source);
            let text = source.text().map_err(|failure| self.wrong_at(place, failure.to_string()))?;
            fetch = fetch.with_bearer(&text).map_err(|error| self.wrong_at(place, error.to_string()))?;
        }
        Ok(fetch)
    }

    /// An HTTPS client that also trusts the authorities in a file, and connects to `servers` instead of their hosts.
    pub(super) fn https<T>(
        &self,
        authorities: Option<&Path>,
        servers: &BTreeMap<String, SocketAddr>,
        place: &Spanned<T>,
    ) -> Result<HttpsFetch, Failure> {
        let mut fetch = HttpsFetch::new();
        if let Some(file) = authorities {
            let path = self.folder.join(file);
            self.with.sources.add(&path);
            let pem = fs::read_to_string(&path).map_err(|error| crate::scheme_source::unreadable(&path, &error))?;
            fetch = fetch.with_extra_root_pem(&pem).map_err(|error| self.wrong_at(place, error.to_string()))?;
        }
        Ok(servers.iter().fold(fetch, |fetch, (host, address)| fetch.dangerous_connect_to(host, *address)))
    }
}

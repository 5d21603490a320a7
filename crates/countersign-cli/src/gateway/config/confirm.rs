//! `confirm_subscriptions` of an endpoint: whether the URLs are fetched by which a provider has subscriptions confirmed.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use countersign::Scheme;
use countersign_tower::HttpsFetch;
use serde::Deserialize;
use toml::Spanned;

use super::Reader;
use crate::failure::Failure;

/// `true`, or a table with more to say about it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected `true`, or a table with `fetch = true`")]
pub(super) enum ConfirmEntry {
    Switch(bool),
    Table(ConfirmTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmTable {
    fetch: bool,
    /// A file with authorities that are trusted as well.
    authorities: Option<PathBuf>,
    /// Hosts, and the address of a server that is asked instead of each.
    #[serde(default)]
    dangerous_connect_to: BTreeMap<String, SocketAddr>,
}

impl Reader<'_> {
    /// What fetches the URLs that confirm.
    pub(super) fn confirms(
        &self,
        entry: Option<&Spanned<ConfirmEntry>>,
        scheme: &Scheme,
    ) -> Result<Option<HttpsFetch>, Failure> {
        let Some(entry) = entry else { return Ok(None) };
        let fetch = match entry.as_ref() {
            ConfirmEntry::Switch(false) | ConfirmEntry::Table(ConfirmTable { fetch: false, .. }) => return Ok(None),
            ConfirmEntry::Switch(true) => HttpsFetch::new(),
            ConfirmEntry::Table(table) => {
                self.https(table.authorities.as_deref(), &table.dangerous_connect_to, entry)?
            }
        };
        if !scheme.asks_to_confirm() {
            return Err(self.wrong_at(entry, "the provider does not ask for a URL to be fetched: leave this out"));
        }
        Ok(Some(fetch))
    }
}

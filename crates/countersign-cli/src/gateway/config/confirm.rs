//! `confirm_subscriptions` of an endpoint: whether to fetch the URLs with which a provider confirms subscriptions.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use countersign::Scheme;
use countersign_tower::HttpsFetch;
use serde::Deserialize;
use toml::Spanned;

use super::Reader;
use crate::failure::Failure;

/// `true`, or a table with more options.
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
    /// A file with certificates of authorities to trust beside Mozilla's.
    authorities: Option<PathBuf>,
    /// Hosts, each with the address to connect to instead.
    #[serde(default)]
    dangerous_connect_to: BTreeMap<String, SocketAddr>,
}

impl Reader<'_> {
    /// The client that fetches confirmation URLs; `None` if they are not fetched.
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
            return Err(self.wrong_at(entry, "this provider has no URL that confirms a subscription: remove this"));
        }
        Ok(Some(fetch))
    }
}

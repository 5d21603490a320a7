//! The structure of the configuration file: its tables and keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{addresses::AddressesEntry, confirm::ConfirmEntry, keys::KeysEntry, replay::ReplayEntry, secrets::Secrets};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Option<Spanned<String>>,
    /// In bytes.
    pub(super) body_limit: Option<Spanned<u64>>,
    pub(super) body_timeout: Option<Spanned<String>>,
    pub(super) head_timeout: Option<Spanned<String>>,
    pub(super) line_timeout: Option<Spanned<String>>,
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) proxy_protocol: Option<Spanned<String>>,
    pub(super) trusted_proxies: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) client_header: Option<Spanned<String>>,
    pub(super) metrics: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) replay: ReplayEntry,
    /// The source of each operator's token, by the operator's name.
    #[serde(default)]
    pub(super) operators: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) endpoint: Vec<EndpointEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EndpointEntry {
    pub(super) path: Spanned<String>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) provider: Option<Spanned<String>>,
    pub(super) scheme: Option<Spanned<PathBuf>>,
    pub(super) secrets: Option<Spanned<Secrets>>,
    pub(super) keys: Option<Spanned<KeysEntry>>,
    pub(super) public_url: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) allow_legacy: bool,
    pub(super) tolerance: Option<Spanned<String>>,
    pub(super) addresses: Option<Spanned<AddressesEntry>>,
    pub(super) confirm_subscriptions: Option<Spanned<ConfirmEntry>>,
    pub(super) keep_for: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) dangerous_without_replay_guard: bool,
    #[serde(default)]
    pub(super) dangerous_accept_replays_for_ever: bool,
}

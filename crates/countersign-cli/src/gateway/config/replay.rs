//! `replay` in the configuration file: where it is kept what became of events.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Reader, file::EndpointEntry};
use crate::{
    failure::Failure,
    gateway::{Replays, StorePlan},
    secrets::SecretSource,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayEntry {
    store: Option<Spanned<String>>,
    /// In events.
    capacity: Option<Spanned<u64>>,
    #[serde(default)]
    pub(super) dangerous_fail_open: bool,
}

impl Reader<'_> {
    pub(super) fn store(&self, entry: &ReplayEntry) -> Result<StorePlan, Failure> {
        let Some(store) = &entry.store else { return self.memory(entry) };
        let text = store.as_ref().as_str();
        if text == "memory" {
            return self.memory(entry);
        }
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            let capacity = entry.capacity.as_ref().map(|_| self.capacity(entry)).transpose()?;
            return Ok(StorePlan::Sqlite { path: self.folder.join(path), capacity });
        }
        if let Some(capacity) = &entry.capacity {
            return Err(self.wrong_at(capacity, "the server bounds what it keeps: leave this out"));
        }
        if let Some(plan) = of_url(text) {
            if has_password(text) {
                let message = "a password does not stand in this file: expected `env:NAME` or `file:PATH` with the URL";
                return Err(self.wrong_at(store, message));
            }
            return Ok(plan);
        }
        let Ok(source) = SecretSource::parse(text, &self.folder) else { return Err(self.wrong_at(store, EXPECTED)) };
        self.reads(&source);
        let url = source.text().map_err(|failure| self.wrong_at(store, failure.to_string()))?;
        of_url(&url).ok_or_else(|| self.wrong_at(store, format!("{} has no URL of a store", source.label())))
    }

    fn memory(&self, entry: &ReplayEntry) -> Result<StorePlan, Failure> {
        let capacity = match entry.capacity {
            // An address space that is smaller than that is full before.
            Some(_) => usize::try_from(self.capacity(entry)?).unwrap_or(usize::MAX),
            None => StorePlan::DEFAULT_CAPACITY,
        };
        Ok(StorePlan::Memory { capacity })
    }

    fn capacity(&self, entry: &ReplayEntry) -> Result<u64, Failure> {
        match &entry.capacity {
            Some(capacity) if *capacity.as_ref() == 0 => {
                Err(self.wrong_at(capacity, "a store for no events accepts none: expected for example 1000000"))
            }
            capacity => Ok(capacity.as_ref().map_or(0, |capacity| *capacity.as_ref())),
        }
    }

    /// How an endpoint takes events that come again.
    pub(super) fn replays(&self, entry: &EndpointEntry, fails_open: bool) -> Result<Replays, Failure> {
        let keep_for = entry.keep_for.as_ref().map(|text| self.duration(text)).transpose()?;
        let unguarded = entry.dangerous_without_replay_guard || entry.dangerous_accept_replays_for_ever;
        if let Some(text) = entry.keep_for.as_ref().filter(|_| unguarded) {
            return Err(self.wrong_at(text, "without a replay guard nothing is kept: leave this out"));
        }
        Ok(Replays {
            keep_for: keep_for.filter(|keep_for| *keep_for != Duration::ZERO),
            fails_open,
            unguarded: entry.dangerous_without_replay_guard,
            for_ever: entry.dangerous_accept_replays_for_ever,
        })
    }
}

fn of_url(text: &str) -> Option<StorePlan> {
    let url = text.to_owned();
    match text.split_once(':')?.0 {
        "redis" | "unix" => Some(StorePlan::Redis { url }),
        "postgres" | "postgresql" => Some(StorePlan::Postgres { url }),
        _ => None,
    }
}

/// Whether there is a password in a URL, in front of its host or in its query.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || rest.contains("password=") || rest.contains("pass=")
}

const EXPECTED: &str = "expected `memory`, `sqlite:FILE`, `redis://HOST`, `postgres://HOST/DATABASE`, or `env:NAME` or \
                        `file:PATH` with such a URL";

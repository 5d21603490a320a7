//! `replay` in the configuration file: the replay store, leases and timeouts.

use std::{fs, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Spanned;

use super::{Reader, file::EndpointEntry};
use crate::{
    failure::Failure,
    gateway::{Claims, Remote, Replays, StorePlan},
    scheme_source::unreadable,
    secrets::SecretSource,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ReplayEntry {
    store: Option<Spanned<String>>,
    /// In events.
    capacity: Option<Spanned<u64>>,
    /// In events: the copies in this process of what a store on a server keeps.
    copies: Option<Spanned<usize>>,
    /// A file with the certificates of authorities that are trusted for the server.
    authorities: Option<Spanned<PathBuf>>,
    pub(super) lease: Option<Spanned<String>>,
    store_timeout: Option<Spanned<String>>,
    #[serde(default)]
    dangerous_fail_open: bool,
}

impl Reader<'_> {
    pub(super) fn store(&self, entry: &ReplayEntry) -> Result<StorePlan, Failure> {
        let Some(store) = &entry.store else { return self.memory(entry) };
        let text = store.as_ref().as_str();
        if text == "memory" {
            return self.memory(entry);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            // A URL, or a form that SQLite itself understands, would be taken for the name of a file.
            let is_url = path.starts_with("//") || path.starts_with("file:") || path.contains('?');
            if path.is_empty() || path == ":memory:" || is_url {
                let message =
                    "expected the path of a file, absolute or relative to this file, such as `sqlite:claims.db`";
                return Err(self.wrong_at(store, message));
            }
            self.no_server(entry)?;
            let capacity = entry.capacity.as_ref().map(|_| self.capacity(entry)).transpose()?;
            return Ok(StorePlan::Sqlite { path: self.folder.join(path), capacity });
        }
        if let Some(capacity) = &entry.capacity {
            return Err(self.wrong_at(capacity, "the server limits its own memory: remove this"));
        }
        if let Some(engine) = Engine::of(text) {
            if has_password(text) {
                let message = "passwords do not belong in this file: expected `env:NAME` or `file:PATH` with the URL";
                return Err(self.wrong_at(store, message));
            }
            return Ok(engine.plan(self.remote(entry, text.to_owned())?));
        }
        let Ok(source) = SecretSource::parse(text, &self.folder) else { return Err(self.wrong_at(store, EXPECTED)) };
        self.reads(&source);
        let url = source.text().map_err(|failure| self.wrong_at(store, failure.to_string()))?;
        let engine = Engine::of(&url);
        let engine = engine
            .ok_or_else(|| self.wrong_at(store, format!("{} does not hold the URL of a store", source.label())))?;
        Ok(engine.plan(self.remote(entry, url)?))
    }

    fn remote(&self, entry: &ReplayEntry, url: String) -> Result<Remote, Failure> {
        let authorities = entry.authorities.as_ref().map(|path| self.authorities(path)).transpose()?;
        let copies = entry.copies.as_ref().map_or(Remote::DEFAULT_COPIES, |copies| *copies.as_ref());
        // The store must give up a silent server before the endpoint gives up the store.
        let timeout = self.store_timeout(entry)?.map(|limit| limit / 2);
        Ok(Remote { url, authorities, copies, timeout })
    }

    fn authorities(&self, path: &Spanned<PathBuf>) -> Result<String, Failure> {
        let file = self.folder.join(path.as_ref());
        self.with.sources.add(&file);
        fs::read_to_string(&file).map_err(|error| self.wrong_at(path, unreadable(&file, &error).to_string()))
    }

    /// Refuses settings that only a store on a server has.
    fn no_server(&self, entry: &ReplayEntry) -> Result<(), Failure> {
        if let Some(path) = &entry.authorities {
            return Err(self.wrong_at(path, "only a store on a server has certificates to check: remove this"));
        }
        if let Some(copies) = &entry.copies {
            return Err(self.wrong_at(copies, "only a store on a server needs copies in this process: remove this"));
        }
        Ok(())
    }

    fn memory(&self, entry: &ReplayEntry) -> Result<StorePlan, Failure> {
        self.no_server(entry)?;
        let capacity = match entry.capacity {
            // If this does not fit a `usize`, memory runs out before.
            Some(_) => usize::try_from(self.capacity(entry)?).unwrap_or(usize::MAX),
            None => StorePlan::DEFAULT_CAPACITY,
        };
        Ok(StorePlan::Memory { capacity })
    }

    fn capacity(&self, entry: &ReplayEntry) -> Result<u64, Failure> {
        match &entry.capacity {
            Some(capacity) if *capacity.as_ref() == 0 => {
                Err(self.wrong_at(capacity, "expected more than zero events, for example 1000000"))
            }
            capacity => Ok(capacity.as_ref().map_or(0, |capacity| *capacity.as_ref())),
        }
    }

    /// How endpoints claim events, if the handler of each takes at most `handler_timeout`.
    pub(super) fn claims(&self, entry: &ReplayEntry, handler_timeout: Duration) -> Result<Claims, Failure> {
        Ok(Claims {
            handler_timeout: Some(handler_timeout),
            lease: self.time(entry.lease.as_ref(), "expected more than zero, for example `60s`")?,
            store_timeout: self.store_timeout(entry)?,
            fails_open: entry.dangerous_fail_open,
        })
    }

    fn store_timeout(&self, entry: &ReplayEntry) -> Result<Option<Duration>, Failure> {
        self.time(entry.store_timeout.as_ref(), "expected more than zero, for example `2s`")
    }

    /// How an endpoint treats repeated events.
    pub(super) fn replays(&self, entry: &EndpointEntry, claims: Claims) -> Result<Replays, Failure> {
        let unguarded = entry.dangerous_without_replay_guard || entry.dangerous_accept_replays_for_ever;
        if let Some(text) = entry.keep_for.as_ref().filter(|_| unguarded) {
            return Err(self.wrong_at(text, "without a replay guard no events are kept: remove this"));
        }
        let keep_for = "expected more than zero, for example `7d`";
        Ok(Replays {
            // Without a guard, a stack refuses the settings that are for the guard alone.
            claims: if unguarded { claims.without_guard() } else { claims },
            keep_for: self.time(entry.keep_for.as_ref(), keep_for)?,
            unguarded: entry.dangerous_without_replay_guard,
            for_ever: entry.dangerous_accept_replays_for_ever,
        })
    }
}

/// The kind of server behind a URL.
#[derive(Clone, Copy)]
enum Engine {
    Redis,
    Postgres,
}

impl Engine {
    fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "redis" | "rediss" | "valkey" | "valkeys" | "unix" => Some(Self::Redis),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    fn plan(self, remote: Remote) -> StorePlan {
        match self {
            Self::Redis => StorePlan::Redis(remote),
            Self::Postgres => StorePlan::Postgres(remote),
        }
    }
}

/// Whether a URL has a password, in front of its host or in its query.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || rest.contains("password=") || rest.contains("pass=")
}

const EXPECTED: &str = "expected `memory`, `sqlite:FILE`, `redis://HOST`, `postgres://HOST/DATABASE`, or `env:NAME` or \
                        `file:PATH` with such a URL";

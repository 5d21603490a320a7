//! The gateway's configuration: a TOML file, taken as a whole or refused with the place of the mistake.

mod addresses;
mod confirm;
mod file;
mod kept;
mod keys;
mod operators;
mod replay;
mod secrets;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use countersign::{ConfigError, Key, Scheme, Verifier, VerifierBuilder, replay::MemoryStore};
use countersign_tower::{StackError, replay::ReplayConfigError};
use toml::Spanned;

use super::{
    Bounds, Claims, ConnectionSettings, EndpointPlan, Limits, MAX_HELD, Operators, Snapshot, Store, StorePlan,
    feed::{FailedLists, Feed, Refresh},
    published::PublishedRanges,
    reload::Reload,
    sources::Sources,
};
use crate::{failure::Failure, file_error::without_values, moment, scheme_source};
use addresses::Front;
use file::{EndpointEntry, File};

pub(crate) use kept::{Kept, PublishedKeys};

/// The configuration of a gateway.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Where metrics are served, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) store: StorePlan,
    /// How long to wait for the line of an accepted delivery.
    pub(crate) line_timeout: Duration,
    pub(crate) endpoints: Vec<EndpointPlan>,
    pub(crate) connection_settings: ConnectionSettings,
    /// The lists and keys that were fetched for it, to be kept up to date.
    pub(crate) kept: Kept,
}

/// The context in which a configuration is read.
pub(crate) struct Reading<'a> {
    /// Logs what happens to lists of addresses.
    pub(crate) log: fn(&Refresh),
    /// What the configuration before has fetched, to be used again for the same lists and keys.
    pub(crate) kept: &'a Kept,
    /// Collects the lists that cannot be fetched.
    pub(crate) failed_lists: &'a FailedLists,
    /// Collects the files that are read.
    pub(crate) sources: &'a Sources,
    /// For endpoints that write a file of the configuration themselves.
    pub(crate) reload: &'a Reload,
}

impl Config {
    /// Reads the configuration, its scheme files, its secrets and its lists of addresses.
    pub(crate) fn read(path: &Path, with: &Reading<'_>) -> Result<Self, Failure> {
        with.sources.add(path);
        let text = fs::read_to_string(path).map_err(|error| no_configuration(path, &error))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Reader { path, text: &text, folder, with, feeds: RefCell::default(), published: RefCell::default() }.config()
    }

    /// Builds the snapshot of this configuration with the open store.
    pub(crate) fn snapshot(&self, store: &Arc<Store>) -> Result<Snapshot, Failure> {
        let snapshot = Snapshot::new(&self.endpoints, store, self.connection_settings.clone());
        snapshot.map_err(|error| Failure::new(error.to_string()))
    }
}

/// The settings that would keep the provider's other customers out.
fn missing(entry: &EndpointEntry, scheme: &Scheme) -> Vec<(String, String)> {
    let settings = scheme.settings_against_strangers(None).filter(|(name, _)| !entry.settings.contains_key(*name));
    settings.map(|(name, what)| (name.to_owned(), what.to_owned())).collect()
}

fn no_configuration(path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            ": name another file with --config; `countersign serve --help` shows an example of one"
        }
        _ => "",
    };
    Failure::new(format!("{}{advice}", scheme_source::unreadable(path, error)))
}

/// Reads values, and reports mistakes with their place in the file.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    folder: PathBuf,
    with: &'a Reading<'a>,
    /// The lists of addresses so far, each once.
    feeds: RefCell<Vec<Feed>>,
    /// The ranges of the catalogue so far.
    published: RefCell<BTreeSet<PublishedRanges>>,
}

/// The settings that all endpoints share.
struct Common<'f> {
    limits: Limits,
    claims: Claims,
    /// The place of `lease` in the file.
    lease_at: Option<&'f Spanned<String>>,
    front: Front,
    operators: Operators,
}

impl Reader<'_> {
    fn config(&self) -> Result<Config, Failure> {
        let file: File = toml::from_str(self.text).map_err(|error| {
            // The error's own text quotes the line, which may hold a secret in the wrong place.
            let problem = without_values(error.message());
            // Serde's message about a wrong type names neither the key nor the form of its value.
            let problem = format!("{problem} (`countersign serve --help` shows a configuration)");
            self.wrong(error.span().map_or(0, |span| span.start), problem)
        })?;
        let listen = match &file.listen {
            Some(listen) => self.parse(listen, "an address and port such as `127.0.0.1:8787`")?,
            None => SocketAddr::from(([127, 0, 0, 1], 8787)),
        };
        let metrics =
            file.metrics.as_ref().map(|text| self.parse(text, "an address and port such as `127.0.0.1:9100`"));
        let metrics = metrics.transpose()?;
        let line_timeout = "expected more than zero, for example `4s`";
        let line_timeout = self.time(file.line_timeout.as_ref(), line_timeout)?.unwrap_or(LINE_TIMEOUT);
        let store = self.store(&file.replay)?;
        let limits = self.limits(&file)?;
        let bounds = self.bounds(&file, limits)?;
        let common = Common {
            limits,
            claims: self.claims(&file.replay, line_timeout.saturating_add(HANDLER_MARGIN))?,
            lease_at: file.replay.lease.as_ref(),
            front: self.front(&file)?,
            operators: self.operators(&file.operators)?,
        };
        let (endpoints, kept) = self.endpoints(&file, &common)?;
        let connection_settings = ConnectionSettings { proxy_protocol: common.front.protocol, bounds };
        Ok(Config { listen, metrics, store, line_timeout, endpoints, connection_settings, kept })
    }

    fn endpoints(&self, file: &File, common: &Common<'_>) -> Result<(Vec<EndpointPlan>, Kept), Failure> {
        if file.endpoint.is_empty() {
            return Err(self.wrong(0, "there is no [[endpoint]]: add one with `path`, `provider` and `secrets`"));
        }
        let (mut paths, mut names) = (HashSet::new(), HashSet::new());
        let (mut endpoints, mut kept) = (Vec::with_capacity(file.endpoint.len()), Kept::default());
        for entry in &file.endpoint {
            if !paths.insert(entry.path.as_ref()) {
                return Err(self.wrong_at(&entry.path, "two endpoints have this path: give each its own"));
            }
            let name = entry.name.as_ref().unwrap_or(&entry.path);
            if !names.insert(name.as_ref()) {
                return Err(self.wrong_at(name, "two endpoints have this name: give each its own"));
            }
            let endpoint = self.endpoint(entry, common)?;
            kept.keys.extend(endpoint.keys.published().cloned());
            endpoints.push(endpoint);
        }
        (kept.feeds, kept.published) = (self.feeds.take(), self.published.take());
        Ok((endpoints, kept))
    }

    fn bounds(&self, file: &File, limits: Limits) -> Result<Bounds, Failure> {
        let mut bounds = Bounds { body: limits.time, ..Bounds::default() };
        let head_timeout = "expected more than zero, for example `30s`";
        if let Some(time) = self.wait(file.head_timeout.as_ref(), head_timeout)? {
            bounds.head = time;
        }
        if let Some(connections) = &file.connections {
            bounds.connections = *connections.as_ref();
            if !(1..=MAX_CONNECTIONS).contains(&bounds.connections) {
                let message = format!("expected a number from 1 to {MAX_CONNECTIONS}, for example 4096");
                return Err(self.wrong_at(connections, message));
            }
        }
        Ok(bounds)
    }

    fn limits(&self, file: &File) -> Result<Limits, Failure> {
        let mut limits = Limits::default();
        if let Some(body) = &file.body_limit {
            if *body.as_ref() == 0 {
                return Err(self.wrong_at(body, "expected more than zero bytes, for example 1048576"));
            }
            if *body.as_ref() > MAX_HELD as u64 {
                let message =
                    format!("the gateway holds {MAX_HELD} bytes of bodies in all: expected no more than that");
                return Err(self.wrong_at(body, message));
            }
            limits.body = *body.as_ref();
        }
        let body_timeout = "expected more than zero, for example `10s`";
        if let Some(time) = self.wait(file.body_timeout.as_ref(), body_timeout)? {
            limits.time = time;
        }
        Ok(limits)
    }

    fn endpoint(&self, entry: &EndpointEntry, common: &Common<'_>) -> Result<EndpointPlan, Failure> {
        let path = entry.path.as_ref();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%@+".contains(c);
        if !path.starts_with('/') || !path.chars().all(allowed) {
            return Err(self.wrong_at(&entry.path, "expected a path such as `/hooks/in`, without a query"));
        }
        let scheme = self.scheme(entry)?;
        let secrets = self.secrets(entry, &scheme)?;
        let mut builder = self.builder(entry, &scheme, secrets.keys)?;
        if secrets.sent.is_some() {
            builder = builder.awaiting_secret();
        }
        let keys = self.endpoint_keys(entry, &scheme, builder)?;
        let plan = EndpointPlan {
            path: path.clone(),
            name: entry.name.as_ref().map_or(path, |name| name.as_ref()).clone(),
            keys,
            limits: common.limits,
            addresses: self.allowed(entry.addresses.as_ref(), &scheme, &common.front)?,
            sent_secret: secrets.sent,
            confirms: self.confirms(entry.confirm_subscriptions.as_ref(), &scheme)?,
            replays: self.replays(entry, common.claims)?,
            operators: common.operators.clone(),
            missing: missing(entry, &scheme),
        };
        // A trial with any store, so that mistakes are reported here with their place.
        let trial = plan.build(&Arc::new(Store::Memory(MemoryStore::with_capacity(1))));
        trial.map_err(|error| self.wrong_stack(entry, common.lease_at, &error))?;
        Ok(plan)
    }

    fn wrong_stack(&self, entry: &EndpointEntry, lease_at: Option<&Spanned<String>>, error: &StackError) -> Failure {
        match error {
            StackError::Replay(ReplayConfigError::LeaseTooShort { lease, needed }) => self.wrong_in(
                lease_at,
                format!(
                    "a lease of {} can end while a delivery is handled: expected {} or more, which is `line_timeout` plus one \
                     second plus twice `store_timeout`",
                    humantime::format_duration(*lease),
                    humantime::format_duration(*needed)
                ),
            ),
            StackError::Replay(
                error @ (ReplayConfigError::ForgetsBeforeRetriesEnd { .. }
                | ReplayConfigError::ForgetsBeforeStale { .. }
                | ReplayConfigError::ForgetsUndated { .. }),
            ) => self.wrong_in(entry.keep_for.as_ref(), error.to_string()),
            StackError::NoName => self.wrong_in(entry.name.as_ref(), error.to_string()),
            _ => self.wrong_at(&entry.path, error.to_string()),
        }
    }

    fn builder(&self, entry: &EndpointEntry, scheme: &Scheme, keys: Vec<Key>) -> Result<VerifierBuilder, Failure> {
        let mut builder = keys.into_iter().fold(Verifier::builder(scheme), VerifierBuilder::key);
        if let Some(url) = &entry.public_url {
            builder = builder.public_url(url.as_ref());
        }
        let no_tolerance = "expected more than zero, for example `5m`";
        if let Some(tolerance) = self.time(entry.tolerance.as_ref(), no_tolerance)? {
            builder = builder.tolerance(tolerance);
        }
        for (name, value) in &entry.settings {
            builder = builder.setting(name, value.as_ref());
        }
        Ok(if entry.allow_legacy { builder.allow_legacy() } else { builder })
    }

    fn wrong_endpoint(&self, entry: &EndpointEntry, error: &ConfigError) -> Failure {
        match error {
            ConfigError::NoPublicUrl { scheme } => {
                let message = format!("`{scheme}` signs the URL: add `public_url`, the URL that the provider was told");
                self.wrong_at(&entry.path, message)
            }
            ConfigError::MissingSetting { name, what } => {
                self.wrong_at(&entry.path, format!("add `settings = {{ {name} = \"…\" }}`: {what}"))
            }
            ConfigError::UnknownSetting { name, .. } => self.wrong_in(entry.settings.get(name), error.to_string()),
            ConfigError::Legacy { .. } => self.wrong_at(&entry.path, format!("{error}, with `allow_legacy = true`")),
            ConfigError::NoSecret => {
                self.wrong_in(entry.secrets.as_ref(), "there is no secret: add one such as \"env:NAME\"")
            }
            ConfigError::KeysNotFetched { .. } => self.wrong_in(entry.keys.as_ref(), error.to_string()),
            ConfigError::NoTimestamp { .. } => self.wrong_in(entry.tolerance.as_ref(), error.to_string()),
            ConfigError::PublicUrl(error) => self.wrong_in(entry.public_url.as_ref(), error.to_string()),
            other => self.wrong_in(entry.secrets.as_ref(), other.to_string()),
        }
    }

    fn scheme(&self, entry: &EndpointEntry) -> Result<Scheme, Failure> {
        match (&entry.provider, &entry.scheme) {
            (Some(provider), None) => scheme_source::provider(provider.as_ref())
                .map_err(|failure| self.wrong_at(provider, failure.to_string())),
            (None, Some(file)) => {
                let path = self.folder.join(file.as_ref());
                self.with.sources.add(&path);
                scheme_source::file(&path).map_err(|failure| self.wrong_at(file, failure.to_string()))
            }
            _ => Err(self.wrong_at(&entry.path, "expected either `provider` or `scheme` (a file) for this endpoint")),
        }
    }

    fn duration(&self, text: &Spanned<String>) -> Result<Duration, Failure> {
        moment::duration(text.as_ref()).map_err(|problem| self.wrong_at(text, problem))
    }

    /// A duration, if there is one. It must not be zero: `if_none` is the message then.
    fn time(&self, text: Option<&Spanned<String>>, if_none: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let time = self.duration(text)?;
        if time.is_zero() { Err(self.wrong_at(text, if_none)) } else { Ok(Some(time)) }
    }

    /// The same for a time to wait for clients, which is at most a day.
    fn wait(&self, text: Option<&Spanned<String>>, if_none: &str) -> Result<Option<Duration>, Failure> {
        match (self.time(text, if_none)?, text) {
            (Some(time), Some(text)) if time > LONGEST_WAIT => {
                Err(self.wrong_at(text, "this is too long to wait for a client: expected a day or less"))
            }
            (time, _) => Ok(time),
        }
    }

    fn parse<T: std::str::FromStr>(&self, text: &Spanned<String>, expected: &str) -> Result<T, Failure> {
        text.as_ref().parse().map_err(|_| self.wrong_at(text, format!("expected {expected}")))
    }

    fn wrong_in<T>(&self, place: Option<&Spanned<T>>, message: impl Into<String>) -> Failure {
        self.wrong(place.map_or(0, |place| place.span().start), message)
    }

    fn wrong_at<T>(&self, place: &Spanned<T>, message: impl Into<String>) -> Failure {
        self.wrong(place.span().start, message)
    }

    fn wrong(&self, offset: usize, message: impl Into<String>) -> Failure {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let message = message.into();
        Failure::new(format!(
            "{}:{line}:{column}: {}",
            self.path.display(),
            message.lines().collect::<Vec<_>>().join(" ")
        ))
    }
}

/// How long to wait for a line. Most providers wait longer for their answer.
const LINE_TIMEOUT: Duration = Duration::from_secs(4);

/// How much longer the replay guard waits for the handler, so that a slow line fails by its own timeout first.
const HANDLER_MARGIN: Duration = Duration::from_secs(1);

const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// More than one machine can have, and far below what a semaphore can count.
const MAX_CONNECTIONS: usize = 1_000_000;

//! The gateway's configuration: a TOML file, read whole or refused with the place of the mistake.

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
    Bounds, Claims, EndpointPlan, Limits, MAX_HELD, Meeting, Operators, Snapshot, Store, StorePlan,
    feed::{Feed, Refresh, Unfetched},
    published::PublishedRanges,
    reload::Reload,
    sources::Sources,
};
use crate::{failure::Failure, file_error::without_values, moment, scheme_source};
use addresses::Front;
use file::{EndpointEntry, File};

pub(crate) use kept::{Kept, PublishedKeys};

/// What a gateway does.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Where metrics are shown, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) store: StorePlan,
    /// How long the line of an accepted delivery is waited for.
    pub(crate) line_timeout: Duration,
    pub(crate) endpoints: Vec<EndpointPlan>,
    pub(crate) meeting: Meeting,
    /// What was fetched for it, and goes on to be.
    pub(crate) kept: Kept,
}

/// What a configuration is read with.
pub(crate) struct Reading<'a> {
    /// Is told what becomes of lists of addresses.
    pub(crate) log: fn(&Refresh),
    /// What there is already: the same lists and keys go on with their last good copies.
    pub(crate) kept: &'a Kept,
    /// Gets the lists that cannot be fetched.
    pub(crate) unfetched: &'a Unfetched,
    /// Gets the files that are read.
    pub(crate) sources: &'a Sources,
    /// For what changes the files itself.
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

    /// The snapshot of this configuration, with the store that is open.
    pub(crate) fn snapshot(&self, store: &Arc<Store>) -> Result<Snapshot, Failure> {
        let snapshot = Snapshot::new(&self.endpoints, store, self.meeting.clone());
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
        io::ErrorKind::NotFound => ": name another with --config; `countersign serve --help` shows what stands in it",
        _ => "",
    };
    Failure::new(format!("{}{advice}", scheme_source::unreadable(path, error)))
}

/// Reads values and says where they stand.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    folder: PathBuf,
    with: &'a Reading<'a>,
    /// The lists of addresses that were met so far, each once.
    feeds: RefCell<Vec<Feed>>,
    /// The ranges of the catalogue that were met so far.
    published: RefCell<BTreeSet<PublishedRanges>>,
}

/// What is said once, for all endpoints.
struct Common<'f> {
    limits: Limits,
    claims: Claims,
    /// Where the lease of the claims stands.
    lease_at: Option<&'f Spanned<String>>,
    front: Front,
    operators: Operators,
}

impl Reader<'_> {
    fn config(&self) -> Result<Config, Failure> {
        let file: File = toml::from_str(self.text).map_err(|error| {
            // The error's own text quotes the line, which may be one with a secret that does not belong there.
            let problem = without_values(error.message());
            // What serde says of a wrong type names neither the key nor how its value is written.
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
        let line_timeout = "no line is written in no time: expected for example `4s`";
        let line_timeout = self.time(file.line_timeout.as_ref(), line_timeout)?.unwrap_or(LINE_TIMEOUT);
        let store = self.store(&file.replay)?;
        let limits = self.limits(&file)?;
        let bounds = self.bounds(&file, limits)?;
        let common = Common {
            limits,
            claims: self.claims(&file.replay, line_timeout.saturating_add(BEHIND))?,
            lease_at: file.replay.lease.as_ref(),
            front: self.front(&file)?,
            operators: self.operators(&file.operators)?,
        };
        let (endpoints, kept) = self.endpoints(&file, &common)?;
        let meeting = Meeting { proxy_protocol: common.front.protocol, bounds };
        Ok(Config { listen, metrics, store, line_timeout, endpoints, meeting, kept })
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
        let head_timeout = "no head arrives in no time: expected for example `30s`";
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
                return Err(self.wrong_at(body, "a limit of 0 bytes lets nothing in: expected for example 1048576"));
            }
            if *body.as_ref() > MAX_HELD as u64 {
                let message = format!("the gateway holds {MAX_HELD} bytes of bodies, all together: expected fewer");
                return Err(self.wrong_at(body, message));
            }
            limits.body = *body.as_ref();
        }
        let body_timeout = "no body arrives in no time: expected for example `10s`";
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
        // With any store: what does not hold is to be said here, with its place.
        let trial = plan.build(&Arc::new(Store::Memory(MemoryStore::with_capacity(1))));
        trial.map_err(|error| self.wrong_stack(entry, common.lease_at, &error))?;
        Ok(plan)
    }

    fn wrong_stack(&self, entry: &EndpointEntry, lease_at: Option<&Spanned<String>>, error: &StackError) -> Failure {
        match error {
            StackError::Replay(ReplayConfigError::LeaseTooShort { lease, needed }) => self.wrong_in(
                lease_at,
                format!(
                    "a lease of {} can end while a delivery is handled: expected {} or more, which is `line_timeout`, \
                     a second, and twice `store_timeout`",
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
        let no_tolerance = "no delivery arrives in no time: expected for example `5m`";
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
                let message = format!("`{scheme}` signs the URL: add `public_url`, as it was given to the provider");
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

    /// A time, if one is said, that is not none.
    fn time(&self, text: Option<&Spanned<String>>, if_none: &str) -> Result<Option<Duration>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let time = self.duration(text)?;
        if time.is_zero() { Err(self.wrong_at(text, if_none)) } else { Ok(Some(time)) }
    }

    /// The same for a time that clients are waited for.
    fn wait(&self, text: Option<&Spanned<String>>, if_none: &str) -> Result<Option<Duration>, Failure> {
        match (self.time(text, if_none)?, text) {
            (Some(time), Some(text)) if time > LONGEST_WAIT => {
                Err(self.wrong_at(text, "nobody is waited for so long: expected a day or less"))
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

/// How long a line is waited for. Most providers wait longer for their answer.
const LINE_TIMEOUT: Duration = Duration::from_secs(4);

/// How much longer the replay guard waits, so that whoever waits for the line is the one who tells what came of it.
const BEHIND: Duration = Duration::from_secs(1);

const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What one machine can have, and far below what a semaphore can count.
const MAX_CONNECTIONS: usize = 1_000_000;

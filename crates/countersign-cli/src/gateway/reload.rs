//! Reloads a changed configuration while the gateway runs.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinSet, spawn_blocking},
    time::sleep,
};

use super::{
    EndpointPlan, Gateway, Store, StorePlan, Watch,
    config::{Config, Kept, Reading},
    feed::{FailedLists, Feed, Refresh},
    published::PublishedRanges,
    sources::{self, Fingerprint, Sources},
};
use crate::failure::Failure;

/// The current configuration of a gateway, and the files that it was read from.
pub(crate) struct Live<W> {
    path: PathBuf,
    gateway: Gateway<W>,
    store: Arc<Store>,
    fixed: Fixed,
    log: Log,
    files: BTreeSet<PathBuf>,
    /// The content of the files when they were read last, whether the configuration was taken or not.
    read: Fingerprint,
    state: Arc<State>,
    reload: Reload,
    reloads: mpsc::Receiver<oneshot::Sender<()>>,
}

/// A handle that asks for a reload.
#[derive(Clone)]
pub(crate) struct Reload(mpsc::Sender<oneshot::Sender<()>>);

impl Reload {
    /// Reloads now, and waits until the configuration is in use or refused.
    pub(crate) async fn now(&self) {
        let (done, is_done) = oneshot::channel();
        if self.0.send(done).await.is_ok() {
            // The sender is dropped without a message when that is done.
            let _ = is_done.await;
        }
    }
}

/// The settings that change only at a restart.
#[derive(Clone, PartialEq, Eq)]
struct Fixed {
    listen: std::net::SocketAddr,
    metrics: Option<std::net::SocketAddr>,
    connections: usize,
    line_timeout: Duration,
    store: StorePlan,
}

/// The state of the configuration, for the metrics.
pub(crate) struct State {
    inner: std::sync::Mutex<Current>,
}

struct Current {
    since: Instant,
    kept: Kept,
    /// The tasks that fetch lists. Dropping the set ends them.
    _refreshing: JoinSet<()>,
}

/// The functions that log what happens to lists and configurations.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) list: fn(&Refresh),
    pub(crate) config: fn(&Path, &Loaded),
    /// Logs an endpoint without a key that is valid now.
    pub(crate) keyless: fn(&EndpointPlan),
    /// Logs an endpoint that accepts deliveries of the provider's other customers.
    pub(crate) open: fn(&EndpointPlan),
}

impl Log {
    fn warn_of(self, config: &Config) {
        config.endpoints.iter().filter(|endpoint| endpoint.is_keyless()).for_each(self.keyless);
        config.endpoints.iter().filter(|endpoint| !endpoint.missing.is_empty()).for_each(self.open);
    }
}

/// The result of a reload.
pub(crate) enum Loaded {
    /// The new configuration is in use, except the settings named here, which need a restart.
    Taken { until_restart: Vec<&'static str> },
    /// The old configuration stays in use.
    Refused(Failure),
}

/// The configuration at the start of the gateway.
pub(crate) struct Start {
    pub(crate) config: Config,
    files: BTreeSet<PathBuf>,
    read: Fingerprint,
    reload: Reload,
    reloads: mpsc::Receiver<oneshot::Sender<()>>,
}

/// How often the files are looked at. A change is taken when two looks in a row find the same content, so that no file
/// is taken half-written.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Start {
    pub(crate) fn read(path: &Path, log: Log) -> Result<Self, Failure> {
        let (reload, reloads) = mpsc::channel(1);
        let reload = Reload(reload);
        let (config, files, read) = read(path, log, &reload, &Kept::default(), None);
        let config = config.inspect(|config| log.warn_of(config))?;
        Ok(Self { config, files, read, reload, reloads })
    }

    /// The configuration of a running gateway, to be kept up to date by [`Live::run`].
    pub(crate) fn live<W: Watch>(self, path: &Path, gateway: Gateway<W>, store: Arc<Store>, log: Log) -> Live<W> {
        let Self { config, files, read, reload, reloads } = self;
        let fixed = Fixed::of(&config);
        let state = Arc::new(State { inner: std::sync::Mutex::new(Current::new(config.kept, log)) });
        Live { path: path.to_owned(), gateway, store, fixed, log, files, read, state, reload, reloads }
    }
}

impl<W: Watch> Live<W> {
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Reloads when the files have changed and when it is asked to, for as long as it is polled.
    pub(crate) async fn run(mut self, mut hang_ups: HangUps) {
        let mut seen = self.read;
        loop {
            let mut waiting = None;
            let at_once = tokio::select! {
                () = sleep(POLL_INTERVAL) => false,
                () = hang_ups.again() => true,
                who = self.reloads.recv() => {
                    waiting = who;
                    true
                }
            };
            let files = self.files.clone();
            // To read files can block for long.
            let Ok(now) = spawn_blocking(move || Fingerprint::of(&files)).await else { continue };
            let is_settled = now == seen;
            seen = now;
            if at_once || (is_settled && now != self.read) {
                self = self.load().await;
                seen = self.read;
            }
            drop(waiting);
        }
    }

    async fn load(mut self) -> Self {
        let (path, log, reload) = (self.path.clone(), self.log, self.reload.clone());
        let (kept, files) = (self.state.kept(), self.files.clone());
        let loaded = spawn_blocking(move || read(&path, log, &reload, &kept, Some(files))).await;
        let Ok((config, files, read)) = loaded else { return self };
        // A refused configuration may name fewer files. A change to any of the old ones can mend it.
        self.files.extend(files);
        self.read = read;
        let outcome = match config.and_then(|config| Ok((config.snapshot(&self.store)?, config))) {
            Ok((snapshot, config)) => {
                self.gateway.replace(snapshot);
                let until_restart = self.fixed.differs_from(&Fixed::of(&config));
                self.log.warn_of(&config);
                self.state.replace(Current::new(config.kept, self.log));
                Loaded::Taken { until_restart }
            }
            Err(failure) => Loaded::Refused(failure),
        };
        outcome.count();
        (self.log.config)(&self.path, &outcome);
        self
    }
}

type Read = (Result<Config, Failure>, BTreeSet<PathBuf>, Fingerprint);

/// Reads the configuration, and again if a file changes meanwhile, so that it does not mix old and new files. At the start, no
/// files are known.
fn read(path: &Path, log: Log, reload: &Reload, kept: &Kept, known: Option<BTreeSet<PathBuf>>) -> Read {
    let is_start = known.is_none();
    let (mut kept, mut files) = (kept.clone(), known.unwrap_or_else(|| BTreeSet::from([path.to_owned()])));
    let failed_lists = FailedLists::default();
    let mut before = Fingerprint::of(&files);
    for round in 1..MAX_ROUNDS {
        // At the start, the configuration itself may be a pipe if it names no files, since it is read only once then.
        let is_first = |file: &Path| is_start && round == 1 && file == path;
        if let Some(pipe) = files.iter().find(|file| !is_first(file) && sources::is_used_up(file)) {
            let problem = "a pipe or device can be read only once, and a configuration that names files is read twice: use \
                           a file";
            return (Err(Failure::new(format!("{}: {problem}", pipe.display()))), files, before);
        }
        let sources = Sources::default();
        let with = Reading { log: log.list, kept: &kept, failed_lists: &failed_lists, sources: &sources, reload };
        let config = Config::read(path, &with);
        let found = sources.into_files();
        let all_known = found.is_subset(&files);
        files.extend(found);
        let now = Fingerprint::of(&files);
        if all_known && now == before {
            return (config, files, before);
        }
        before = now;
        if let Ok(config) = config {
            // Its keys are not kept: their files may have changed before they were compared.
            kept.feeds.extend(config.kept.feeds);
        }
    }
    (
        Err(Failure::new(
            "the files of the configuration kept changing while they were read: try again when they no longer change",
        )),
        files,
        before,
    )
}

/// One round to find the files, one to read all of them, and some for changes.
const MAX_ROUNDS: usize = 6;

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen,
            metrics: config.metrics,
            connections: config.connection_settings.bounds.connections,
            line_timeout: config.line_timeout,
            store: config.store.clone(),
        }
    }

    fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let changed = [
            ("listen", self.listen != other.listen),
            ("metrics", self.metrics != other.metrics),
            ("connections", self.connections != other.connections),
            ("line_timeout", self.line_timeout != other.line_timeout),
            ("replay.store", self.store != other.store),
        ];
        changed.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

impl Current {
    fn new(kept: Kept, log: Log) -> Self {
        let mut refreshing = JoinSet::new();
        for feed in &kept.feeds {
            refreshing.spawn(feed.clone().run(log.list));
        }
        Self { since: Instant::now(), kept, _refreshing: refreshing }
    }
}

impl State {
    fn kept(&self) -> Kept {
        self.lock().kept.clone()
    }

    fn replace(&self, current: Current) {
        *self.lock() = current;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sets the metrics of the configuration and its lists: their age.
    pub(crate) fn record(&self) {
        let current = self.lock();
        metrics::gauge!(countersign_tower::metrics::CONFIG_AGE).set(current.since.elapsed());
        // The name of a list has neither its format nor its query. Of those with the same name, the oldest is shown.
        let mut feeds: Vec<&Feed> = current.kept.feeds.iter().collect();
        feeds.sort_by_key(|feed| feed.age());
        feeds.into_iter().for_each(Feed::record);
        current.kept.published.iter().for_each(PublishedRanges::record);
    }
}

impl Loaded {
    fn count(&self) {
        let outcome = match self {
            Self::Taken { .. } => "taken",
            Self::Refused(_) => "refused",
        };
        metrics::counter!(countersign_tower::metrics::CONFIG_LOADS, "outcome" => outcome).increment(1);
    }
}

/// Waits for SIGHUP, on systems that have it.
pub(crate) struct HangUps {
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl HangUps {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            hang_up: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        })
    }

    async fn again(&mut self) {
        #[cfg(unix)]
        if self.hang_up.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

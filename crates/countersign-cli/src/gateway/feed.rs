//! Lists of addresses that are fetched regularly.

use std::{
    cell::RefCell,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use countersign::address::{AddressList, AddressSet, ListFormat, MAX_LIST_BYTES, Taken};
use countersign_tower::{AddressFeed, SharedAddresses, metrics::record_list};
use http::Uri;

use super::copy::{self, Found, ListCopy};
use crate::{client::Client, moment};

/// A list of addresses, where it comes from, and how often it is fetched.
#[derive(Clone)]
pub(crate) struct Feed {
    addresses: AddressFeed,
    plan: Plan,
    /// The addresses that are allowed beside the list.
    always: AddressSet,
    /// When the last fetch began, successful or not; `None` to fetch at once. Configurations share it, so that frequent
    /// reloads do not put off the next fetch.
    tried: Arc<Mutex<Option<Instant>>>,
}

/// How a list is fetched.
#[derive(Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) format: ListFormat,
    pub(crate) every: Duration,
    /// Whether to accept a list that lacks most ranges of the one before.
    pub(crate) may_shrink: bool,
}

/// Where a list comes from.
#[derive(Clone, PartialEq)]
pub(crate) enum Source {
    File(PathBuf),
    Url {
        url: Uri,
        /// The file of the last good copy, for the next start.
        copy: Option<ListCopy>,
    },
}

/// The result of a fetch, for the log.
pub(crate) struct Refresh {
    pub(crate) list: String,
    pub(crate) age: Duration,
    pub(crate) ranges: usize,
    pub(crate) outcome: Outcome,
}

/// What came of a fetch.
pub(crate) enum Outcome {
    /// The list has not changed.
    Same,
    Taken,
    /// The list was taken. It lacks most of the last copy, which had added that within the last day or two.
    Restored,
    /// The list was taken for the first time. The copy was ignored, for this reason.
    CopyIgnored(String),
    /// The list was not taken, for this reason: the last good copy stays in use.
    Refused(String),
    /// The list was taken, but its copy could not be written.
    NotKept(String),
}

/// The lists that could not be fetched during one reload. The configuration is read several times in it: a list that
/// failed is not tried again, so that it does not hold up a changed secret.
#[derive(Default)]
pub(crate) struct FailedLists(RefCell<Vec<(Plan, String)>>);

impl FailedLists {
    /// Like [`Feed::start`], but returns the same error if that failed already.
    pub(crate) fn start(&self, plan: Plan, always: AddressSet, log: fn(&Refresh)) -> Result<Feed, String> {
        if let Some((_, problem)) = self.0.borrow().iter().find(|(failed, _)| *failed == plan) {
            return Err(problem.clone());
        }
        Feed::start(plan.clone(), always, log).inspect_err(|problem| {
            if let Source::Url { .. } = plan.source {
                self.0.borrow_mut().push((plan, problem.clone()));
            }
        })
    }
}

impl Feed {
    /// Starts with the kept copy, with which the list is compared when it is [fetched](Self::run). A slow server must not
    /// hold up the start. Without a copy, fetches the list now.
    fn start(plan: Plan, always: AddressSet, log: fn(&Refresh)) -> Result<Self, String> {
        let ignored = match plan.source.copy().map_or(Found::Nothing, ListCopy::find) {
            Found::Content { content, as_of } => match plan.format.read(&content) {
                Ok(set) => {
                    let list = AddressList::known(plan.format.clone(), set, as_of);
                    return Ok(Self::new(list, plan, always, None));
                }
                Err(error) => Some(format!("the copy cannot be read, and was ignored: {error}")),
            },
            Found::Nothing => None,
            Found::Another => Some(COPY_OF_ANOTHER.to_owned()),
            Found::NoCopy(problem) => return Err(format!("the copy cannot be kept in its file: {problem}")),
        };
        let feed = Self::new(plan.first()?, plan, always, Some(Instant::now()));
        if let Some(reason) = ignored {
            log(&feed.result(Outcome::CopyIgnored(reason)));
        }
        Ok(feed)
    }

    fn new(list: AddressList, plan: Plan, always: AddressSet, tried: Option<Instant>) -> Self {
        let addresses = AddressFeed::new(list.with_shrinking(plan.may_shrink), always.clone());
        Self { addresses, plan, always, tried: Arc::new(Mutex::new(tried)) }
    }

    /// Whether this is the list of the plan.
    pub(crate) fn is(&self, plan: &Plan, always: &AddressSet) -> bool {
        (&self.plan, &self.always) == (plan, always)
    }

    /// This list under another plan for the same list. It keeps the last good copy, and is fetched at once in the
    /// background.
    pub(crate) fn by(&self, plan: &Plan, always: &AddressSet) -> Self {
        Self::new(self.addresses.list(), plan.clone(), always.clone(), None)
    }

    /// Of several feeds of the list of a plan, that with the lowest rank may go on under the plan; `None` if this is a feed
    /// of another list. One that may shrink has the highest rank: it may have lost what another one has not.
    pub(crate) fn rank(&self, plan: &Plan) -> Option<(bool, bool)> {
        let is_same = self.plan.format == plan.format && self.plan.source.is_at(&plan.source);
        is_same.then_some((self.plan != *plan, self.plan.may_shrink))
    }

    /// Whether another plan keeps its copy in the same file, so that each would overwrite the other's.
    pub(crate) fn clashes_with(&self, plan: &Plan) -> bool {
        let file = |plan: &Plan| plan.source.copy().map(|copy| copy.path.clone());
        self.plan != *plan && file(plan).is_some_and(|own| file(&self.plan) == Some(own))
    }

    /// Sets the metrics of the list: its age and its number of ranges.
    pub(crate) fn record(&self) {
        record_list(&self.plan.source.name(), &self.addresses);
    }

    /// The age of the last good copy.
    pub(crate) fn age(&self) -> Duration {
        self.addresses.age()
    }

    pub(crate) fn addresses(&self) -> SharedAddresses {
        self.addresses.addresses()
    }

    /// Fetches the list regularly, for as long as it is polled.
    pub(crate) async fn run(self, log: fn(&Refresh)) {
        loop {
            let since = self.tried().map_or(Duration::MAX, |tried| tried.elapsed());
            tokio::time::sleep(self.plan.every.saturating_sub(since)).await;
            let feed = self.clone();
            // If it panicked, that is printed already, and the last good copy stays in use.
            let _ = tokio::task::spawn_blocking(move || log(&feed.refresh())).await;
        }
    }

    fn refresh(&self) -> Refresh {
        *self.tried() = Some(Instant::now());
        self.result(self.outcome())
    }

    fn result(&self, outcome: Outcome) -> Refresh {
        let ranges = self.addresses.addresses().snapshot().len();
        Refresh { list: self.plan.source.name(), age: self.addresses.age(), ranges, outcome }
    }

    fn tried(&self) -> MutexGuard<'_, Option<Instant>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self) -> Outcome {
        let source = &self.plan.source;
        let offered = source.fetch().and_then(|content| {
            let taken = self.addresses.offer(&content).map_err(|error| error.to_string())?;
            Ok((taken, source.keep(&content)))
        });
        match offered {
            Ok((_, Err(problem))) => Outcome::NotKept(problem),
            Ok((Taken::Same, Ok(()))) => Outcome::Same,
            Ok((Taken::Restored, Ok(()))) => Outcome::Restored,
            Ok((_, Ok(()))) => Outcome::Taken,
            Err(problem) => Outcome::Refused(problem),
        }
    }
}

impl Plan {
    fn first(&self) -> Result<AddressList, String> {
        let content = self.source.fetch().map_err(|problem| match &self.source {
            Source::Url { copy: None, .. } => {
                format!("{problem}; set `copy` to start with the last good copy when that happens")
            }
            _ => problem,
        })?;
        let list =
            AddressList::read(self.format.clone(), &content, moment::now()).map_err(|error| error.to_string())?;
        self.source.keep(&content)?;
        Ok(list)
    }
}

impl Source {
    /// Whether the list has the same source, wherever its copy is kept.
    fn is_at(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(own), Self::File(other)) => own == other,
            (Self::Url { url: own, .. }, Self::Url { url: other, .. }) => own == other,
            _ => false,
        }
    }

    fn fetch(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => copy::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display())),
            Self::Url { url, .. } => {
                let host = url.host().unwrap_or_default();
                let fetched = Client::to(host).get(url, MAX_LIST_BYTES);
                fetched.map_err(|problem| format!("the list could not be fetched from {host}: {problem}"))
            }
        }
    }

    fn copy(&self) -> Option<&ListCopy> {
        match self {
            Self::File(_) => None,
            Self::Url { copy, .. } => copy.as_ref(),
        }
    }

    fn keep(&self, content: &[u8]) -> Result<(), String> {
        let Some(copy) = self.copy() else { return Ok(()) };
        copy.keep(content).map_err(|error| format!("{} cannot be written: {error}", copy.path.display()))
    }

    /// A name for the log and the metrics, without the query and user of a URL, which may be credentials.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.to_str().unwrap_or("a file").to_owned(),
            Self::Url { url, .. } => format!("{}{}", url.host().unwrap_or_default(), url.path()),
        }
    }
}

const COPY_OF_ANOTHER: &str = "the file of `copy` has the copy of another list, which was ignored";

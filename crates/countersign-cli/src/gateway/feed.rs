//! Lists of addresses that are fetched again and again.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use countersign::{
    Timestamp,
    address::{AddressList, AddressSet, ListFormat, MAX_LIST_BYTES},
};
use countersign_tower::{AddressFeed, SharedAddresses, metrics::record_list};
use http::Uri;
use tempfile::NamedTempFile;

use crate::{client::Client, moment};

/// A list, where it comes from, and how often.
#[derive(Clone)]
pub(crate) struct Feed {
    addresses: AddressFeed,
    plan: Plan,
    /// What is allowed beside the list.
    always: AddressSet,
}

/// How a list is fetched.
#[derive(Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) format: ListFormat,
    pub(crate) every: Duration,
    /// Whether copies are taken that lack most of the one before.
    pub(crate) may_shrink: bool,
}

/// Where a list comes from.
#[derive(Clone, PartialEq)]
pub(crate) enum Source {
    File(PathBuf),
    Url {
        url: Uri,
        /// Where the last good copy is kept, for the next start.
        copy: Option<PathBuf>,
    },
}

/// What happened to a list, for the log.
pub(crate) struct Refresh<'a> {
    pub(crate) list: &'a str,
    pub(crate) age: Duration,
    pub(crate) ranges: usize,
    pub(crate) outcome: Outcome,
}

/// What became of a fetch.
pub(crate) enum Outcome {
    /// The list is as it was.
    Same,
    Taken,
    /// The last good copy stays, for this reason.
    Refused(String),
    /// The list was taken, but its copy could not be written.
    NotKept(String),
}

impl Feed {
    /// Fetches a list for the first time. Its kept copy serves if that fails, and is what a new one is held against.
    pub(crate) fn start(plan: Plan, always: AddressSet, log: fn(&Refresh<'_>)) -> Result<Self, String> {
        let kept = plan.source.kept().map(|(content, as_of)| {
            let set = plan.format.read(&content).map_err(|error| format!("the kept copy is wrong: {error}"))?;
            Ok::<_, String>(AddressList::known(plan.format.clone(), set, as_of))
        });
        let (list, is_kept) = match kept {
            Some(list) => (list?, true),
            None => (plan.first()?, false),
        };
        let feed = AddressFeed::new(list.with_shrinking(plan.may_shrink), always.clone());
        let feed = Self { addresses: feed, plan, always };
        if is_kept {
            log(&feed.refresh());
        }
        Ok(feed)
    }

    /// Whether it is the list of this plan.
    pub(crate) fn is(&self, plan: &Plan, always: &AddressSet) -> bool {
        (&self.plan, &self.always) == (plan, always)
    }

    /// Tells the metrics how old and how long the list is.
    pub(crate) fn record(&self) {
        record_list(self.plan.source.name(), &self.addresses);
    }

    pub(crate) fn addresses(&self) -> SharedAddresses {
        self.addresses.addresses()
    }

    /// Fetches the list again and again.
    pub(crate) async fn run(self, log: fn(&Refresh<'_>)) {
        loop {
            tokio::time::sleep(self.plan.every).await;
            let feed = self.clone();
            // That it panicked is shown already; the last good copy stays.
            let _ = tokio::task::spawn_blocking(move || log(&feed.refresh())).await;
        }
    }

    fn refresh(&self) -> Refresh<'_> {
        let outcome = self.outcome();
        let ranges = self.addresses.addresses().snapshot().len();
        Refresh { list: self.plan.source.name(), age: self.addresses.age(), ranges, outcome }
    }

    fn outcome(&self) -> Outcome {
        let source = &self.plan.source;
        let offered = source.fetch().and_then(|content| {
            let is_new = self.addresses.offer(&content).map_err(|error| error.to_string())?;
            Ok((is_new, source.keep(&content)))
        });
        match offered {
            Ok((_, Err(problem))) => Outcome::NotKept(problem),
            Ok((true, Ok(()))) => Outcome::Taken,
            Ok((false, Ok(()))) => Outcome::Same,
            Err(problem) => Outcome::Refused(problem),
        }
    }
}

impl Plan {
    fn first(&self) -> Result<AddressList, String> {
        let content = self.source.fetch().map_err(|problem| match &self.source {
            Source::Url { copy: None, .. } => format!("{problem}; with `copy`, the last good one would serve"),
            _ => problem,
        })?;
        let list =
            AddressList::read(self.format.clone(), &content, moment::now()).map_err(|error| error.to_string())?;
        self.source.keep(&content)?;
        Ok(list)
    }
}

impl Source {
    fn fetch(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => read(path).map_err(|error| format!("{} cannot be read: {error}", path.display())),
            Self::Url { url, .. } => {
                let host = url.host().unwrap_or_default();
                let fetched = Client::to(host).get(url, MAX_LIST_BYTES);
                fetched.map_err(|problem| format!("the list could not be fetched from {host}: {problem}"))
            }
        }
    }

    fn kept(&self) -> Option<(Vec<u8>, Timestamp)> {
        let Self::Url { copy: Some(copy), .. } = self else { return None };
        let as_of = copy.metadata().and_then(|data| data.modified()).ok()?;
        Some((read(copy).ok()?, as_of.into()))
    }

    fn keep(&self, content: &[u8]) -> Result<(), String> {
        let Self::Url { copy: Some(copy), .. } = self else { return Ok(()) };
        replace(copy, content).map_err(|error| format!("{} cannot be written: {error}", copy.display()))
    }

    /// A name for the log. The query of a URL may carry a credential.
    fn name(&self) -> &str {
        match self {
            Self::File(path) => path.to_str().unwrap_or("a file"),
            Self::Url { url, .. } => url.host().unwrap_or_default(),
        }
    }
}

/// One byte more than a list may have shows that it is too long.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_LIST_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Whole or not at all: a copy that was cut off could not be read at the next start.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

//! The settings of fetched keys, and their defaults.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use countersign::{TrustRoots, scheme::KeySource};

/// How long copies are kept, and how often URLs are asked.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) selects_by_id: bool,
    /// Whether the request leads to the URL, so that nothing there means that there is no such key.
    pub(super) is_url_named: bool,
    pub(super) roots: TrustRoots,
    /// The least and most time for which a copy is good, whatever the provider says.
    pub(super) keep: (Duration, Duration),
    pub(super) keep_last_good: Duration,
    /// The least time between two attempts at one URL.
    pub(super) ask_again: Duration,
    pub(super) time_limit: Duration,
    pub(super) capacity: usize,
    /// How many URLs that never gave a good copy are tried at once, and after what time one more.
    pub(super) new_urls: (u32, Duration),
    /// Those that are tried however many others are.
    pub(super) known_urls: HashSet<String>,
    pub(super) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Settings {
    pub(super) fn of(source: Option<&KeySource>) -> Self {
        Self {
            selects_by_id: source.is_some_and(KeySource::is_set),
            is_url_named: source.is_some_and(KeySource::is_url_named),
            roots: TrustRoots::none(),
            keep: (Duration::from_secs(60), Duration::from_secs(24 * 3600)),
            keep_last_good: Duration::from_secs(24 * 3600),
            ask_again: Duration::from_secs(30),
            time_limit: Duration::from_secs(5),
            capacity: 128,
            new_urls: (8, Duration::from_secs(5)),
            known_urls: HashSet::new(),
            clock: Arc::new(Instant::now),
        }
    }

    /// For how long a copy is good.
    pub(super) fn keep(&self, max_age: Option<Duration>) -> Duration {
        let (least, most) = self.keep;
        max_age.unwrap_or(UNSAID).max(least).min(most)
    }
}

/// How long a copy is good if the provider does not say.
const UNSAID: Duration = Duration::from_secs(3600);

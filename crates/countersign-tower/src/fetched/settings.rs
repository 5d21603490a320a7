//! The settings of fetched keys, and their defaults.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use countersign::{TrustRoots, scheme::KeySource};

/// How long copies are kept, and how often URLs are fetched.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) selects_by_id: bool,
    /// Whether the request names the URL: then a 404 there means that there is no such key.
    pub(super) is_url_named: bool,
    pub(super) roots: TrustRoots,
    /// The bounds of a copy's time to live, whatever the provider says.
    pub(super) time_to_live: (Duration, Duration),
    /// How much longer a copy is used while it cannot be renewed.
    pub(super) keep_last_good: Duration,
    /// The least time between two fetches of one URL.
    pub(super) fetch_interval: Duration,
    pub(super) fetch_timeout: Duration,
    pub(super) capacity: usize,
    /// How many URLs that never gave a good copy may be tried at once, and the time after which one more may be.
    pub(super) new_urls: (u32, Duration),
    /// URLs to which that limit does not apply.
    pub(super) known_urls: HashSet<String>,
    pub(super) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Settings {
    pub(super) fn of(source: Option<&KeySource>) -> Self {
        Self {
            selects_by_id: source.is_some_and(KeySource::is_set),
            is_url_named: source.is_some_and(KeySource::is_url_named),
            roots: TrustRoots::none(),
            time_to_live: (Duration::from_secs(60), Duration::from_secs(24 * 3600)),
            keep_last_good: Duration::from_secs(24 * 3600),
            fetch_interval: Duration::from_secs(30),
            fetch_timeout: Duration::from_secs(5),
            capacity: 128,
            new_urls: (8, Duration::from_secs(5)),
            known_urls: HashSet::new(),
            clock: Arc::new(Instant::now),
        }
    }

    /// The time to live of a copy that came with this `max-age`.
    pub(super) fn time_to_live(&self, max_age: Option<Duration>) -> Duration {
        let (least, most) = self.time_to_live;
        max_age.unwrap_or(DEFAULT_TIME_TO_LIVE).max(least).min(most)
    }
}

/// The time to live of a copy that came without a `max-age`.
const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(3600);

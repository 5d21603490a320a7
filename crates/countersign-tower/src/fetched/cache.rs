//! The entries of all URLs, no more than may be kept, and no more new ones than may be tried.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{entry::CacheEntry, settings::Settings};

pub(super) struct KeyCache {
    inner: Mutex<Inner>,
}

struct Inner {
    entries: HashMap<String, Arc<CacheEntry>>,
    /// How many new URLs may still be tried, and since when that is counted.
    left: u32,
    since: Instant,
}

impl KeyCache {
    pub(super) fn new(settings: &Settings) -> Self {
        let (left, since) = (settings.new_urls.0, (settings.clock)());
        Self { inner: Mutex::new(Inner { entries: HashMap::new(), left, since }) }
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// The entry of a URL; `None` if it is new and nobody knows it, and too many such were tried of late.
    pub(super) fn entry(&self, url: &str, now: Instant, settings: &Settings) -> Option<Arc<CacheEntry>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.entries.get(url) {
            return Some(Arc::clone(entry));
        }
        if !settings.known_urls.contains(url) && !inner.may_try(now, settings) {
            return None;
        }
        if inner.entries.len() >= settings.capacity {
            let least = inner.entries.iter().min_by_key(|(_, entry)| entry.worth()).map(|(url, _)| url.clone());
            least.and_then(|url| inner.entries.remove(&url));
        }
        let entry = Arc::new(CacheEntry::new(now));
        inner.entries.insert(url.to_owned(), Arc::clone(&entry));
        Some(entry)
    }
}

impl Inner {
    fn may_try(&mut self, now: Instant, settings: &Settings) -> bool {
        let (most, each) = settings.new_urls;
        let passed = now.saturating_duration_since(self.since);
        let more =
            passed.as_nanos().checked_div(each.as_nanos()).map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
        if more > 0 {
            self.left = self.left.saturating_add(more).min(most);
            self.since = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

//! The cache entries of all URLs: how many are kept, and how many new URLs are tried.

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
    /// How many new URLs may still be tried.
    new_urls_left: u32,
    /// When `new_urls_left` was last raised.
    raised_at: Instant,
}

impl KeyCache {
    pub(super) fn new(settings: &Settings) -> Self {
        let (new_urls_left, raised_at) = (settings.new_urls.0, (settings.clock)());
        Self { inner: Mutex::new(Inner { entries: HashMap::new(), new_urls_left, raised_at }) }
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// The entry of a URL; `None` if the URL is new, is not one of `known_urls`, and too many new ones were tried lately.
    pub(super) fn entry(&self, url: &str, now: Instant, settings: &Settings) -> Option<Arc<CacheEntry>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.entries.get(url) {
            return Some(Arc::clone(entry));
        }
        if !settings.known_urls.contains(url) && !inner.may_try_new_url(now, settings) {
            return None;
        }
        if inner.entries.len() >= settings.capacity {
            let first = inner.entries.iter().min_by_key(|(_, entry)| entry.eviction_rank()).map(|(url, _)| url.clone());
            first.and_then(|url| inner.entries.remove(&url));
        }
        let entry = Arc::new(CacheEntry::new(now));
        inner.entries.insert(url.to_owned(), Arc::clone(&entry));
        Some(entry)
    }
}

impl Inner {
    /// A token bucket: `new_urls` has its size, and the time after which it gets one more.
    fn may_try_new_url(&mut self, now: Instant, settings: &Settings) -> bool {
        let (most, each) = settings.new_urls;
        let passed = now.saturating_duration_since(self.raised_at);
        let more =
            passed.as_nanos().checked_div(each.as_nanos()).map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
        if more > 0 {
            self.new_urls_left = self.new_urls_left.saturating_add(more).min(most);
            self.raised_at = now;
        }
        let may = self.new_urls_left > 0;
        self.new_urls_left = self.new_urls_left.saturating_sub(1);
        may
    }
}

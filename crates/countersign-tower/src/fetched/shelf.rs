//! The slots of all URLs, no more than may be kept, and no more new ones than may be tried.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{settings::Settings, slot::Slot};

pub(super) struct Shelf {
    inner: Mutex<Inner>,
}

struct Inner {
    slots: HashMap<String, Arc<Slot>>,
    /// How many new URLs may still be tried, and since when that is counted.
    left: u32,
    since: Instant,
}

impl Shelf {
    pub(super) fn new(settings: &Settings) -> Self {
        let (left, since) = (settings.new_urls.0, (settings.clock)());
        Self { inner: Mutex::new(Inner { slots: HashMap::new(), left, since }) }
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).slots.len()
    }

    /// The slot of a URL; `None` if it is new and nobody knows it, and too many such were tried of late.
    pub(super) fn slot(&self, url: &str, now: Instant, settings: &Settings) -> Option<Arc<Slot>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = inner.slots.get(url) {
            return Some(Arc::clone(slot));
        }
        if !settings.known_urls.contains(url) && !inner.may_try(now, settings) {
            return None;
        }
        if inner.slots.len() >= settings.capacity {
            let least = inner.slots.iter().min_by_key(|(_, slot)| slot.worth()).map(|(url, _)| url.clone());
            least.and_then(|url| inner.slots.remove(&url));
        }
        let slot = Arc::new(Slot::new(now));
        inner.slots.insert(url.to_owned(), Arc::clone(&slot));
        Some(slot)
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

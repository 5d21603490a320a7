//! Other maps and caches with the usual design: the state is the value, and the oldest entry is removed in turn.

use std::{collections::VecDeque, time::Duration};

use countersign::ReplayKey;
use countersign_bench::Group;
use dashmap::{DashMap, Entry};

use super::{KEEP, LEASE, LIVE, Pairs, Running};

/// In progress, or done, and until when.
#[derive(Clone, Copy)]
enum State {
    InProgress { until: i64, fence: u64 },
    Done { until: i64 },
}

impl State {
    fn is_over(self, at: i64) -> bool {
        let (Self::InProgress { until, .. } | Self::Done { until }) = self;
        until <= at
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `dashmap` with a queue of expiries, since the map has no expiry.
struct Dash {
    map: DashMap<ReplayKey, State>,
    queue: VecDeque<(i64, ReplayKey)>,
    fence: u64,
}

impl Pairs for Dash {
    fn pair(&mut self, key: ReplayKey, at: i64) -> bool {
        while let Some((_, oldest)) = self.queue.front().filter(|(until, _)| *until <= at) {
            self.map.remove_if(oldest, |_, state| state.is_over(at));
            self.queue.pop_front();
        }
        self.fence += 1;
        let claimed = State::InProgress { until: at + millis(LEASE), fence: self.fence };
        match self.map.entry(key) {
            Entry::Occupied(mut known) if known.get().is_over(at) => drop(known.insert(claimed)),
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => drop(place.insert(claimed)),
        }
        let until = at + millis(KEEP);
        let Some(mut state) = self.map.get_mut(&key) else { return false };
        let is_ours = matches!(*state, State::InProgress { fence, until } if fence == self.fence && until > at);
        *state = State::Done { until };
        self.queue.push_back((until, key));
        is_ours
    }
}

/// `moka`, which evicts by its own policy. It is large enough to do the same work as the others.
struct Moka {
    cache: moka::sync::Cache<ReplayKey, State>,
    fence: u64,
}

impl Pairs for Moka {
    fn pair(&mut self, key: ReplayKey, at: i64) -> bool {
        self.fence += 1;
        let claimed = State::InProgress { until: at + millis(LEASE), fence: self.fence };
        let claim = self.cache.entry(key).or_insert_with_if(|| claimed, |known| known.is_over(at));
        let is_ours = matches!(claim.into_value(), State::InProgress { fence, .. } if fence == self.fence);
        self.cache.insert(key, State::Done { until: at + millis(KEEP) });
        is_ours
    }
}

pub(super) fn add<'a>(group: Group<'a>, keys: &'a [ReplayKey]) -> Group<'a> {
    let mut dash = Running::new(Dash { map: DashMap::new(), queue: VecDeque::new(), fence: 0 }, keys);
    let cache = moka::sync::Cache::builder().max_capacity(LIVE as u64).time_to_live(KEEP * 10).build();
    let mut moka = Running::new(Moka { cache, fence: 0 }, keys);
    group.case("dashmap 6 and a queue", move || dash.step()).case("moka 0.12", move || moka.step())
}

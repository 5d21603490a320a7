//! Compares a store with a map that never forgets.

use std::{collections::BTreeMap, time::Duration};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, Settlement},
};
use countersign_tests::replay::key;

const START: i64 = 1_767_225_600_000;

/// The events of an endpoint: more than the smallest store holds.
pub fn keys(endpoint: &str) -> Vec<ReplayKey> {
    (0..24).map(|event| key(endpoint, &event.to_string())).collect()
}

/// A store, and its expected content.
pub struct Run<'s, S> {
    store: &'s S,
    keys: &'s [ReplayKey],
    capacity: usize,
    now: i64,
    /// The latest `now` of any call. The store may have forgotten what expired before it.
    latest: i64,
    events: BTreeMap<usize, State>,
    leases: Vec<(usize, i64, Lease)>,
    fences: Vec<(usize, u64)>,
}

#[derive(Clone, Copy)]
enum State {
    Held { fence: u64, until: i64 },
    Done { until: i64 },
}

impl State {
    fn until(self) -> i64 {
        match self {
            Self::Held { until, .. } | Self::Done { until } => until,
        }
    }
}

impl<'s, S: ReplayStore> Run<'s, S> {
    /// A run in a store of this capacity that has none of these events.
    pub fn new(store: &'s S, capacity: usize, keys: &'s [ReplayKey]) -> Self {
        let (events, leases, fences) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { store, keys, capacity, now: START, latest: START, events, leases, fences }
    }

    /// Runs the steps. Each takes three bytes: the operation, the event or lease, and the duration.
    pub async fn all(&mut self, steps: &[u8]) {
        for step in steps.as_chunks::<3>().0 {
            let [action, which, length] = *step;
            let millis = i64::from(length) * 10;
            match action % 8 {
                0..=2 => self.claim(usize::from(which) % self.keys.len(), millis).await,
                3 | 4 => self.settle(usize::from(which), Some(millis)).await,
                5 => self.settle(usize::from(which), None).await,
                6 => self.now += millis,
                _ => self.now -= millis,
            }
            self.latest = self.latest.max(self.now);
        }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now)
    }

    async fn claim(&mut self, event: usize, lease_for: i64) {
        let known = self.events.get(&event).copied();
        let claim = self.store.claim(self.keys[event], duration(lease_for), self.time()).await;
        let must_be_known = known.is_some_and(|state| state.until() > self.latest);
        let must_be_fresh = known.is_none_or(|state| state.until() <= self.now);
        match (claim, known) {
            (Ok(Claim::Fresh(lease)), _) => {
                assert!(!must_be_known, "a live event is fresh");
                assert_eq!(lease.key(), self.keys[event]);
                let until = self.now + lease_for;
                assert!(!self.fences.contains(&(event, lease.fence())), "two leases of one event have one fence");
                self.fences.push((event, lease.fence()));
                self.events.insert(event, State::Held { fence: lease.fence(), until });
                self.leases.push((event, until, lease));
            }
            (Ok(Claim::InProgress), Some(State::Held { .. })) | (Ok(Claim::Done), Some(State::Done { .. })) => {
                assert!(!must_be_fresh, "an event that is over is not fresh");
            }
            (Ok(claim), _) => panic!("not what it is: {claim:?}"),
            (Err(_), _) => {
                let live = self.events.values().filter(|state| state.until() > self.now).count();
                assert!(live >= self.capacity && !must_be_known, "a store of {live} events is full");
            }
        }
    }

    /// Commits a lease for so many milliseconds, or releases it.
    async fn settle(&mut self, which: usize, keep_for: Option<i64>) {
        if self.leases.is_empty() {
            return;
        }
        let (event, until, lease) = self.leases.swap_remove(which % self.leases.len());
        let fence = lease.fence();
        let settled = match keep_for {
            Some(keep_for) => self.store.commit(lease, duration(keep_for), self.time()).await,
            None => self.store.release(lease, self.time()).await,
        };
        let is_its_own = matches!(self.events.get(&event), Some(State::Held { fence: held, .. }) if *held == fence);
        match settled.unwrap_or_else(|error| panic!("{error}")) {
            Settlement::Settled => {
                assert!(is_its_own && until > self.now, "a lease that is over settles something");
                match keep_for {
                    Some(keep_for) => self.events.insert(event, State::Done { until: self.now + keep_for }),
                    None => self.events.remove(&event),
                };
            }
            Settlement::Lapsed => assert!(!is_its_own || until <= self.latest, "a good lease settles nothing"),
        }
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

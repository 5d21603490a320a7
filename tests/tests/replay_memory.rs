//! The store in memory: the suite of all stores, a model, and its bounds.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use countersign::{
    ReplayKey, Timestamp,
    replay::{Claim, Full, Lease, MemoryStore, ReplayScope, Settlement},
};
use countersign_tests::{
    replay::{key, key_in},
    replay_conformance,
};
use proptest::{collection::vec, prelude::*, sample::Index};

replay_conformance!(memory, async { MemoryStore::new() });
replay_conformance!(memory_with_just_enough_room, async { MemoryStore::with_capacity(45) });

const MINUTE: Duration = Duration::from_secs(60);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + millis)
}

fn keys(count: usize) -> Vec<ReplayKey> {
    (0..count).map(|at| key("many", &at.to_string())).collect()
}

fn fresh(claim: Result<Claim, Full>) -> Lease {
    match claim {
        Ok(Claim::Fresh(lease)) => lease,
        other => panic!("expected a fresh claim, got {other:?}"),
    }
}

#[test]
fn a_full_store_refuses_and_forgets_nothing() {
    let (store, keys) = (MemoryStore::with_capacity(100), keys(300));
    for key in &keys[..100] {
        let lease = fresh(store.claim_at(*key, MINUTE, at(0)));
        assert_eq!(store.commit_at(lease, MINUTE, at(0)), Settlement::Settled);
    }
    for key in &keys[100..] {
        assert_eq!(store.claim_at(*key, MINUTE, at(59_999)).unwrap_err(), Full::Entries { limit: 100 });
    }
    for key in &keys[..100] {
        assert!(matches!(store.claim_at(*key, MINUTE, at(59_999)), Ok(Claim::Done)));
    }
    assert_eq!(store.len(), 100);
}

#[test]
fn a_full_store_has_room_again_to_the_millisecond_when_something_is_over() {
    let (store, keys) = (MemoryStore::with_capacity(100), keys(200));
    for (number, key) in keys[..100].iter().enumerate() {
        let lease = fresh(store.claim_at(*key, MINUTE, at(0)));
        let keep = Duration::from_millis(1000 + number as u64);
        assert_eq!(store.commit_at(lease, keep, at(0)), Settlement::Settled);
    }
    for (number, key) in keys[100..].iter().enumerate() {
        let end = 1000 + i64::try_from(number).unwrap();
        assert!(store.claim_at(*key, MINUTE, at(end - 1)).is_err(), "{number}");
        drop(fresh(store.claim_at(*key, MINUTE, at(end))));
    }
}

#[test]
fn a_released_event_leaves_its_room_to_another() {
    let (store, keys) = (MemoryStore::with_capacity(1), keys(50));
    for key in keys {
        let lease = fresh(store.claim_at(key, MINUTE, at(0)));
        assert_eq!((store.len(), store.release_at(lease, at(0))), (1, Settlement::Settled));
        assert!(store.is_empty());
    }
}

#[test]
fn a_store_without_room_takes_nothing() {
    let store = MemoryStore::with_capacity(0);
    assert_eq!(store.claim_at(key("a", "b"), MINUTE, at(0)).unwrap_err(), Full::Entries { limit: 0 });
}

#[test]
fn a_store_takes_no_more_bytes_than_it_may() {
    for limit in [0, 1024, 20_000, 100_000, 400_000] {
        let store = MemoryStore::with_limits(1_000_000, limit);
        let empty = store.bytes();
        let mut held = Vec::new();
        let scope = ReplayScope::new("bytes");
        for number in 0..20_000 {
            let key = key_in(&scope.within(format!("{number}")), "event");
            match store.claim_at(key, MINUTE, at(0)) {
                Ok(Claim::Fresh(lease)) => held.push(lease.key()),
                Ok(other) => panic!("{other:?}"),
                Err(full) => assert_eq!(full, Full::Bytes { limit }),
            }
            assert!(store.bytes() <= limit.max(empty));
            if (number + 1) - held.len() > 200 {
                break;
            }
        }
        assert_eq!(store.len(), held.len());
        assert!(held.into_iter().all(|key| matches!(store.claim_at(key, MINUTE, at(1)), Ok(Claim::InProgress))));
    }
}

#[test]
fn what_is_over_goes_while_others_come_so_that_the_store_does_not_grow() {
    let store = MemoryStore::new();
    let scope = ReplayScope::new("churn");
    for number in 0..40_000_i64 {
        let key = key_in(&scope.within(number.to_le_bytes()), "event");
        let lease = fresh(store.claim_at(key, MINUTE, at(number)));
        // A thousand are live at a time.
        assert_eq!(store.commit_at(lease, Duration::from_secs(1), at(number)), Settlement::Settled);
    }
    assert!(store.len() < 2000, "{} are held", store.len());
    assert!(store.bytes() < 150_000, "{} bytes", store.bytes());
}

/// What a store is asked.
#[derive(Clone, Debug)]
enum Ask {
    Claim { key: usize, lease: u64 },
    Commit { lease: Index, keep: u64 },
    Release { lease: Index },
    Pass { millis: i64 },
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => (0..12_usize, 1..3000_u64).prop_map(|(key, lease)| Ask::Claim { key, lease }),
        2 => (any::<Index>(), 0..5000_u64).prop_map(|(lease, keep)| Ask::Commit { lease, keep }),
        1 => any::<Index>().prop_map(|lease| Ask::Release { lease }),
        2 => (-1000..3000_i64).prop_map(|millis| Ask::Pass { millis }),
    ]
}

/// An event as the model knows it.
#[derive(Clone, Copy, Debug)]
struct Known {
    until: i64,
    /// `None`: it is done.
    fence: Option<u64>,
}

/// The simplest thing that keeps the contract.
#[derive(Default)]
struct Model {
    events: HashMap<ReplayKey, Known>,
    now: i64,
    /// The latest time that any call was told: what was over then may be gone for good.
    latest: i64,
}

impl Model {
    /// What is known of an event, and whether the store may have forgotten it because the clock stepped back since it
    /// was over.
    fn look(&self, key: ReplayKey) -> Option<(Known, bool)> {
        let known = *self.events.get(&key)?;
        (known.until > self.now).then_some((known, known.until <= self.latest))
    }

    fn check_claim(&mut self, key: ReplayKey, lease: u64, answer: &Result<Claim, Full>) {
        let known = self.look(key);
        match (answer, known) {
            (Ok(Claim::Fresh(given)), None | Some((_, true))) => {
                let until = self.now + i64::try_from(lease).unwrap();
                self.events.insert(key, Known { until, fence: Some(given.fence()) });
            }
            (Ok(Claim::InProgress), Some((Known { fence: Some(_), .. }, _)))
            | (Ok(Claim::Done), Some((Known { fence: None, .. }, _)))
            | (Err(Full::Entries { .. }), None | Some((_, true))) => {}
            _ => panic!("{answer:?} for {known:?} at {}", self.now),
        }
        if answer.is_err() {
            let live = self.events.values().filter(|known| known.until > self.now).count();
            assert!(live >= CAPACITY, "full with {live} live events");
        }
    }

    /// Holds a settlement against what is known; `keep` is `None` for a release.
    fn check_settlement(&mut self, lease: (ReplayKey, u64), keep: Option<u64>, settlement: Settlement) {
        let (key, fence) = lease;
        let known = self.look(key).filter(|(known, _)| known.fence == Some(fence));
        match (settlement, known, keep) {
            (Settlement::Settled, Some(_), Some(keep)) => {
                let until = self.now + i64::try_from(keep).unwrap();
                self.events.insert(key, Known { until, fence: None });
            }
            (Settlement::Settled, Some(_), None) => drop(self.events.remove(&key)),
            (Settlement::Lapsed, None | Some((_, true)), _) => {}
            _ => panic!("{settlement:?} for {known:?} at {}", self.now),
        }
    }
}

const CAPACITY: usize = 8;

static KEYS: LazyLock<Vec<ReplayKey>> = LazyLock::new(|| keys(12));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_store_does_what_a_simple_model_does(asks in vec(ask(), 1..150)) {
        let (store, keys) = (MemoryStore::with_capacity(CAPACITY), &*KEYS);
        let (mut model, mut leases) = (Model::default(), Vec::new());
        for ask in asks {
            let now = at(model.now);
            match ask {
                Ask::Pass { millis } => model.now += millis,
                Ask::Claim { key, lease } => {
                    let answer = store.claim_at(keys[key], Duration::from_millis(lease), now);
                    model.check_claim(keys[key], lease, &answer);
                    leases.extend(answer.into_iter().filter_map(|claim| match claim {
                        Claim::Fresh(lease) => Some(lease),
                        _ => None,
                    }));
                }
                Ask::Commit { .. } | Ask::Release { .. } if leases.is_empty() => {}
                Ask::Commit { lease, keep } => {
                    let lease = leases.swap_remove(lease.index(leases.len()));
                    let name = (lease.key(), lease.fence());
                    let settlement = store.commit_at(lease, Duration::from_millis(keep), now);
                    model.check_settlement(name, Some(keep), settlement);
                }
                Ask::Release { lease } => {
                    let lease = leases.swap_remove(lease.index(leases.len()));
                    let name = (lease.key(), lease.fence());
                    model.check_settlement(name, None, store.release_at(lease, now));
                }
            }
            model.latest = model.latest.max(model.now);
        }
    }
}

//! The store in memory: the contract of all stores, and its limits.

use std::{sync::Arc, time::Duration};

use countersign::{
    ReplayKey, Timestamp,
    replay::{Claim, Full, Lease, MemoryStore, ReplayScope, ReplayStore, Settlement},
};
use countersign_tests::{
    replay::{key, key_in},
    replay_conformance,
};

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

/// Fills a store with events of which one expires each millisecond, and checks that there is room for another just
/// then.
fn has_room_to_the_millisecond(fill: impl Fn(&MemoryStore, ReplayKey, Duration)) {
    let (store, keys) = (MemoryStore::with_capacity(100), keys(200));
    for (number, key) in keys[..100].iter().enumerate() {
        fill(&store, *key, Duration::from_millis(1000 + number as u64));
    }
    for (number, key) in keys[100..].iter().enumerate() {
        let end = 1000 + i64::try_from(number).unwrap();
        assert!(store.claim_at(*key, MINUTE, at(end - 1)).is_err(), "{number}");
        drop(fresh(store.claim_at(*key, MINUTE, at(end))));
    }
}

#[test]
fn a_full_store_has_room_to_the_millisecond_when_an_event_expires() {
    has_room_to_the_millisecond(|store, key, keep_for| {
        let lease = fresh(store.claim_at(key, MINUTE, at(0)));
        assert_eq!(store.commit_at(lease, keep_for, at(0)), Settlement::Settled);
    });
}

#[test]
fn a_full_store_has_room_to_the_millisecond_when_a_lease_expires() {
    has_room_to_the_millisecond(|store, key, lease_for| drop(fresh(store.claim_at(key, lease_for, at(0)))));
}

#[test]
fn a_full_store_has_room_when_a_done_event_expires_whatever_was_released_before() {
    let (store, keys) = (MemoryStore::with_capacity(100), keys(300));
    let claim = |key: &ReplayKey| fresh(store.claim_at(*key, 60 * MINUTE, at(0)));
    for key in &keys[..100] {
        assert_eq!(store.release_at(claim(key), at(0)), Settlement::Settled);
    }
    for (number, key) in keys[100..200].iter().enumerate() {
        let keep = Duration::from_millis(1000 + number as u64);
        assert_eq!(store.commit_at(claim(key), keep, at(0)), Settlement::Settled);
    }
    for (number, key) in keys[200..].iter().enumerate() {
        let end = 1000 + i64::try_from(number).unwrap();
        drop(fresh(store.claim_at(*key, MINUTE, at(end))));
    }
}

#[test]
fn leases_stay_valid_when_expired_events_are_removed() {
    let (store, keys) = (MemoryStore::with_capacity(100), keys(150));
    let claim = |key: &ReplayKey, now| fresh(store.claim_at(*key, MINUTE, at(now)));
    keys[..50].iter().for_each(|key| drop(claim(key, 0)));
    let mut leases: Vec<_> = keys[50..100].iter().map(|key| claim(key, 1000)).collect();
    leases.extend(keys[100..].iter().map(|key| claim(key, 60_000)));
    let settled = leases.into_iter().enumerate().map(|(number, lease)| match number % 2 {
        0 => store.commit_at(lease, MINUTE, at(60_999)),
        _ => store.release_at(lease, at(60_999)),
    });
    assert_eq!(settled.filter(|settled| *settled == Settlement::Settled).count(), 100);
    assert_eq!(store.len(), 50);
}

#[test]
fn a_released_event_makes_room_for_another() {
    let (store, keys) = (MemoryStore::with_capacity(1), keys(50));
    for key in keys {
        let lease = fresh(store.claim_at(key, MINUTE, at(0)));
        assert_eq!((store.len(), store.release_at(lease, at(0))), (1, Settlement::Settled));
        assert!(store.is_empty());
    }
}

#[test]
fn a_store_without_capacity_refuses_every_claim() {
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
        let room = limit.saturating_sub(empty);
        assert!((room / 120..=room / 28).contains(&held.len()), "{} in {room} bytes", held.len());
        assert_eq!(store.len(), held.len());
        assert!(held.into_iter().all(|key| matches!(store.claim_at(key, MINUTE, at(1)), Ok(Claim::InProgress))));
    }
}

#[test]
fn new_events_replace_expired_ones_so_that_the_store_does_not_grow() {
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

#[test]
fn is_done_tells_without_a_claim_whether_an_event_is_done() {
    let (store, done, held, other) = (MemoryStore::new(), key("a", "done"), key("a", "held"), key("a", "other"));
    assert!(!store.is_done_at(done, at(0)));
    let lease = fresh(store.claim_at(done, MINUTE, at(0)));
    assert!(!store.is_done_at(done, at(0)), "it is in progress");
    assert_eq!(store.commit_at(lease, MINUTE, at(0)), Settlement::Settled);
    drop(fresh(store.claim_at(held, MINUTE, at(0))));
    assert!(store.is_done_at(done, at(0)) && store.is_done_at(done, at(59_999)));
    assert!(!store.is_done_at(done, at(60_000)), "its time is over");
    for now in [0, 59_999, 60_000] {
        assert!(!store.is_done_at(held, at(now)) && !store.is_done_at(other, at(now)), "{now}");
    }
    assert_eq!(store.len(), 2, "to ask adds and removes nothing");
    drop(fresh(store.claim_at(other, MINUTE, at(0))));
}

#[test]
fn a_store_tells_its_size_and_its_limits() {
    let store = MemoryStore::with_capacity(70_000);
    assert_eq!((store.len(), store.is_empty(), store.capacity()), (0, true, 70_000));
    drop(fresh(store.claim_at(key("a", "b"), MINUTE, at(0))));
    assert_eq!((store.len(), store.is_empty(), store.capacity()), (1, false, 70_000));
    assert_eq!(MemoryStore::default().capacity(), 1_000_000);
}

#[test]
fn a_store_in_memory_answers_every_call_at_once() {
    let (store, key) = (MemoryStore::with_capacity(1), key("a", "b"));
    let Some(Ok(Claim::Fresh(lease))) = store.claim_at_once(key, MINUTE, at(0)) else { panic!("not fresh") };
    assert_eq!(store.commit_at_once(lease, MINUTE, at(0)), Ok(Ok(Settlement::Settled)));
    assert!(matches!(store.claim_at_once(key, MINUTE, at(0)), Some(Ok(Claim::Done))));
    // The same holds for a shared store.
    let shared = Arc::new(store);
    assert!(matches!(ReplayStore::claim_at_once(&shared, key, MINUTE, at(0)), Some(Ok(Claim::Done))));
}

#[test]
fn a_full_store_says_which_limit_it_has_reached() {
    let refusal = |store: &MemoryStore| {
        keys(100).into_iter().find_map(|key| store.claim_at(key, MINUTE, at(0)).err()).expect("it is full").to_string()
    };
    let few = refusal(&MemoryStore::with_capacity(17));
    assert!(few.contains("holds 17 events") && few.contains("capacity"), "{few}");
    let small = refusal(&MemoryStore::with_limits(1000, 2049));
    assert!(small.contains("2049 bytes") && small.contains("limit"), "{small}");
}

//! The memory of the store in memory, by the count of the allocator.
//!
//! Each test counts the allocations of its own thread.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::Range,
    time::Duration,
};

use bytes::Bytes;
use countersign::{
    Delivery, Timestamp,
    replay::{Claim, MemoryStore, ReplayScope, Settlement},
};
use countersign_tests::endpoint::{Endpoint, NOW};

struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    /// The largest number of bytes in use so far.
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(ALLOCATED.get()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get().wrapping_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn delivery() -> Delivery {
    let endpoint = Endpoint::find("github");
    let (verifier, request) = (endpoint.verifier(), endpoint.sample());
    verifier.verify(&request, Bytes::clone(request.body()), NOW).unwrap().into_delivery()
}

#[test]
fn an_event_takes_at_most_56_bytes_and_as_many_as_the_store_counts() {
    // As full as a store of a million: since tables double, a quarter of the events fills a table to the same fraction.
    const EVENTS: usize = 250_000;
    const KEEP: Duration = Duration::from_millis(EVENTS as u64);
    let delivery = delivery();

    let before = ALLOCATED.get();
    let store = MemoryStore::with_capacity(EVENTS * 5 / 4);
    assert_eq!(store.bytes(), ALLOCATED.get() - before, "without events");
    // Half of them have expired when the last ones arrive.
    for event in 0..EVENTS * 3 / 2 {
        let key = delivery.replay_key(&ReplayScope::new(event.to_le_bytes())).unwrap();
        let now = Timestamp::from_unix_millis(NOW.unix_millis() + i64::try_from(event).unwrap());
        let Ok(Claim::Fresh(lease)) = store.claim_at(key, KEEP, now) else { panic!("event {event} is not fresh") };
        assert_eq!(store.commit_at(lease, KEEP, now), Settlement::Settled);
        if event + 1 == EVENTS || event + 1 == EVENTS * 3 / 2 {
            let taken = ALLOCATED.get() - before;
            assert!(store.len() >= EVENTS);
            assert!(taken <= 56 * EVENTS, "{taken} bytes for {EVENTS} events");
            let said = store.bytes();
            assert!(said.abs_diff(taken) < 4096, "the store says {said}, the allocator {taken}");
        }
    }
}

/// Claims and commits a new event each millisecond, and returns how many were refused.
fn churn(store: &MemoryStore, delivery: &Delivery, events: Range<u64>, keep_for: Duration) -> usize {
    let is_refused = |event: &u64| {
        let key = delivery.replay_key(&ReplayScope::new(event.to_le_bytes())).unwrap();
        let now = Timestamp::from_unix_millis(NOW.unix_millis() + i64::try_from(*event).unwrap());
        match store.claim_at(key, keep_for, now) {
            Ok(Claim::Fresh(lease)) => {
                assert_eq!(store.commit_at(lease, keep_for, now), Settlement::Settled);
                false
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => true,
        }
    };
    events.filter(is_refused).count()
}

#[test]
fn a_store_takes_no_more_bytes_the_longer_it_runs() {
    let delivery = delivery();
    // About half and about three quarters of what the tables can hold before they double.
    for live in [30_000, 20_000] {
        let store = MemoryStore::with_capacity(60_000);
        let mut turns = (0..20).map(|turn| {
            assert_eq!(churn(&store, &delivery, turn * live..(turn + 1) * live, Duration::from_millis(live)), 0);
            store.bytes()
        });
        let early = turns.by_ref().take(3).last();
        assert_eq!(turns.last(), early, "{live} live events");
    }
}

#[test]
fn a_store_at_its_byte_limit_refuses_no_more_events_the_longer_it_runs() {
    const LIVE: u64 = 20_000;
    const BYTES: usize = 1_000_000;
    let delivery = delivery();
    let keep_for = Duration::from_millis(LIVE);
    let turn = |store: &MemoryStore, turn: u64| churn(store, &delivery, turn * LIVE..(turn + 1) * LIVE, keep_for);
    let store = MemoryStore::with_limits(1_000_000, BYTES);
    let refused: Vec<_> = (0..30).map(|at| turn(&store, at)).collect();
    let (early, late) = (refused[..10].iter().sum::<usize>(), refused[20..].iter().sum::<usize>());
    assert!(late <= early + 100, "{refused:?}");
    // After a pause, it takes as many as a new one.
    let (again, new) = (turn(&store, 50), turn(&MemoryStore::with_limits(1_000_000, BYTES), 0));
    assert!(again <= new + 100, "{again} are refused, and {new} by a new store");
}

#[test]
fn a_store_stays_within_its_byte_limit_even_while_it_grows() {
    let delivery = delivery();
    for limit in [20_000, 100_000, 400_000, 1_000_000] {
        let before = ALLOCATED.get();
        let store = MemoryStore::with_limits(limit, limit);
        PEAK.set(ALLOCATED.get());
        for event in 0..limit / 20 {
            let key = delivery.replay_key(&ReplayScope::new(event.to_le_bytes())).unwrap();
            drop(store.claim_at(key, Duration::from_secs(1), NOW));
        }
        let taken = PEAK.get() - before;
        assert!(taken <= limit && taken > limit / 2, "{taken} bytes where {limit} are allowed");
    }
}

//! The memory of the store in memory, by the count of the allocator.
//!
//! Each test counts the allocations of its own thread.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
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

//! What the store in memory takes, by the allocator's own count.
//!
//! One test, because the counter counts for the whole process.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use countersign::{
    Timestamp,
    replay::{Claim, MemoryStore, ReplayScope, Settlement},
};
use countersign_tests::endpoint::{Endpoint, NOW};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_event_takes_56_bytes_or_less_and_what_the_store_says() {
    // As full as a store of a million: tables double, so a quarter fills them to the same part.
    const EVENTS: usize = 250_000;
    const KEEP: Duration = Duration::from_millis(EVENTS as u64);
    let endpoint = Endpoint::find("github");
    let (verifier, request) = (endpoint.verifier(), endpoint.sample());
    let delivery = verifier.verify(&request, Bytes::clone(request.body()), NOW).unwrap().into_delivery();

    let before = ALLOCATED.load(Ordering::Relaxed);
    let store = MemoryStore::with_capacity(EVENTS * 5 / 4);
    // Half of them are over when the last ones come.
    for event in 0..EVENTS * 3 / 2 {
        let key = delivery.replay_key(&ReplayScope::new(event.to_le_bytes())).unwrap();
        let now = Timestamp::from_unix_millis(NOW.unix_millis() + i64::try_from(event).unwrap());
        let Ok(Claim::Fresh(lease)) = store.claim_at(key, KEEP, now) else { panic!("event {event} is not fresh") };
        assert_eq!(store.commit_at(lease, KEEP, now), Settlement::Settled);
        if event + 1 == EVENTS || event + 1 == EVENTS * 3 / 2 {
            let taken = ALLOCATED.load(Ordering::Relaxed) - before;
            assert!(store.len() >= EVENTS);
            assert!(taken <= 56 * EVENTS, "{taken} bytes for {EVENTS} events");
            let said = store.bytes();
            assert!(said.abs_diff(taken) < 4096, "the store says {said}, the allocator {taken}");
        }
    }
}

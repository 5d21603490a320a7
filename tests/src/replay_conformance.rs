//! The contract of [`ReplayStore`], as one suite of tests that every store runs.
//!
//! The tests never sleep: a store knows the time only by the `now` of a call.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, ReplayScope, Settlement},
};
use tokio::sync::Barrier;

use crate::replay::{key, key_in};

/// Runs the suite, each test on a new store.
///
/// `open` is an expression for a future of an empty store:
///
/// ```
/// countersign_tests::replay_conformance!(memory, async { countersign::replay::MemoryStore::new() });
/// ```
#[macro_export]
macro_rules! replay_conformance {
    ($name:ident, $open:expr) => {
        $crate::replay_conformance! { @tests $name, $open,
            of_64_racers_one_is_fresh
            no_two_racers_have_one_event_at_the_same_time
            a_released_event_may_come_again
            a_done_event_expires_to_the_second
            a_lease_expires_to_the_second
            an_expired_lease_settles_nothing
            an_old_lease_does_not_touch_its_successor
            a_foreign_lease_settles_nothing
            answers_at_once_are_those_of_the_waiting_calls
            a_clock_that_steps_back_neither_revives_nor_forgets
            tenants_do_not_see_each_other
            keys_are_framed
            extreme_times_and_durations_are_accepted
        }
    };
    (@tests $name:ident, $open:expr, $($test:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "a store may be opened by its full path")]
            use super::*;

            $(#[test]
            fn $test() {
                $crate::replay_conformance::run(async { $crate::replay_conformance::$test($open.await).await });
            })*
        }
    };
}

/// How many tasks claim one event at the same time.
const RACERS: usize = 64;

const START: i64 = 1_767_225_600;
const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(3 * 86_400);

/// Runs a test on several threads.
///
/// # Panics
///
/// If the test does, or the system refuses to start threads.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_all().build();
    runtime.expect("the system gives threads").block_on(test);
}

/// The time so many seconds after the start.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(START + seconds)
}

/// A store whose calls must succeed.
struct Sound<S>(S);

impl<S: ReplayStore> Sound<S> {
    async fn claim(&self, key: ReplayKey, now: Timestamp) -> Claim {
        self.0.claim(key, LEASE, now).await.expect("the store works")
    }

    async fn fresh(&self, key: ReplayKey, now: Timestamp) -> Lease {
        match self.claim(key, now).await {
            Claim::Fresh(lease) => lease,
            other => panic!("expected a fresh claim, got {other:?}"),
        }
    }

    async fn is_fresh(&self, key: ReplayKey, now: Timestamp) {
        drop(self.fresh(key, now).await);
    }

    async fn is_in_progress(&self, key: ReplayKey, now: Timestamp) {
        let claim = self.claim(key, now).await;
        assert!(matches!(claim, Claim::InProgress), "expected one in progress, got {claim:?}");
    }

    async fn is_done(&self, key: ReplayKey, now: Timestamp) {
        let claim = self.claim(key, now).await;
        assert!(matches!(claim, Claim::Done), "expected one that is done, got {claim:?}");
    }

    async fn commit(&self, lease: Lease, now: Timestamp) -> Settlement {
        self.0.commit(lease, KEEP, now).await.expect("the store works")
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Settlement {
        self.0.release(lease, now).await.expect("the store works")
    }
}

/// Claims `key` from many tasks at once. Returns the leases of the fresh claims, and how many claims were done.
async fn race<S: ReplayStore>(store: &Arc<Sound<S>>, key: ReplayKey, now: Timestamp) -> (Vec<Lease>, usize) {
    let barrier = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (store, barrier) = (Arc::clone(store), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                store.claim(key, now).await
            })
        })
        .collect();
    let (mut leases, mut done) = (Vec::new(), 0);
    for racer in racers {
        match racer.await.expect("no racer panics") {
            Claim::Fresh(lease) => leases.push(lease),
            Claim::InProgress => {}
            Claim::Done => done += 1,
        }
    }
    (leases, done)
}

/// When many tasks claim one event at once, one claim is fresh: the first time, after a lapse and after a release. When
/// the event is done, none is.
pub async fn of_64_racers_one_is_fresh<S: ReplayStore>(store: S) {
    let store = Arc::new(Sound(store));
    for round in 0..20 {
        let key = key("races", &format!("event {round}"));
        for (now, ends_by) in [(at(0), "lapse"), (at(30), "release"), (at(30), "commit")] {
            let (mut leases, done) = race(&store, key, now).await;
            assert_eq!((leases.len(), done), (1, 0), "round {round}, before the {ends_by}");
            let lease = leases.remove(0);
            match ends_by {
                "release" => assert_eq!(store.release(lease, now).await, Settlement::Settled),
                "commit" => assert_eq!(store.commit(lease, now).await, Settlement::Settled),
                _ => drop(lease),
            }
        }
        let (leases, done) = race(&store, key, at(31)).await;
        assert_eq!((leases.len(), done), (0, RACERS), "round {round}, when it was done");
    }
}

/// However claims and releases interleave, no two tasks have one event at the same time. After a commit, no task gets
/// it.
pub async fn no_two_racers_have_one_event_at_the_same_time<S: ReplayStore>(store: S) {
    let store = Arc::new(Sound(store));
    let events: Arc<Vec<_>> =
        Arc::new((0..4).map(|at| (key("turns", &at.to_string()), AtomicUsize::new(0), AtomicUsize::new(0))).collect());
    let racers: Vec<_> = (0..RACERS)
        .map(|racer| {
            let (store, events) = (Arc::clone(&store), Arc::clone(&events));
            tokio::spawn(async move {
                for turn in 0..50 {
                    let (key, holders, commits) = &events[(racer + turn) % events.len()];
                    let Claim::Fresh(lease) = store.claim(*key, at(0)).await else { continue };
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold one event");
                    assert_eq!(commits.load(Ordering::SeqCst), 0, "an event that is done was given again");
                    tokio::task::yield_now().await;
                    let commit = turn == 40;
                    commits.fetch_add(usize::from(commit), Ordering::SeqCst);
                    holders.fetch_sub(1, Ordering::SeqCst);
                    let settlement =
                        if commit { store.commit(lease, at(0)).await } else { store.release(lease, at(0)).await };
                    assert_eq!(settlement, Settlement::Settled);
                }
            })
        })
        .collect();
    for racer in racers {
        racer.await.expect("no racer panics");
    }
}

/// After a handler fails, a retry of its event is fresh.
pub async fn a_released_event_may_come_again<S: ReplayStore>(store: S) {
    let (store, key) = (Sound(store), key("endpoint", "event"));
    for _ in 0..3 {
        let lease = store.fresh(key, at(0)).await;
        assert_eq!(lease.key(), key);
        store.is_in_progress(key, at(0)).await;
        assert_eq!(store.release(lease, at(1)).await, Settlement::Settled);
    }
    store.is_fresh(key, at(1)).await;
}

/// An event is done for exactly `keep_for`.
pub async fn a_done_event_expires_to_the_second<S: ReplayStore>(store: S) {
    let (store, key) = (Sound(store), key("endpoint", "event"));
    let keep = 3 * 86_400;
    let lease = store.fresh(key, at(0)).await;
    assert_eq!(store.commit(lease, at(10)).await, Settlement::Settled);
    for seconds in [10, 30, 31, 3600, 86_400, 10 + keep - 1] {
        store.is_done(key, at(seconds)).await;
    }
    store.is_fresh(key, at(10 + keep)).await;
}

/// A claim just before the end of a lease is in progress. A claim at the end is fresh.
pub async fn a_lease_expires_to_the_second<S: ReplayStore>(store: S) {
    let (store, key) = (Sound(store), key("endpoint", "event"));
    let first = store.fresh(key, at(0)).await;
    store.is_in_progress(key, at(29)).await;
    let second = store.fresh(key, at(30)).await;
    assert_ne!(first.fence(), second.fence());
    store.is_in_progress(key, at(59)).await;
    store.is_fresh(key, at(60)).await;
}

/// A settlement after the end of the lease lapses, even if nobody else has claimed the event.
pub async fn an_expired_lease_settles_nothing<S: ReplayStore>(store: S) {
    let store = Sound(store);
    for settled_at in [30, 31, 100_000] {
        let key = key("endpoint", &format!("event {settled_at}"));
        let lease = store.fresh(key, at(0)).await;
        assert_eq!(store.commit(lease, at(settled_at)).await, Settlement::Lapsed);
        let lease = store.fresh(key, at(settled_at)).await;
        assert_eq!(store.release(lease, at(settled_at + 30)).await, Settlement::Lapsed);
        let lease = store.fresh(key, at(settled_at + 30)).await;
        assert_eq!(store.commit(lease, at(settled_at + 59)).await, Settlement::Settled, "in the last second");
    }
}

/// Settling an old lease changes nothing for a later claim, because its fence differs.
pub async fn an_old_lease_does_not_touch_its_successor<S: ReplayStore>(store: S) {
    let (store, key) = (Sound(store), key("endpoint", "event"));
    let mut old = Vec::new();
    for turn in 0..4 {
        old.push(store.fresh(key, at(30 * turn)).await);
    }
    let (third, last) = (old.remove(2), old.remove(2));
    assert_eq!(store.commit(old.remove(0), at(91)).await, Settlement::Lapsed);
    store.is_in_progress(key, at(91)).await;
    assert_eq!(store.release(old.remove(0), at(91)).await, Settlement::Lapsed);
    store.is_in_progress(key, at(91)).await;
    assert_eq!(store.commit(last, at(92)).await, Settlement::Settled);
    assert_eq!(store.release(third, at(93)).await, Settlement::Lapsed);
    store.is_done(key, at(93)).await;
}

/// A lease settles only its own event. A fence that no claim has settles nothing.
pub async fn a_foreign_lease_settles_nothing<S: ReplayStore>(store: S) {
    let (store, own, other) = (Sound(store), key("endpoint", "event"), key("another endpoint", "event"));
    let lease = store.fresh(own, at(0)).await;
    assert_eq!(store.commit(Lease::new(other, lease.fence()), at(1)).await, Settlement::Lapsed);
    store.is_fresh(other, at(1)).await;
    for fence in [lease.fence().wrapping_add(1), lease.fence() ^ (1 << 63), !lease.fence(), 0, u64::MAX] {
        assert_eq!(store.commit(Lease::new(own, fence), at(1)).await, Settlement::Lapsed, "{fence:x}");
        assert_eq!(store.release(Lease::new(own, fence), at(1)).await, Settlement::Lapsed, "{fence:x}");
    }
    store.is_in_progress(own, at(1)).await;
    assert_eq!(store.commit(lease, at(1)).await, Settlement::Settled);
}

/// `claim_at_once` and `commit_at_once` give the same answers as `claim` and `commit`. Where they do not answer, they
/// change nothing.
pub async fn answers_at_once_are_those_of_the_waiting_calls<S: ReplayStore>(store: S) {
    let (store, event, other) = (Sound(store), key("endpoint", "event"), key("endpoint", "another event"));
    let at_once = |event, now| store.0.claim_at_once(event, LEASE, now).transpose().expect("the store works");
    let lease = match at_once(event, at(0)) {
        Some(Claim::Fresh(lease)) => lease,
        None => store.fresh(event, at(0)).await,
        known => panic!("expected a fresh claim, got {known:?}"),
    };
    store.is_in_progress(event, at(1)).await;
    assert!(matches!(at_once(event, at(1)), None | Some(Claim::InProgress)));
    let settled = match store.0.commit_at_once(lease, KEEP, at(1)) {
        Ok(settled) => settled.expect("the store works"),
        Err(lease) => store.commit(lease, at(1)).await,
    };
    assert_eq!(settled, Settlement::Settled);
    store.is_done(event, at(2)).await;
    assert!(matches!(at_once(event, at(2)), None | Some(Claim::Done)));

    let late = store.fresh(other, at(0)).await;
    let settled = store.0.commit_at_once(late, KEEP, at(30));
    assert!(matches!(settled, Ok(Ok(Settlement::Lapsed)) | Err(_)), "expected a lapsed lease, got {settled:?}");
    store.is_fresh(other, at(30)).await;
}

/// When the clock steps back, leases and done events last longer. They do not end, and an old lease does not become
/// valid again.
pub async fn a_clock_that_steps_back_neither_revives_nor_forgets<S: ReplayStore>(store: S) {
    let store = Sound(store);
    let (done, held, taken) = (key("endpoint", "done"), key("endpoint", "held"), key("endpoint", "taken"));
    let lease = store.fresh(done, at(0)).await;
    assert_eq!(store.commit(lease, at(1)).await, Settlement::Settled);
    let good = store.fresh(held, at(0)).await;
    let old = store.fresh(taken, at(-30)).await;
    let new = store.fresh(taken, at(1)).await;

    for seconds in [0, -3600, -10 * 86_400, 1, 2] {
        store.is_done(done, at(seconds)).await;
        store.is_in_progress(held, at(seconds)).await;
        store.is_in_progress(taken, at(seconds)).await;
    }
    assert_eq!(store.commit(old, at(-20)).await, Settlement::Lapsed);
    store.is_in_progress(taken, at(-20)).await;
    assert_eq!(store.release(new, at(-20)).await, Settlement::Settled);
    assert_eq!(store.commit(good, at(-3600)).await, Settlement::Settled);
    store.is_done(held, at(-3600)).await;
    store.is_done(done, at(3 * 86_400)).await;
    store.is_fresh(done, at(3 * 86_400 + 1)).await;
}

/// The same event at two endpoints, or of two tenants, is two events.
pub async fn tenants_do_not_see_each_other<S: ReplayStore>(store: S) {
    let store = Sound(store);
    let endpoint = ReplayScope::new("endpoint");
    let mine = store.fresh(key_in(&endpoint.within("me"), "event"), at(0)).await;
    let yours = store.fresh(key_in(&endpoint.within("you"), "event"), at(0)).await;
    let ours = store.fresh(key_in(&endpoint, "event"), at(0)).await;
    assert_eq!(store.commit(mine, at(1)).await, Settlement::Settled);
    store.is_in_progress(key_in(&endpoint.within("you"), "event"), at(1)).await;
    assert_eq!(store.release(yours, at(1)).await, Settlement::Settled);
    store.is_done(key_in(&endpoint.within("me"), "event"), at(1)).await;
    store.is_in_progress(key_in(&endpoint, "event"), at(1)).await;
    assert_eq!(store.release(ours, at(1)).await, Settlement::Settled);
}

/// No two ways to part one text give the same key.
pub async fn keys_are_framed<S: ReplayStore>(store: S) {
    let store = Sound(store);
    let within = |endpoint: &str, part: &str| ReplayScope::new(endpoint).within(part);
    let scopes = [
        within("a", "b:c"),
        within("a:b", "c"),
        within("ab", "c"),
        within("a", "bc"),
        within("a", "b").within("c"),
        within("", "abc"),
        ReplayScope::new("abc"),
        ReplayScope::new("abc").within(""),
        ReplayScope::new(""),
    ];
    for scope in &scopes {
        for event in ["", "c", "bc", "abc", "github"] {
            let lease = store.fresh(key_in(scope, event), at(0)).await;
            assert_eq!(store.commit(lease, at(0)).await, Settlement::Settled, "{event}");
        }
    }
}

/// No time and no duration makes a store fail or forget.
pub async fn extreme_times_and_durations_are_accepted<S: ReplayStore>(store: S) {
    let claim = |key, lease_for, now| {
        let claim = store.claim(key, lease_for, now);
        async move { claim.await.expect("the store works") }
    };
    let (first, last) = (Timestamp::from_unix_millis(i64::MIN), Timestamp::from_unix_millis(i64::MAX));
    for (name, now) in [("first", first), ("epoch", Timestamp::from_unix_seconds(0)), ("now", at(0)), ("last", last)] {
        let key = key("ends", name);
        let Claim::Fresh(lease) = claim(key, Duration::MAX, now).await else { panic!("{name}: not fresh") };
        assert!(matches!(claim(key, LEASE, now).await, Claim::InProgress), "{name}");
        assert!(matches!(claim(key, LEASE, at(1_000_000_000)).await, Claim::InProgress), "{name}");
        assert_eq!(store.commit(lease, Duration::MAX, now).await.ok(), Some(Settlement::Settled), "{name}");
        assert!(matches!(claim(key, LEASE, at(1_000_000_000)).await, Claim::Done), "{name}");
    }
}

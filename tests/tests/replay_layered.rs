//! A copy in memory in front of a store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign::{
    ReplayKey, ReplayStore, Timestamp,
    replay::{Claim, Lease, MemoryStore, Settlement},
};
use countersign_store::replay::{LayeredReplayStore, SqliteReplayStore};
use countersign_tests::{replay::key, replay_conformance, replay_faults as faults, servers::Alternating};

/// Two processes, each with its copy, and what they share.
fn open_two() -> Alternating<LayeredReplayStore<Arc<MemoryStore>>> {
    let shared = Arc::new(MemoryStore::new());
    let layered = || LayeredReplayStore::new(Arc::clone(&shared));
    Alternating::new(layered(), layered())
}

replay_conformance!(layered, async { LayeredReplayStore::new(SqliteReplayStore::in_memory().unwrap()) });
replay_conformance!(two_processes, async { open_two() });
replay_conformance!(without_room, async { LayeredReplayStore::with_copies(MemoryStore::new(), 0) });

/// A store that counts how often it is asked.
#[derive(Debug, Default)]
struct Counting {
    store: MemoryStore,
    claims: AtomicUsize,
}

impl ReplayStore for Counting {
    type Error = countersign::replay::Full;

    async fn claim(&self, key: ReplayKey, lease_for: Duration, now: Timestamp) -> Result<Claim, Self::Error> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.store.claim_at(key, lease_for, now)
    }

    async fn commit(&self, lease: Lease, keep_for: Duration, now: Timestamp) -> Result<Settlement, Self::Error> {
        Ok(self.store.commit_at(lease, keep_for, now))
    }

    async fn release(&self, lease: Lease, now: Timestamp) -> Result<Settlement, Self::Error> {
        Ok(self.store.release_at(lease, now))
    }
}

#[test]
fn only_what_was_committed_here_is_answered_from_the_copy_and_only_while_it_is_kept() {
    faults::run(async {
        let at = |seconds: i64| Timestamp::from_unix_seconds(1_767_225_600 + seconds);
        let (lease_for, keep_for) = (Duration::from_secs(30), Duration::from_secs(60));
        let store = LayeredReplayStore::new(Counting::default());
        let asked = || store.shared().claims.load(Ordering::Relaxed);
        let event = key("copies", "event");

        let Ok(Claim::Fresh(lease)) = store.claim(event, lease_for, at(0)).await else { panic!("not fresh") };
        assert!(matches!(store.claim(event, lease_for, at(1)).await, Ok(Claim::InProgress)));
        assert_eq!((asked(), store.copies()), (2, 0), "what is in progress is asked for");

        assert_eq!(store.commit(lease, keep_for, at(2)).await.unwrap(), Settlement::Settled);
        for seconds in [2, -1000, 61] {
            assert!(matches!(store.claim(event, lease_for, at(seconds)).await, Ok(Claim::Done)));
        }
        assert_eq!((asked(), store.copies()), (2, 1), "what is done is not");

        let Ok(Claim::Fresh(late)) = store.claim(event, lease_for, at(62)).await else { panic!("not fresh") };
        assert_eq!(asked(), 3, "what is over is asked for");
        assert_eq!(store.commit(late, keep_for, at(92)).await.unwrap(), Settlement::Lapsed);
        assert!(
            matches!(store.claim(event, lease_for, at(92)).await, Ok(Claim::Fresh(_))),
            "no copy of what was not settled"
        );
    });
}

#![no_main]
//! Any sequence of claims, commits and releases, on a clock that may step back: the store answers like a map that never
//! forgets.

mod model;

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use countersign::{ReplayKey, replay::MemoryStore};
use countersign_store::replay::SqliteReplayStore;
use libfuzzer_sys::fuzz_target;

use model::{Run, keys};

// Made once: they take longer than most sequences of claims.
static KEYS: LazyLock<Vec<ReplayKey>> = LazyLock::new(|| keys("fuzz"));

fuzz_target!(|data: &[u8]| {
    let Some((kind, steps)) = data.split_first() else { return };
    if kind % 16 == 15 {
        // Far slower, so that few inputs choose it.
        let store = SqliteReplayStore::in_memory().unwrap();
        done(Run::new(&store, usize::MAX, &KEYS).all(steps));
        return;
    }
    let capacity = [4, 16, 1000][usize::from(*kind) % 3];
    let store = MemoryStore::with_capacity(capacity);
    done(Run::new(&store, capacity, &KEYS).all(steps));
    assert!(store.len() <= capacity);
});

/// Blocks on a call. The stores answer at once, or soon from another thread.
fn done<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

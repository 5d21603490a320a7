//! Claim and commit in the store in memory, with a million live events, against other maps and caches.

#[cfg(feature = "peers")]
mod peers;

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use countersign::{
    ReplayKey, Signer, Timestamp, Verifier, providers,
    replay::{Claim, MemoryStore, ReplayScope, Settlement},
};
use countersign_bench::{Group, Mode};

/// The number of live events.
const LIVE: usize = 1_000_000;

/// The number of keys: the live ones, and those that arrive while the oldest expire.
const KEYS: usize = 2 * LIVE;

const LEASE: Duration = Duration::from_secs(60);

/// How long an event is kept. One event arrives per millisecond, so that a million are live.
const KEEP: Duration = Duration::from_millis(LIVE as u64);

/// A store under test: each call claims and commits an event, and removes the oldest one.
trait Pairs {
    /// Claims and commits the event of this key at this time, in milliseconds.
    fn pair(&mut self, key: ReplayKey, at: i64) -> bool;
}

impl Pairs for MemoryStore {
    fn pair(&mut self, key: ReplayKey, at: i64) -> bool {
        let now = Timestamp::from_unix_millis(START + at);
        let Ok(Claim::Fresh(lease)) = self.claim_at(key, LEASE, now) else { return false };
        self.commit_at(lease, KEEP, now) == Settlement::Settled
    }
}

const START: i64 = 1_767_225_600_000;

/// A store, and the number of the next event.
struct Running<'k, P> {
    store: P,
    keys: &'k [ReplayKey],
    next: usize,
}

impl<'k, P: Pairs> Running<'k, P> {
    /// A store that has the live events.
    fn new(store: P, keys: &'k [ReplayKey]) -> Self {
        let mut running = Self { store, keys, next: 0 };
        (0..LIVE).for_each(|_| running.step());
        running
    }

    fn step(&mut self) {
        let key = self.keys[self.next % self.keys.len()];
        let at = i64::try_from(self.next).unwrap_or(i64::MAX);
        assert!(black_box(self.store.pair(key, at)), "event {} was not fresh", self.next);
        self.next += 1;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::from_args();
    if mode.rounds == 0 {
        let keys = keys(1000)?;
        let mut running = Running { store: MemoryStore::new(), keys: &keys, next: 0 };
        for _ in &keys {
            running.step();
        }
        return Ok(());
    }
    let keys = keys(KEYS)?;
    if mode.chooses("memory") {
        memory(&keys);
    }
    if mode.chooses("pauses") {
        pauses("with room", KEYS, &keys);
        pauses("always full", LIVE, &keys[..LIVE + LIVE / 10]);
    }
    if mode.chooses("pairs") {
        pairs_per_second(&keys);
    }
    let mut ours = Running::new(MemoryStore::with_capacity(2 * LIVE), &keys);
    let group = Group::new("pairs of claim and commit, 1 M live").case("countersign", move || ours.step());
    #[cfg(feature = "peers")]
    let group = peers::add(group, &keys);
    group.measure(&mode);
    Ok(())
}

/// The keys of so many events: one delivery in as many scopes.
fn keys(count: usize) -> Result<Vec<ReplayKey>, Box<dyn Error>> {
    let (secret, now) = ("a-long-random-secret", Timestamp::from_unix_millis(START));
    let signed = Signer::new(providers::GITHUB, secret)?.sign(http::Request::post("/").body("{}")?, now)?;
    let verifier = Verifier::new(providers::GITHUB, secret)?;
    let verified = verifier.verify(&signed, signed.body(), now)?;
    Ok((0..count).filter_map(|at| verified.replay_key(&ReplayScope::new(at.to_le_bytes()))).collect())
}

/// The memory of an event, as the store counts it. A test compares that with the allocator's count.
fn memory(keys: &[ReplayKey]) {
    println!("\n### memory\n\n| live events | bytes each |\n|---:|---:|");
    for live in [LIVE / 4, LIVE / 2, LIVE, 3 * LIVE / 2, 2 * LIVE] {
        let mut store = MemoryStore::with_capacity(2 * LIVE);
        assert!(keys[..live].iter().all(|key| store.pair(*key, 0)));
        println!("| {live} | {:.1} |", each(store.bytes(), live));
    }
    let mut running = Running::new(MemoryStore::new(), keys);
    (0..LIVE).for_each(|_| running.step());
    println!("\nA million events later, with a million live: {:.1} bytes each.", each(running.store.bytes(), LIVE));
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn each(bytes: usize, live: usize) -> f64 {
    bytes as f64 / live as f64
}

/// How many pairs of claim and commit one core does, with a million live events, of which one expires for each new one.
/// It counts the CPU time of this thread, because other processes use the core as well.
fn pairs_per_second(keys: &[ReplayKey]) {
    const SLICE: u32 = 100_000;
    let mut running = Running::new(MemoryStore::with_capacity(2 * LIVE), keys);
    let slice = |_| {
        let start = on_core();
        (0..SLICE).for_each(|_| running.step());
        f64::from(SLICE) / on_core().saturating_sub(start).as_secs_f64() / 1e6
    };
    let mut rates: Vec<f64> = (0..50).map(slice).collect();
    rates.sort_by(f64::total_cmp);
    println!("\n### pairs a second, one core, 1 M live\n\nmedian {:.2} M, best tenth {:.2} M", rates[25], rates[45]);
}

/// The CPU time of this thread.
fn on_core() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The longest pair while a store fills, expires events and fills again. If `capacity` is the number of live events,
/// the store is always full.
///
/// The system also suspends this program at times. Therefore each run is repeated, and a pause counts only if it occurs
/// at the same pair every time.
fn pauses(title: &str, capacity: usize, keys: &[ReplayKey]) {
    const TIMES: usize = 5;
    let mut least = vec![Duration::MAX; keys.len()];
    for _ in 0..TIMES {
        let mut running = Running { store: MemoryStore::with_capacity(capacity), keys, next: 0 };
        for least in &mut least {
            let start = Instant::now();
            running.step();
            *least = start.elapsed().min(*least);
        }
    }
    least[LIVE..].sort_unstable();
    let (growing, live) = least.split_at(LIVE);
    println!(
        "\n### pauses, {title}, the least of {TIMES} runs\n\nlongest while it grows {:?}; then median {:?}, 99.9 % {:?}, longest {:?}",
        growing.iter().max().copied().unwrap_or_default(),
        live[live.len() / 2],
        live[live.len() / 1000 * 999],
        live.last().copied().unwrap_or_default()
    );
}

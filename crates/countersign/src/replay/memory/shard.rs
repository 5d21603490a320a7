//! One shard of the store in memory: a hash table, and the sweep that removes expired entries.

use std::{hint::black_box, mem, time::Duration};

use hashbrown::{HashTable, TryReserveError};

use super::{Bounded, Full};
use crate::{
    replay::{Claim, Lease, ReplayKey, Settlement},
    timestamp::Timestamp,
};

pub(super) struct Shard {
    table: HashTable<Entry>,
    /// The place at which the next claim continues to sweep.
    hand: usize,
    /// A lower bound of the times at which done events expire.
    earliest_done: Time,
    /// The same for the events committed or swept since the hand began its current turn. It is exact when the turn
    /// ends.
    earliest_of_turn: Time,
    /// A lower bound of the times at which leases end.
    earliest_lease: Time,
    /// How many events are in progress.
    held: usize,
    /// How many leases were given. Tells apart two leases of the same millisecond.
    leases: u64,
}

/// 24 bytes. The table adds one byte per slot, and has up to 2.62 slots per entry.
struct Entry {
    key: [u64; 2],
    state: State,
}

/// How many slots a claim of a new key sweeps: two adjacent cache lines.
///
/// Each new entry pays for four slots, so expired entries never take more than a quarter of them.
const STEP: usize = 4;

impl Default for Shard {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            hand: 0,
            earliest_done: Time::NEVER,
            earliest_of_turn: Time::NEVER,
            earliest_lease: Time::NEVER,
            held: 0,
            leases: 0,
        }
    }
}

impl Shard {
    pub(super) fn claim(
        &mut self,
        key: ReplayKey,
        until: Time,
        now: Time,
        (entries, bytes): (&Bounded, &Bounded),
    ) -> Result<Claim, Full> {
        let halves = halves(key);
        let state = State::claimed(until, self.leases);
        if let Some(entry) = self.table.find_mut(halves[0], |entry| entry.key == halves) {
            match entry.state {
                known if known.is_over(now) => {
                    self.held += usize::from(known.is_done());
                    entry.state = state;
                }
                known if known.is_done() => return Ok(Claim::Done),
                _ => return Ok(Claim::InProgress),
            }
        } else {
            self.prefetch(halves[0]);
            let removed = self.sweep(now);
            if let Err(full) = self.reserve(now, entries, bytes) {
                entries.subtract(removed);
                return Err(full);
            }
            match removed {
                0 if !entries.add(1) => return Err(Full::Entries { limit: entries.limit }),
                0 => {}
                // One of the removed entries makes room for the new one.
                _ => entries.subtract(removed - 1),
            }
            self.table.insert_unique(halves[0], Entry { key: halves, state }, hash);
            self.held += 1;
        }
        self.leases = self.leases.wrapping_add(1);
        self.earliest_lease = if self.held == 1 { until } else { self.earliest_lease.min(until) };
        Ok(Claim::Fresh(Lease::new(key, state.0)))
    }

    pub(super) fn is_done(&self, key: ReplayKey, now: Time) -> bool {
        let halves = halves(key);
        let known = self.table.find(halves[0], |entry| entry.key == halves);
        known.is_some_and(|entry| entry.state.is_done() && !entry.state.is_over(now))
    }

    pub(super) fn commit(&mut self, lease: &Lease, until: Time, now: Time) -> Settlement {
        let halves = halves(lease.key);
        match self.table.find_mut(halves[0], |entry| entry.key == halves) {
            Some(entry) if entry.state.is_held_by(lease, now) => {
                entry.state = State::done(until);
                self.held -= 1;
                self.earliest_done = self.earliest_done.min(until);
                self.earliest_of_turn = self.earliest_of_turn.min(until);
                Settlement::Settled
            }
            _ => Settlement::Lapsed,
        }
    }

    pub(super) fn release(&mut self, lease: &Lease, now: Time, entries: &Bounded) -> Settlement {
        let halves = halves(lease.key);
        match self.table.find_entry(halves[0], |entry| entry.key == halves) {
            Ok(entry) if entry.get().state.is_held_by(lease, now) => {
                entry.remove();
                self.held -= 1;
                entries.subtract(1);
                Settlement::Settled
            }
            _ => Settlement::Lapsed,
        }
    }

    /// How many slots the table has.
    pub(super) fn slots(&self) -> usize {
        self.table.num_buckets()
    }

    /// Whether any entry may have expired. `false` is certain, `true` is a guess.
    pub(super) fn may_have_ended(&self, now: Time) -> bool {
        let lease = self.held > 0 && self.earliest_lease <= now;
        let done = self.held < self.table.len() && self.earliest_done <= now;
        lease || done
    }

    /// Removes all expired entries, and returns how many there were.
    pub(super) fn purge(&mut self, now: Time, entries: &Bounded) -> usize {
        let before = self.table.len();
        let (mut done, mut lease, mut held) = (Time::NEVER, Time::NEVER, 0);
        self.table.retain(|entry| {
            let (state, stays) = (entry.state, !entry.state.is_over(now));
            if stays && state.is_done() {
                done = done.min(state.until());
            } else if stays {
                (lease, held) = (lease.min(state.until()), held + 1);
            }
            stays
        });
        (self.earliest_done, self.earliest_of_turn) = (done, done);
        (self.earliest_lease, self.held) = (lease, held);
        let removed = before - self.table.len();
        entries.subtract(removed);
        removed
    }

    /// Reads memory next to the place of a new entry, so that it loads in parallel with the memory that the sweep
    /// reads: either load takes as long as the rest of the claim. The table starts its search at the place that the
    /// lower bits of the hash give. If it started elsewhere, this read would be useless but harmless.
    fn prefetch(&self, hash: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "the number of slots is a power of two")]
        let place = |offset: usize| (hash as usize).wrapping_add(offset) & self.table.num_buckets().wrapping_sub(1);
        let next = [0, 1, usize::MAX].into_iter().find_map(|offset| self.table.get_bucket(place(offset)));
        black_box(next.map(|entry| entry.key[0]));
    }

    /// Removes expired entries from the next few slots, and returns how many there were.
    fn sweep(&mut self, now: Time) -> usize {
        let mut removed = 0;
        for _ in 0..STEP.min(self.table.num_buckets()) {
            if let Some(state) = self.table.get_bucket(self.hand).map(|entry| entry.state) {
                if state.is_over(now) {
                    if let Ok(entry) = self.table.get_bucket_entry(self.hand) {
                        entry.remove();
                    }
                    self.held -= usize::from(!state.is_done());
                    removed += 1;
                } else if state.is_done() {
                    self.earliest_of_turn = self.earliest_of_turn.min(state.until());
                }
            }
            self.hand += 1;
            if self.hand >= self.table.num_buckets() {
                self.hand = 0;
                self.earliest_done = mem::replace(&mut self.earliest_of_turn, Time::NEVER);
            }
        }
        removed
    }

    /// Reserves room for one more entry in the table.
    fn reserve(&mut self, now: Time, entries: &Bounded, bytes: &Bounded) -> Result<(), Full> {
        if self.room() > 0 {
            return Ok(());
        }
        if self.may_have_ended(now) {
            self.purge(now, entries);
        }
        // With less room than this, the next few claims would come here again.
        if self.room() > self.table.num_buckets() / 16 {
            return Ok(());
        }
        self.reshape(bytes)
    }

    /// How many entries the table has room for without moving the others.
    fn room(&self) -> usize {
        self.table.capacity() - self.table.len()
    }

    /// Makes room in the table. Removed entries leave tombstones, which use up the room. If the entries themselves leave
    /// enough room, they move to slots without tombstones: a table that only ever grew would end up twice as large as
    /// it needs to be.
    fn reshape(&mut self, bytes: &Bounded) -> Result<(), Full> {
        let (len, room, slots) = (self.table.len(), self.room(), self.table.num_buckets());
        let (before, full) = (self.table.allocation_size(), slots / 8 * 7);
        let (more, is_rebuilt) = if slots >= MIN_REBUILT && len + room < full / 2 {
            (0, false)
        } else if slots >= MIN_REBUILT && len <= full / 8 * 7 {
            (before, true)
        } else {
            (before * 2 + SMALLEST_TABLE, false)
        };
        if !bytes.add(more) {
            return if room > 0 { Ok(()) } else { Err(Full::Bytes { limit: bytes.limit }) };
        }
        // The table grows, or moves its entries within its memory if they fill less than half of it.
        let reshaped = if is_rebuilt { self.rebuild() } else { self.table.try_reserve(room + 1, hash) };
        // Entries have moved, so the hand starts over.
        (self.hand, self.earliest_of_turn) = (0, Time::NEVER);
        bytes.subtract((before + more).saturating_sub(self.table.allocation_size()));
        reshaped.map_err(|_| Full::Memory)
    }

    /// Moves all entries to a new table of the same size.
    fn rebuild(&mut self) -> Result<(), TryReserveError> {
        let mut table = HashTable::new();
        table.try_reserve(self.table.num_buckets() / 8 * 7, hash)?;
        for entry in mem::take(&mut self.table) {
            table.insert_unique(hash(&entry), entry, hash);
        }
        self.table = table;
        Ok(())
    }
}

/// The smallest table that is rebuilt, in slots. Smaller ones grow, which costs next to nothing.
const MIN_REBUILT: usize = 64;

/// An upper bound for the smallest table, in bytes.
const SMALLEST_TABLE: usize = 256;

/// The key is already a hash.
fn hash(entry: &Entry) -> u64 {
    entry.key[0]
}

fn halves(key: ReplayKey) -> [u64; 2] {
    let (halves, _) = key.as_bytes().as_chunks();
    [u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])]
}

/// A point in time, in milliseconds since 1970: 43 bits, which last until 2248.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(u64);

impl Time {
    /// An end that exceeds the range: the entry never expires.
    const NEVER: Self = Self((1 << 43) - 1);

    /// The time `duration` later, rounded up.
    pub(super) fn after(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        let end = u64::try_from(millis).map_or(u64::MAX, |millis| self.0.saturating_add(millis));
        Self(end).min(Self::NEVER)
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let millis = u64::try_from(time.unix_millis()).unwrap_or(0);
        Self(millis.min(Self::NEVER.0 - 1))
    }
}

/// The state of an event: one bit that says whether it is done, 43 bits of time, and for a claim 20 more that make it
/// unique.
///
/// The state of a claim is its fence. Two claims of one key differ. The later one is made after the first has ended,
/// and so ends later; or it is made after the first lease was settled, and no copy of that lease is left. If the clock
/// stepped back in between, the count tells them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u64);

impl State {
    const DONE: u64 = 1 << 63;
    const COUNT_BITS: u32 = 20;

    fn claimed(until: Time, count: u64) -> Self {
        Self((until.0 << Self::COUNT_BITS) | (count & ((1 << Self::COUNT_BITS) - 1)))
    }

    fn done(until: Time) -> Self {
        Self(Self::DONE | (until.0 << Self::COUNT_BITS))
    }

    fn is_done(self) -> bool {
        self.0 & Self::DONE != 0
    }

    fn until(self) -> Time {
        Time((self.0 & !Self::DONE) >> Self::COUNT_BITS)
    }

    fn is_over(self, now: Time) -> bool {
        self.until() <= now
    }

    fn is_held_by(self, lease: &Lease, now: Time) -> bool {
        self.0 == lease.fence && !self.is_over(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{MINUTE, fresh},
        *,
    };

    fn at(millis: u64) -> Time {
        Time(1_767_225_600_000 + millis)
    }

    /// Keys with a gap in the table after every seven, so that the place of a removed key can be used for any other.
    fn key(number: u64) -> ReplayKey {
        ReplayKey::of_bytes(u128::from(number + number / 7).to_le_bytes())
    }

    struct Part {
        shard: Shard,
        entries: Bounded,
        bytes: Bounded,
    }

    impl Part {
        fn of(shard: Shard) -> Self {
            Self { shard, entries: Bounded::new(0, usize::MAX), bytes: Bounded::new(0, usize::MAX) }
        }

        fn claim(&mut self, number: u64, lease_for: Duration, now: Time) -> Result<Claim, Full> {
            self.shard.claim(key(number), now.after(lease_for), now, (&self.entries, &self.bytes))
        }
    }

    /// A shard whose table is full and may not grow. Two leases were given for less than a minute: one of a second, and
    /// one of half a second, which was settled before.
    fn full() -> Part {
        let mut part = Part::of(Shard::default());
        for number in 0..448 {
            let lease_for = match number {
                100 => Duration::from_secs(1),
                200 => Duration::from_millis(500),
                _ => MINUTE,
            };
            let lease = fresh(part.claim(number, lease_for, at(0)));
            if number == 200 {
                assert_eq!(part.shard.commit(&lease, at(0).after(MINUTE), at(0)), Settlement::Settled);
            }
            // The others are in the table already.
            if number == 300 {
                part.bytes.limit = part.bytes.get();
            }
        }
        part
    }

    #[test]
    fn a_table_that_may_not_grow_reuses_the_slots_of_expired_entries() {
        let mut part = full();
        let full = Full::Bytes { limit: part.bytes.limit };
        for no_more in [0, 500, 999] {
            assert_eq!(part.claim(1000, MINUTE, at(no_more)).unwrap_err(), full, "{no_more}");
        }
        drop(fresh(part.claim(1000, MINUTE, at(1000))));
        assert_eq!(part.claim(1001, MINUTE, at(1000)).unwrap_err(), full);
        assert_eq!(part.bytes.get(), part.bytes.limit);
    }

    #[test]
    fn a_full_table_grows_although_an_expired_entry_leaves_a_slot() {
        let mut part = full();
        let before = mem::replace(&mut part.bytes.limit, usize::MAX);
        drop(fresh(part.claim(1000, MINUTE, at(1000))));
        assert_eq!(part.bytes.get(), part.shard.table.allocation_size());
        assert!(part.bytes.get() > before);
    }

    #[test]
    fn leases_of_the_same_millisecond_are_told_apart() {
        // Just before and just after the count wraps.
        for leases in [0, (1 << State::COUNT_BITS) - 4, u64::MAX - 4] {
            let mut part = Part::of(Shard { leases, ..Shard::default() });
            let mut fences = Vec::new();
            for _ in 0..8 {
                let lease = fresh(part.claim(1, MINUTE, at(0)));
                assert!(!fences.contains(&lease.fence()), "{leases}");
                fences.push(lease.fence());
                assert_eq!(part.shard.release(&lease, at(59_999), &part.entries), Settlement::Settled);
            }
            drop(fresh(part.claim(1, MINUTE, at(0))));
            assert!(matches!(part.claim(1, MINUTE, at(59_999)), Ok(Claim::InProgress)), "{leases}");
            drop(fresh(part.claim(1, MINUTE, at(60_000))));
        }
    }
}

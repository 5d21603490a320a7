//! Address lists that change: the last good copy, and the rules for taking a new one.

use std::{fmt, mem, sync::Arc, time::Duration};

use super::{AddressSet, ListError, ListFormat};
use crate::timestamp::Timestamp;

/// A published list of addresses, as its last good copy.
///
/// It does no I/O: the caller fetches the list and [offers](Self::take) the content. A copy that is malformed, empty or
/// too wide is refused, and so is one that lacks most of what the list had a day or two before; the last good copy then
/// stays. So many small steps within a day do not add up to a large one, and what a bad copy added within a day can be
/// removed again.
///
/// ```
/// use std::time::Duration;
/// use countersign::{Timestamp, address::{AddressList, ListFormat, TakeError, Taken}};
///
/// let start = Timestamp::from_unix_seconds(1_767_225_600);
/// let mut list = AddressList::read(ListFormat::Lines, b"203.0.113.1\n203.0.113.5\n203.0.113.9\n", start)?;
///
/// let later = Timestamp::from_unix_seconds(1_767_229_200);
/// assert_eq!(list.take(b"203.0.113.1\n", later), Err(TakeError::Shrunk { ranges: 1, before: 3 }));
/// assert_eq!((list.set().len(), list.age(later)), (3, Duration::from_secs(3600)));
///
/// assert_eq!(list.take(b"203.0.113.1\n203.0.113.5\n203.0.113.9\n203.0.113.13\n", later), Ok(Taken::New));
/// assert_eq!((list.set().len(), list.age(later)), (4, Duration::ZERO));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AddressList {
    format: ListFormat,
    set: Arc<AddressSet>,
    as_of: Timestamp,
    may_shrink: bool,
    /// The copy that new ones are compared with: that of a day or two before, or the first one.
    baseline: Arc<AddressSet>,
    /// The next baseline, and when it was the last good copy.
    next_baseline: (Arc<AddressSet>, Timestamp),
}

/// How old a copy is when it becomes the baseline, and how long it stays that, if the list is fetched regularly: our choice.
const BASELINE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A new copy was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// It has other addresses than the last one.
    New,
    /// It lacks most of the last one, but not of the copy of a day or two before: the last one had added them since.
    Restored,
    /// It has the same addresses as the last one.
    Same,
}

/// Why a new copy of a list was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeError {
    /// It cannot be read.
    List(ListError),
    /// It lacks more than half of the ranges, or of the IPv4 or IPv6 addresses, that the list had a day or two before,
    /// or in its first copy.
    Shrunk {
        /// The number of its ranges.
        ranges: usize,
        /// The number of ranges that the list had then.
        before: usize,
    },
}

impl AddressList {
    /// A list from its first copy, just fetched.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(format: ListFormat, content: &[u8], now: Timestamp) -> Result<Self, ListError> {
        let set = format.read(content)?;
        Ok(Self::known(format, set, now))
    }

    /// A list from a known copy, as it was at `as_of`.
    pub fn known(format: ListFormat, set: AddressSet, as_of: Timestamp) -> Self {
        let set = Arc::new(set);
        let (baseline, next_baseline) = (Arc::clone(&set), (Arc::clone(&set), as_of));
        Self { format, set, as_of, may_shrink: false, baseline, next_baseline }
    }

    /// Sets whether a copy is taken that lacks most of the list.
    pub fn with_shrinking(mut self, may_shrink: bool) -> Self {
        self.may_shrink = may_shrink;
        self
    }

    /// Takes a new copy.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or lacks more than half of what the list had a day or two before, or in its first copy. The
    /// last good copy then stays, and its age grows.
    pub fn take(&mut self, content: &[u8], now: Timestamp) -> Result<Taken, TakeError> {
        self.move_baseline(now);
        let set = self.format.read(content).map_err(TakeError::List)?;
        if !self.may_shrink && set.lost_most_of(&self.baseline) {
            return Err(TakeError::Shrunk { ranges: set.len(), before: self.baseline.len() });
        }
        let taken = if set == *self.set {
            Taken::Same
        } else if set.lost_most_of(&self.set) && !self.may_shrink {
            Taken::Restored
        } else {
            Taken::New
        };
        if taken != Taken::Same {
            self.set = Arc::new(set);
        }
        self.as_of = now;
        Ok(taken)
    }

    /// Replaces the baseline once a day. The new one was the last good copy a day ago.
    fn move_baseline(&mut self, now: Timestamp) {
        let (next, since) = &mut self.next_baseline;
        if now.since(*since).is_some_and(|age| age >= BASELINE_AGE) {
            self.baseline = mem::replace(next, Arc::clone(&self.set));
            *since = now;
        }
    }

    /// The last good copy.
    pub fn set(&self) -> &AddressSet {
        &self.set
    }

    /// How long ago the last good copy was taken, or confirmed by an equal one: for a metric. Zero if the clock was set
    /// back since.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.as_of).unwrap_or_default()
    }
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(error) => error.fmt(f),
            Self::Shrunk { ranges, before } => write!(
                f,
                "the new list has {ranges} ranges, and it had {before} a day or two ago, or in its first copy: it lacks more than half of \
                 them, or of their IPv4 or IPv6 addresses"
            ),
        }
    }
}

impl std::error::Error for TakeError {}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

    fn list(lines: &str) -> AddressList {
        AddressList::read(ListFormat::Lines, lines.as_bytes(), NOW).unwrap()
    }

    fn takes(before: &str, after: &str) -> bool {
        list(before).take(after.as_bytes(), NOW).is_ok()
    }

    #[test]
    fn a_copy_may_lack_half_of_the_ranges_but_not_more() {
        let four = "203.0.113.0\n203.0.113.2\n203.0.113.4\n203.0.113.6";
        assert!(takes(four, "203.0.113.0\n203.0.113.2"));
        assert!(!takes(four, "203.0.113.0"));
        assert!(takes("203.0.113.0/24", "203.0.113.0/25"));
        assert!(!takes("203.0.113.0/24", "203.0.113.0/26"));
    }

    #[test]
    fn new_ranges_do_not_make_up_for_lost_ones() {
        assert!(!takes("203.0.113.0/24", "198.51.100.0/24"));
        assert!(!takes("203.0.113.0/24\n2001:db8::/32", "203.0.113.0/24\n2001:db9::/32"));
        assert!(takes("203.0.113.0/24", "203.0.113.0/24\n198.51.100.0/24"));
    }

    #[test]
    fn a_copy_without_one_address_family_is_refused() {
        let both = "203.0.113.0\n203.0.113.2\n203.0.113.4\n2001:db8::/32";
        assert!(!takes(both, "203.0.113.0\n203.0.113.2\n203.0.113.4"));
        assert!(!takes(both, "203.0.113.0\n2001:db8::/32"));
    }

    #[test]
    fn the_same_addresses_in_other_ranges_are_the_same_list() {
        let mut whole = list("203.0.113.0/24");
        assert_eq!(whole.take(b"203.0.113.0/25\n203.0.113.128/25", NOW), Ok(Taken::Same));
        assert!(takes("203.0.113.0/24\n203.0.112.0/24\n198.51.100.1", "203.0.112.0/23\n198.51.100.0/24"));
    }

    #[test]
    fn a_bad_copy_leaves_the_last_good_one_and_lets_it_age() {
        let mut list = list("203.0.113.0/24");
        let good = list.set().clone();
        let later = Timestamp::from_unix_seconds(NOW.unix_seconds() + 60);
        for bad in ["", "<html>", "0.0.0.0/0", "203.0.113.1"] {
            assert!(list.take(bad.as_bytes(), later).is_err(), "{bad}");
            assert_eq!((list.set(), list.age(later)), (&good, Duration::from_secs(60)));
        }
        assert_eq!(list.take(b"203.0.113.0/24", later), Ok(Taken::Same));
        assert_eq!((list.age(later), list.age(NOW)), (Duration::ZERO, Duration::ZERO));
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_unix_seconds(NOW.unix_seconds() + hours * 3600)
    }

    /// A list of so many ranges, none of which can be merged.
    fn lines(ranges: u8) -> String {
        (0..ranges).map(|range| format!("203.0.{range}.0")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_a_copy_added_within_a_day_can_be_removed_again() {
        let good = "203.0.113.0/24\n198.51.100.0/24";
        for added in ["127.0.0.0/8", "192.0.2.1\n192.0.2.3\n192.0.2.5", "2001:db8::/32"] {
            let mut list = list(good);
            assert_eq!(list.take(format!("{good}\n{added}").as_bytes(), hours(40)), Ok(Taken::New), "{added}");
            assert_eq!(list.take(good.as_bytes(), hours(41)), Ok(Taken::Restored), "{added}");
            // Also by a copy that has changed in the meantime, but not by one that lacks most of the good one.
            assert_eq!(list.take(format!("{good}\n{added}").as_bytes(), hours(42)), Ok(Taken::New), "{added}");
            assert!(list.take(b"203.0.113.0/25", hours(43)).is_err(), "{added}");
            assert_eq!(
                list.take(b"203.0.113.0/26\n198.51.101.0", hours(43)),
                Err(TakeError::Shrunk { ranges: 2, before: 2 })
            );
            assert_eq!(list.take(b"203.0.113.0/24\n198.51.100.0/25", hours(43)), Ok(Taken::Restored), "{added}");
        }
    }

    #[test]
    fn small_steps_within_a_day_do_not_add_up() {
        let mut list = list(&lines(200));
        assert_eq!(list.take(lines(100).as_bytes(), hours(1)), Ok(Taken::New));
        for ranges in [99, 50, 1] {
            let shrunk = Err(TakeError::Shrunk { ranges: ranges.into(), before: 200 });
            assert_eq!(list.take(lines(ranges).as_bytes(), hours(2)), shrunk);
        }
        assert_eq!(list.set().len(), 100);
    }

    #[test]
    fn the_list_may_halve_again_after_two_days() {
        let mut list = list(&lines(200));
        assert_eq!(list.take(lines(100).as_bytes(), hours(1)), Ok(Taken::New));
        let taken: Vec<i64> =
            (2..60).filter(|at| list.take(lines(50).as_bytes(), hours(*at)) == Ok(Taken::New)).collect();
        assert_eq!(taken, [48]);
    }

    #[test]
    fn a_copy_that_stood_for_two_days_cannot_lose_most_at_once() {
        let mut list = list(&lines(3));
        (1..60).for_each(|at| assert!(list.take(lines(100).as_bytes(), hours(at)).is_ok()));
        assert_eq!(list.take(lines(3).as_bytes(), hours(60)), Err(TakeError::Shrunk { ranges: 3, before: 100 }));
        // Nor after the list could not be fetched for long.
        let mut list = AddressList::read(ListFormat::Lines, lines(100).as_bytes(), NOW).unwrap();
        assert!(
            list.take(lines(3).as_bytes(), hours(2400)).is_err()
                && list.take(lines(3).as_bytes(), hours(4800)).is_err()
        );
    }

    #[test]
    fn shrinking_may_be_allowed() {
        let mut list = list("203.0.113.0/24").with_shrinking(true);
        assert_eq!(list.take(b"198.51.100.1", NOW), Ok(Taken::New));
        assert_eq!(list.take(b"", NOW), Err(TakeError::List(ListError::Empty)));
    }
}

//! Address lists that change: the last good copy, and the rules for taking a new one.

use std::{fmt, time::Duration};

use super::{AddressSet, ListError, ListFormat};
use crate::timestamp::Timestamp;

/// A published list of addresses, as its last good copy.
///
/// It does no I/O: the caller fetches the list and [offers](Self::take) the content. A copy that is malformed, empty or
/// too wide is refused, and so is one that lacks most of the previous one; the last good copy then stays.
///
/// ```
/// use std::time::Duration;
/// use countersign::{Timestamp, address::{AddressList, ListFormat, TakeError}};
///
/// let start = Timestamp::from_unix_seconds(1_767_225_600);
/// let mut list = AddressList::read(ListFormat::Lines, b"203.0.113.1\n203.0.113.5\n203.0.113.9\n", start)?;
///
/// let later = Timestamp::from_unix_seconds(1_767_229_200);
/// assert_eq!(list.take(b"203.0.113.1\n", later), Err(TakeError::Shrunk { ranges: 1, before: 3 }));
/// assert_eq!((list.set().len(), list.age(later)), (3, Duration::from_secs(3600)));
///
/// assert_eq!(list.take(b"203.0.113.1\n203.0.113.5\n203.0.113.9\n203.0.113.13\n", later), Ok(true));
/// assert_eq!((list.set().len(), list.age(later)), (4, Duration::ZERO));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AddressList {
    format: ListFormat,
    set: AddressSet,
    as_of: Timestamp,
    may_shrink: bool,
}

/// Why a new copy of a list was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeError {
    /// It cannot be read.
    List(ListError),
    /// It lacks more than half of the ranges, or of the IPv4 or IPv6 addresses, of the last good copy.
    Shrunk {
        /// The number of its ranges.
        ranges: usize,
        /// The number of ranges of the last good copy.
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
        Self { format, set, as_of, may_shrink: false }
    }

    /// Sets whether a copy is taken that lacks most of the previous one.
    pub fn with_shrinking(mut self, may_shrink: bool) -> Self {
        self.may_shrink = may_shrink;
        self
    }

    /// Takes a new copy; returns whether it differs from the last one.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or lacks more than half of the last good copy. The last good copy then stays, and its age
    /// grows.
    pub fn take(&mut self, content: &[u8], now: Timestamp) -> Result<bool, TakeError> {
        let set = self.format.read(content).map_err(TakeError::List)?;
        if !self.may_shrink && set.lost_most_of(&self.set) {
            return Err(TakeError::Shrunk { ranges: set.len(), before: self.set.len() });
        }
        let is_new = set != self.set;
        self.set = set;
        self.as_of = now;
        Ok(is_new)
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
                "the new list has {ranges} ranges, and the last one had {before}: it lacks more than half of them, or of their IPv4 or \
                 IPv6 addresses"
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
        assert_eq!(whole.take(b"203.0.113.0/25\n203.0.113.128/25", NOW), Ok(false));
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
        assert_eq!(list.take(b"203.0.113.0/24", later), Ok(false));
        assert_eq!((list.age(later), list.age(NOW)), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn shrinking_may_be_allowed() {
        let mut list = list("203.0.113.0/24").with_shrinking(true);
        assert_eq!(list.take(b"198.51.100.1", NOW), Ok(true));
        assert_eq!(list.take(b"", NOW), Err(TakeError::List(ListError::Empty)));
    }
}

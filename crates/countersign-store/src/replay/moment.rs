//! Times as the stores keep them.

use std::time::Duration;

use countersign::Timestamp;

/// A point in time, in whole milliseconds from 1970 to the year 2248: 43 bits, 13 decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    /// The end of what never expires. Every `now` is earlier.
    const NEVER: Self = Self((1 << 43) - 1);

    /// The moment this long after this one, rounded up.
    pub(super) fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis)).min(Self::NEVER)
    }

    /// An hour earlier. Stores remove what expired before this even if there is room for it: a clock that is
    /// temporarily ahead by less than an hour removes nothing.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn an_hour_before(self) -> Self {
        Self(self.0.saturating_sub(HOUR))
    }

    pub(super) fn millis(self) -> i64 {
        self.0
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self(time.unix_millis().clamp(0, Self::NEVER.0 - 1))
    }
}

/// In milliseconds.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
const HOUR: i64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_never_expires_is_after_the_last_now() {
        let last = Moment::from(Timestamp::from_unix_millis(i64::MAX));
        assert!(last.after(Duration::MAX) > last);
        assert_eq!(last.after(Duration::MAX), Moment::from(Timestamp::from_unix_millis(0)).after(Duration::MAX));
    }

    #[test]
    fn a_duration_is_rounded_up_to_the_millisecond() {
        let start = Moment::from(Timestamp::from_unix_millis(1000));
        assert_eq!(start.after(Duration::ZERO).millis(), 1000);
        assert_eq!(start.after(Duration::from_nanos(1)).millis(), 1001);
        assert_eq!(start.after(Duration::from_millis(7)).millis(), 1007);
    }

    #[test]
    fn times_before_1970_count_as_1970() {
        assert_eq!(Moment::from(Timestamp::from_unix_millis(i64::MIN)).millis(), 0);
    }
}

//! Points in time, and the formats in which providers write them.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::rejection::Rejection;

/// A point in time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Made from a [`SystemTime`], an [`OffsetDateTime`] or a number of seconds. Its arithmetic cannot overflow.
///
/// ```
/// use countersign::Timestamp;
///
/// assert_eq!(Timestamp::from_unix_seconds(1).to_string(), "1970-01-01T00:00:01Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    millis: i64,
}

impl Timestamp {
    /// The time `seconds` after the Unix epoch, or before it if negative; saturates at the ends of the range.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self { millis: seconds.saturating_mul(1000) }
    }

    /// The time `millis` milliseconds after the Unix epoch, or before it if negative.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.millis.div_euclid(1000)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.millis
    }

    /// How long `self` is after `earlier`; `None` if it is before it.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let millis = self.millis.saturating_sub(earlier.millis);
        u64::try_from(millis).ok().map(Duration::from_millis)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.millis) * 1_000_000;
        match OffsetDateTime::from_unix_timestamp_nanos(nanos).map(|at| at.format(&Rfc3339)) {
            Ok(Ok(text)) => f.write_str(&text),
            _ => write!(f, "{} ms since 1970", self.millis),
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            // Rounded down to the millisecond, like times after the epoch.
            Err(before) => {
                i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
            }
        };
        Self { millis }
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(time: OffsetDateTime) -> Self {
        let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
        // Every `OffsetDateTime` lies within ±9999 years (±999999 with a feature), far inside i64.
        Self { millis: i64::try_from(millis).unwrap_or(i64::MAX) }
    }
}

/// How a provider writes a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimestampFormat {
    /// Decimal seconds since 1970, no sign, no leading zero.
    Seconds,
    /// Decimal milliseconds since 1970, no sign, no leading zero.
    Milliseconds,
    /// Either of these: 10 digits are seconds, 13 are milliseconds; any other length is refused.
    SecondsOrMilliseconds,
    /// RFC 3339, with a zone.
    Rfc3339,
    /// RFC 3339 with an optional zone, UTC by default.
    Rfc3339OrUtc,
    /// The `IMF-fixdate` of RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
    HttpDate,
}

/// The longest text that any format can have; a longer one is malformed without being parsed.
pub(crate) const MAX_TEXT: usize = 40;

/// The number of digits of times from 2001 to 2286, in seconds and in milliseconds.
const SECONDS: usize = 10;
const MILLISECONDS: usize = 13;

impl TimestampFormat {
    /// Parses `text`; `None` if it is not exactly in this format.
    pub(crate) fn parse(self, text: &[u8]) -> Option<Timestamp> {
        if text.len() > MAX_TEXT {
            return None;
        }
        match self {
            Self::Seconds => digits(text).and_then(|n| n.checked_mul(1000)).map(Timestamp::from_unix_millis),
            Self::Milliseconds => digits(text).map(Timestamp::from_unix_millis),
            Self::SecondsOrMilliseconds if text.len() == SECONDS => Self::Seconds.parse(text),
            Self::SecondsOrMilliseconds if text.len() == MILLISECONDS => Self::Milliseconds.parse(text),
            Self::SecondsOrMilliseconds => None,
            Self::Rfc3339 => rfc3339(text),
            Self::Rfc3339OrUtc => rfc3339(text).or_else(|| rfc3339_without_zone(text)),
            Self::HttpDate => http_date(text),
        }
    }

    /// Writes `at` as a provider of this format would; `None` if the format has no text for it.
    pub(crate) fn print(self, at: Timestamp) -> Option<String> {
        let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.unix_millis()) * 1_000_000);
        match self {
            Self::Seconds => Some(at.unix_seconds().to_string()),
            Self::SecondsOrMilliseconds => Some(at.unix_seconds().to_string()).filter(|text| text.len() == SECONDS),
            Self::Milliseconds => Some(at.unix_millis().to_string()),
            Self::Rfc3339 => date.ok()?.format(&Rfc3339).ok(),
            Self::Rfc3339OrUtc => Some(date.ok()?.format(&Rfc3339).ok()?.strip_suffix('Z')?.to_owned()),
            Self::HttpDate => date.ok()?.format(HTTP_DATE).ok(),
        }
    }

    /// The length in bytes of every plausible timestamp of this format, if there is only one.
    ///
    /// 10 digits are the seconds from 2001 to 2286, 13 digits the same in milliseconds.
    pub(crate) fn fixed_len(self) -> Option<usize> {
        match self {
            Self::Seconds => Some(SECONDS),
            Self::Milliseconds => Some(MILLISECONDS),
            Self::HttpDate => Some("Sun, 06 Nov 1994 08:49:37 GMT".len()),
            Self::SecondsOrMilliseconds | Self::Rfc3339 | Self::Rfc3339OrUtc => None,
        }
    }

    /// Whether `byte` after a complete timestamp could belong to a longer one.
    pub(crate) fn can_grow_by(self, byte: u8) -> bool {
        match self {
            Self::Seconds | Self::Milliseconds | Self::SecondsOrMilliseconds => byte.is_ascii_digit(),
            Self::Rfc3339OrUtc => byte.is_ascii_digit() || b".Zz+-".contains(&byte),
            // Both end with their zone, and cannot continue after it.
            Self::Rfc3339 | Self::HttpDate => false,
        }
    }

    /// Whether JSON writes it as a number.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Seconds | Self::Milliseconds | Self::SecondsOrMilliseconds)
    }

    /// What the format looks like, for error messages.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Seconds => "decimal seconds since 1970",
            Self::Milliseconds => "decimal milliseconds since 1970",
            Self::SecondsOrMilliseconds => "10 digits of seconds or 13 of milliseconds since 1970",
            Self::Rfc3339 => "an RFC 3339 time with a zone",
            Self::Rfc3339OrUtc => "an RFC 3339 time",
            Self::HttpDate => "an HTTP date",
        }
    }
}

/// How far a signed timestamp may be from the verifier's clock; both limits are inclusive. Made from a [`Duration`], it
/// is the same for past and future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// How old a timestamp may be.
    pub(crate) past: Duration,
    /// How far in the future a timestamp may be.
    pub(crate) future: Duration,
}

impl Tolerance {
    /// The same tolerance for past and future.
    pub const fn symmetric(window: Duration) -> Self {
        Self { past: window, future: window }
    }

    /// A tolerance with different limits for the past and the future.
    pub const fn new(past: Duration, future: Duration) -> Self {
        Self { past, future }
    }

    /// Refuses a timestamp that is further from `now` than this tolerance.
    pub(crate) fn check(self, at: Timestamp, now: Timestamp) -> Result<(), Rejection> {
        match now.since(at) {
            Some(age) if age > self.past => Err(Rejection::TimestampTooOld { age, tolerance: self.past }),
            Some(_) => Ok(()),
            None => match at.since(now).unwrap_or(Duration::MAX) {
                ahead if ahead > self.future => Err(Rejection::TimestampInFuture { ahead, tolerance: self.future }),
                _ => Ok(()),
            },
        }
    }

    /// How old a timestamp may be.
    pub const fn past(self) -> Duration {
        self.past
    }

    /// How far in the future a timestamp may be.
    pub const fn future(self) -> Duration {
        self.future
    }
}

impl From<Duration> for Tolerance {
    fn from(window: Duration) -> Self {
        Self::symmetric(window)
    }
}

/// Refuses a time that is further ahead of `now` than `leeway`. Its age does not matter.
pub(crate) fn not_ahead(time: Timestamp, leeway: Duration, now: Timestamp) -> Result<(), Rejection> {
    match time.since(now) {
        Some(ahead) if ahead > leeway => Err(Rejection::TimestampInFuture { ahead, tolerance: leeway }),
        _ => Ok(()),
    }
}

/// Parses decimal digits strictly: no sign, no space, no leading zero except in `0` itself, no overflow.
fn digits(text: &[u8]) -> Option<i64> {
    let (&first, rest) = text.split_first()?;
    if first == b'0' && !rest.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    // Eighteen digits cannot overflow; no timestamp has more than thirteen.
    let checks_overflow = text.len() > 18;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = if checks_overflow {
            value.checked_mul(10)?.checked_add(i64::from(digit))?
        } else {
            value * 10 + i64::from(digit)
        };
    }
    Some(value)
}

fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    OffsetDateTime::parse(text, &Rfc3339).ok().map(Timestamp::from)
}

fn rfc3339_without_zone(text: &[u8]) -> Option<Timestamp> {
    if text.len() + 1 > MAX_TEXT {
        return None;
    }
    let mut zoned = [b'Z'; MAX_TEXT];
    zoned[..text.len()].copy_from_slice(text);
    rfc3339(&zoned[..=text.len()])
}

fn http_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let at = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?.assume_utc();
    // `time` does not check the weekday against the date, but printing it again does.
    (at.format(HTTP_DATE).ok()? == text).then(|| at.into())
}

/// RFC 9110 section 5.6.7, `IMF-fixdate`.
const HTTP_DATE: &[BorrowedFormatItem<'static>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(format: TimestampFormat, text: &str) -> Option<i64> {
        format.parse(text.as_bytes()).map(Timestamp::unix_millis)
    }

    #[test]
    fn numbers_are_strict_decimal_digits() {
        assert_eq!(millis(TimestampFormat::Seconds, "1767225600"), Some(1_767_225_600_000));
        assert_eq!(millis(TimestampFormat::Milliseconds, "1767225600001"), Some(1_767_225_600_001));
        assert_eq!(millis(TimestampFormat::Seconds, "0"), Some(0));
        for text in [
            "",
            " 1",
            "1 ",
            "+1",
            "-1",
            "01",
            "1.0",
            "1e9",
            "0x1",
            "NaN",
            "inf",
            "１",
            "1_000",
            "1,000",
            "1\0",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999",
        ] {
            assert_eq!(millis(TimestampFormat::Seconds, text), None, "{text}");
        }
        assert_eq!(millis(TimestampFormat::Milliseconds, "9223372036854775807"), Some(i64::MAX));
    }

    #[test]
    fn converted_times_are_rounded_down_before_and_after_1970() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (nanos, expected) in
            [(1_i64, 0), (999_999, 0), (1_000_000, 1), (-1, -1), (-1_000_000, -1), (-1_000_001, -2)]
        {
            let distance = Duration::from_nanos(nanos.unsigned_abs());
            let time = if nanos < 0 { epoch - distance } else { epoch + distance };
            assert_eq!(Timestamp::from(time).unix_millis(), expected, "{nanos}");
            assert_eq!(Timestamp::from(OffsetDateTime::from(time)).unix_millis(), expected, "{nanos}");
        }
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart_by_their_length() {
        let format = TimestampFormat::SecondsOrMilliseconds;
        assert_eq!(millis(format, "1767225600"), Some(1_767_225_600_000));
        assert_eq!(millis(format, "1767225600001"), Some(1_767_225_600_001));
        for text in ["0", "176722560", "17672256000", "176722560000", "17672256000010", "0767225600", "+767225600"] {
            assert_eq!(millis(format, text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_parsed_in_their_own_format_only() {
        let new_year = Some(1_767_225_600_000);
        assert_eq!(millis(TimestampFormat::Rfc3339, "2026-01-01T00:00:00Z"), new_year);
        assert_eq!(millis(TimestampFormat::Rfc3339, "2026-01-01T01:00:00.000+01:00"), new_year);
        assert_eq!(millis(TimestampFormat::Rfc3339, "2026-01-01T00:00:00"), None);
        assert_eq!(millis(TimestampFormat::Rfc3339OrUtc, "2026-01-01T00:00:00"), new_year);
        assert_eq!(millis(TimestampFormat::Rfc3339OrUtc, "2026-01-01T00:00:00.123456789"), Some(1_767_225_600_123));
        assert_eq!(millis(TimestampFormat::Rfc3339OrUtc, "1767225600"), None);
        assert_eq!(millis(TimestampFormat::Rfc3339OrUtc, "2026-01-01"), None);
        assert_eq!(millis(TimestampFormat::HttpDate, "Thu, 01 Jan 2026 00:00:00 GMT"), new_year);
        for text in ["Fri, 01 Jan 2026 00:00:00 GMT", "Thu, 1 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 UTC"] {
            assert_eq!(millis(TimestampFormat::HttpDate, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        use TimestampFormat::{HttpDate, Milliseconds, Rfc3339, Rfc3339OrUtc, Seconds, SecondsOrMilliseconds};
        let at = Timestamp::from_unix_seconds(1_767_225_607);
        for format in [HttpDate, Milliseconds, Rfc3339, Rfc3339OrUtc, Seconds, SecondsOrMilliseconds] {
            let text = format.print(at).unwrap();
            assert_eq!(format.parse(text.as_bytes()), Some(at), "{text}");
        }
    }

    #[test]
    fn a_time_is_displayed_in_rfc_3339_within_its_range_of_years() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_225_607_089, "2026-01-01T00:00:07.089Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9223372036854775807 ms since 1970"),
        ] {
            assert_eq!(Timestamp::from_unix_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn a_system_time_keeps_its_value_before_and_after_1970() {
        let after = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(Timestamp::from(after), Timestamp::from_unix_millis(1500));
        assert_eq!(Timestamp::from(before), Timestamp::from_unix_millis(-1500));
        assert_eq!(Timestamp::from(before).unix_seconds(), -2);
    }

    #[test]
    fn times_at_the_ends_of_the_range_neither_panic_nor_wrap() {
        let (first, last) = (Timestamp::from_unix_millis(i64::MIN), Timestamp::from_unix_millis(i64::MAX));
        assert_eq!(last.since(first), Some(Duration::from_millis(i64::MAX.unsigned_abs())));
        assert_eq!(first.since(last), None);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), last);
        assert!(!first.to_string().is_empty() && !last.to_string().is_empty());
        for format in [TimestampFormat::HttpDate, TimestampFormat::Rfc3339, TimestampFormat::Rfc3339OrUtc] {
            assert_eq!(format.print(last), None, "{format:?}");
        }
    }
}

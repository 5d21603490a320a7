//! Time mistakes: wrong clocks, delays, and times in another unit or format.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderValue};

use super::search::Search;
use crate::{
    head::look_up,
    rejection::Rejection,
    scheme::Source,
    timestamp::{Timestamp, TimestampFormat},
};

/// What is wrong with the signed time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeMistake {
    /// It is later than the receiver's clock.
    Ahead {
        /// By how much.
        by: Duration,
        /// How far ahead it may be.
        tolerance: Duration,
    },
    /// It is written in another format.
    Format {
        /// What the scheme expects.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is not the one that was signed, but a little later or earlier.
    Replaced {
        /// By how much.
        by: Duration,
        /// Whether the received one is the later one.
        later: bool,
    },
    /// It is older than the tolerance allows.
    Stale {
        /// How old it is.
        by: Duration,
        /// How old it may be.
        tolerance: Duration,
    },
    /// It is in another unit.
    Unit {
        /// What the scheme expects.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is off by exactly the difference of two time zones, which may be chance.
    Zone {
        /// By how much, without the seconds of the delivery itself.
        by: Duration,
        /// Whether the signed time is the later one.
        ahead: bool,
    },
}

impl TimeMistake {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Ahead { .. } => "timestamp_in_future",
            Self::Format { .. } => "timestamp_format",
            Self::Replaced { .. } => "timestamp_replaced",
            Self::Stale { .. } => "timestamp_too_old",
            Self::Unit { .. } => "timestamp_unit",
            Self::Zone { .. } => "time_zone",
        }
    }
}

impl fmt::Display for TimeMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead { by, tolerance } => write!(
                f,
                "the signed time is {} ahead of the receiver's clock, and the tolerance is {}: one of the two clocks is wrong, \
                 most likely the receiver's; synchronise it (NTP)",
                words(*by),
                words(*tolerance)
            ),
            Self::Format { expected, found } => {
                write!(
                    f,
                    "the timestamp is {found}, the scheme expects {expected}: correct `[timestamp]` of the scheme"
                )
            }
            Self::Replaced { by, later } => write!(
                f,
                "the timestamp is not the one that was signed, but {} {}: find what rewrites it on the way",
                words(*by),
                if *later { "later" } else { "earlier" }
            ),
            Self::Stale { by, tolerance } => write!(
                f,
                "the signed time is {} old, and the tolerance is {}: the delivery was held up, is an old one sent again, or \
                 the receiver's clock is ahead; verify deliveries when they arrive, not in a later job, and synchronise \
                 the clock",
                words(*by),
                words(*tolerance)
            ),
            Self::Unit { expected, found } => write!(
                f,
                "the timestamp is in {found}, the scheme expects {expected}: correct `[timestamp]` of the scheme, or use \
                 the provider's other scheme"
            ),
            Self::Zone { by, ahead } => write!(
                f,
                "the signed time is {} {}, which may be chance, or the difference of two time zones: check whether one side \
                 writes or reads local time as UTC",
                words(*by),
                if *ahead { "ahead of the clock" } else { "behind the clock" }
            ),
        }
    }
}

/// The headers with a time a little earlier or later than the received one, the nearest first.
pub(super) fn replaced(search: &Search<'_>) -> impl Iterator<Item = (HeaderMap, TimeMistake)> {
    let rule = search.scheme.timestamp.as_ref();
    let header = rule.and_then(|rule| match rule.source.as_ref()? {
        // There are too many milliseconds to try.
        Source::Header(names) if rule.format != TimestampFormat::Milliseconds => {
            let name = names.iter().find(|name| search.head.headers.contains_key(*name))?;
            Some((rule.format, name, rule.format.parse(search.head.headers.get(name)?.as_bytes())?))
        }
        _ => None,
    });
    header.into_iter().flat_map(move |(format, name, came)| {
        let offsets = (1..=MAX_REPLACED).flat_map(|seconds| [(seconds, true), (seconds, false)]);
        offsets.filter_map(move |(seconds, later)| {
            let offset = if later { -seconds } else { seconds };
            let signed = Timestamp::from_unix_seconds(came.unix_seconds().checked_add(offset)?);
            let mut headers = search.head.headers.clone();
            headers.insert(name, HeaderValue::from_str(&format.print(signed)?).ok()?);
            let by = Duration::from_secs(seconds.unsigned_abs());
            Some((headers, TimeMistake::Replaced { by, later }))
        })
    })
}

fn words(duration: Duration) -> impl fmt::Display {
    // Fractions of a second do not matter for clocks. Rounded up, since what exceeds a limit must not look equal to it.
    let up = u64::from(duration.subsec_nanos() > 0);
    let whole =
        if duration.as_secs() > 0 { Duration::from_secs(duration.as_secs().saturating_add(up)) } else { duration };
    humantime::format_duration(whole)
}

/// The mistake in a time that the signature proves, if there is one.
pub(super) fn of_signed_time(search: &Search<'_>, at: Timestamp) -> Option<TimeMistake> {
    let rule = search.setup.scheme.timestamp.as_ref()?;
    let tolerance = search.setup.tolerance.unwrap_or(rule.tolerance);
    let rejection = tolerance.check(at, search.now).err()?;
    unit(rule.format, at, search.now).or_else(|| of_rejection(&rejection))
}

/// The mistake that a refusal because of the time states.
pub(super) fn of_rejection(rejection: &Rejection) -> Option<TimeMistake> {
    match rejection {
        Rejection::TimestampInFuture { ahead, tolerance } => {
            Some(TimeMistake::Ahead { by: *ahead, tolerance: *tolerance })
        }
        Rejection::TimestampTooOld { age, tolerance } => Some(TimeMistake::Stale { by: *age, tolerance: *tolerance }),
        _ => None,
    }
}

/// The difference of time zones that may explain a wrong time. A retry or a queue after an hour looks the same.
pub(super) fn zone_of(mistake: &TimeMistake) -> Option<TimeMistake> {
    match mistake {
        TimeMistake::Ahead { by, .. } => Some(TimeMistake::Zone { by: zone(*by)?, ahead: true }),
        TimeMistake::Stale { by, .. } => Some(TimeMistake::Zone { by: zone(*by)?, ahead: false }),
        _ => None,
    }
}

/// The mistake in the text of a timestamp that the scheme cannot read, or that is in the wrong unit beyond doubt.
pub(super) fn indicated(search: &Search<'_>, rejection: &Rejection) -> Option<super::Mistake> {
    let rule = search.setup.scheme.timestamp.as_ref()?;
    let malformed = matches!(rejection, Rejection::MalformedTimestamp { .. } | Rejection::AmbiguousContent { .. });
    let stale = matches!(rejection, Rejection::TimestampTooOld { .. } | Rejection::TimestampInFuture { .. });
    let text = rule.source.as_ref().and_then(|source| look_up(source, search.head, Some(search.body)).ok()?)?;
    let expected = rule.format.describe();
    let mistake = match rule.format.parse(&text) {
        Some(at) if malformed || stale => unit(rule.format, at, search.now)?,
        None if malformed => TimeMistake::Format { expected, found: format_of(&text)? },
        _ => return None,
    };
    Some(super::Mistake::Time(mistake))
}

/// Another unit, if the time is absurd in the scheme's unit and recent in the other.
fn unit(format: TimestampFormat, at: Timestamp, now: Timestamp) -> Option<TimeMistake> {
    let (other, found) = match format {
        TimestampFormat::Seconds => (at.unix_seconds(), "milliseconds"),
        TimestampFormat::Milliseconds => (at.unix_millis().checked_mul(1000)?, "seconds"),
        _ => return None,
    };
    let expected = if found == "seconds" { "milliseconds" } else { "seconds" };
    let distance = |millis: i64| now.unix_millis().abs_diff(millis);
    let is_absurd = distance(at.unix_millis()) > YEAR * 20;
    (is_absurd && distance(other) < YEAR * 5).then_some(TimeMistake::Unit { expected, found })
}

/// The format of a text that is not in the scheme's format.
fn format_of(text: &[u8]) -> Option<&'static str> {
    if text.len() >= MILLISECONDS && TimestampFormat::Milliseconds.parse(text).is_some() {
        return Some(TimestampFormat::Milliseconds.describe());
    }
    if let Some(format) = FORMATS.into_iter().find(|format| format.parse(text).is_some()) {
        return Some(format.describe());
    }
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let mut halves = text.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (halves.next()?, halves.next()?);
    (is_number(whole) && is_number(fraction)).then_some("seconds with a fraction")
}

/// A number with at least this many digits is in milliseconds: as seconds, it would be after the year 5000.
const MILLISECONDS: usize = 12;

const FORMATS: [TimestampFormat; 4] =
    [TimestampFormat::Seconds, TimestampFormat::Rfc3339, TimestampFormat::Rfc3339OrUtc, TimestampFormat::HttpDate];

/// The difference of two time zones, if a duration is that plus the short time of a delivery.
fn zone(off: Duration) -> Option<Duration> {
    // Zones differ by multiples of a quarter of an hour; only whole and half hours are common enough to report.
    let halves = (off.as_secs() + DELIVERY.as_secs()) / HALF_HOUR;
    let nearest = Duration::from_secs(halves * HALF_HOUR);
    let is_near = off.abs_diff(nearest) <= DELIVERY;
    (is_near && halves >= 2 && nearest <= WIDEST).then_some(nearest)
}

/// The longest time of a delivery, and the difference of correct clocks.
const DELIVERY: Duration = Duration::from_secs(30);
const HALF_HOUR: u64 = 30 * 60;
/// From UTC+14 to UTC-12.
const WIDEST: Duration = Duration::from_secs(26 * 60 * 60);
/// The largest difference at which a rewritten time is searched, in seconds: a common tolerance.
const MAX_REPLACED: i64 = 300;
const YEAR: u64 = 365 * 24 * 60 * 60 * 1000;

//! Times and durations as they are written on the command line, in configuration and in the log.

use std::{
    num::NonZero,
    time::{Duration, SystemTime},
};

use countersign::{Scheme, Timestamp, Tolerance};
use time::{
    OffsetDateTime,
    format_description::well_known::{
        Iso8601, Rfc3339,
        iso8601::{Config, EncodedConfig, TimePrecision},
    },
};

/// Now, by the system's clock.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The current time for a line of the log.
pub(crate) fn stamp() -> String {
    stamp_of(now())
}

/// With exactly three digits behind the second, so that the texts sort as the times do.
fn stamp_of(at: Timestamp) -> String {
    let nanos = i128::from(at.unix_millis()) * 1_000_000;
    let text = OffsetDateTime::from_unix_timestamp_nanos(nanos).map(|at| at.format(&Iso8601::<MILLISECONDS>));
    match text {
        Ok(Ok(text)) => text,
        _ => at.to_string(),
    }
}

const MILLISECONDS: EncodedConfig =
    Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: NonZero::new(3) }).encode();

/// A time that is a minute too old for this scheme.
pub(crate) fn stale(scheme: &Scheme) -> Timestamp {
    let age = scheme.tolerance().map_or(Duration::ZERO, Tolerance::past) + Duration::from_secs(60);
    let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(now().unix_millis().saturating_sub(millis))
}

/// Reads an RFC 3339 date and time with its offset, or seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Timestamp::from_unix_seconds(seconds));
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .map(Timestamp::from)
        .map_err(|_| "expected a time such as `2026-01-31T12:00:00Z`, or seconds since 1970".to_owned())
}

/// Reads a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    // The parser's own messages are about its internals.
    humantime::parse_duration(text).map_err(|_| "expected a duration such as `5m`".to_owned())
}

#[cfg(test)]
mod tests {
    use countersign::Timestamp;

    use super::{parse, stamp_of};

    #[test]
    fn both_ways_to_write_a_moment_mean_the_same() {
        assert_eq!(parse("2026-01-01T01:00:00+01:00"), parse("1767225600"));
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn times_in_the_log_are_of_one_length() {
        for (millis, text) in [
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (1_767_225_600_760, "2026-01-01T00:00:00.760Z"),
            (1_767_225_600_737, "2026-01-01T00:00:00.737Z"),
            (1_767_225_600_999, "2026-01-01T00:00:00.999Z"),
        ] {
            assert_eq!(stamp_of(Timestamp::from_unix_millis(millis)), text);
        }
    }
}

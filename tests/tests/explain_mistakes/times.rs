//! Time mistakes: another format, unit or time zone, and rewritten times.

use std::time::Duration;

use countersign::{Certainty, Mistake, Scheme, TimeMistake, Timestamp};

use crate::{NOW, explain, indicated, logged, mistakes, now, order, proven, setup, sign, timed, with_another_secret};

const SECONDS: &str = "decimal seconds since 1970";

const MILLISECONDS: &str = "decimal milliseconds since 1970";

#[test]
fn another_format_of_the_time_is_found() {
    for (scheme, sent, mistake) in [
        ("seconds", "rfc3339", TimeMistake::Format { expected: SECONDS, found: "an RFC 3339 time with a zone" }),
        ("rfc3339", "seconds", TimeMistake::Format { expected: "an RFC 3339 time with a zone", found: SECONDS }),
        ("seconds", "milliseconds", TimeMistake::Unit { expected: SECONDS, found: MILLISECONDS }),
    ] {
        // Without text after the time, its length is fixed.
        let signs = "{timestamp}{body}";
        let request = sign(&timed(sent, signs), order("{}"), now());
        assert_eq!(proven(&setup(&timed(scheme, signs)), &request), [Mistake::Time(mistake)], "{scheme} {sent}");
    }
}

/// A time of 1990, a little more than 20 years of 365 days after 1970.
const EARLY: Timestamp = Timestamp::from_unix_millis(631_351_351_000);

#[test]
fn the_unit_is_wrong_if_the_time_is_absurd_in_it_and_recent_in_the_other() {
    let year = 365 * 24 * 60 * 60 * 1000;
    let unit = |expected, found| Some(TimeMistake::Unit { expected, found });
    let to_seconds = unit("seconds", "milliseconds");
    let to_milliseconds = unit("milliseconds", "seconds");
    let millis = Timestamp::from_unix_millis;
    let seconds = Timestamp::from_unix_seconds;
    for (format, sent, now, mistake) in [
        ("seconds", seconds(NOW * 1000), now(), &to_seconds),
        ("seconds", seconds(NOW * 1000 + 5 * year - 1), now(), &to_seconds),
        ("seconds", seconds(NOW * 1000 + 5 * year), now(), &None),
        ("seconds", seconds(5), now(), &None),
        ("milliseconds", millis(NOW), now(), &to_milliseconds),
        ("milliseconds", millis(631_351_000), EARLY, &None),
        ("milliseconds", millis(630_999), EARLY, &None),
        ("milliseconds", millis(631_350_999), EARLY, &to_milliseconds),
    ] {
        let scheme = timed(format, "{timestamp}.{body}");
        let request = sign(&scheme, order("{}"), sent);
        let found = mistakes(&explain(&setup(&scheme), &request, now), Certainty::Proven);
        let [Mistake::Time(found)] = &found[..] else { panic!("{format} {sent}: {found:?}") };
        let found = Some(found.clone()).filter(|found| matches!(found, TimeMistake::Unit { .. }));
        assert_eq!(found, *mistake, "{format} {sent}");
    }
}

/// With another secret, so that nothing is proven and only the text of the time counts.
#[test]
fn the_format_of_a_time_is_found_from_its_text() {
    let format = |expected, found| vec![Mistake::Time(TimeMistake::Format { expected, found })];
    let with_time = |scheme: &Scheme, text: &str| {
        let mut request = sign(scheme, order("{}"), now());
        request.headers_mut().insert("acme-time", text.parse().unwrap());
        request
    };
    let rfc3339 = "an RFC 3339 time with a zone";
    for (own, text, found) in [
        ("rfc3339", "1767225600", format(rfc3339, SECONDS)),
        ("rfc3339", "1767225600000", format(rfc3339, MILLISECONDS)),
        ("rfc3339", "Thu, 01 Jan 2026 00:00:00 GMT", format(rfc3339, "an HTTP date")),
        ("rfc3339", "2026-01-01T00:00:00", format(rfc3339, "an RFC 3339 time")),
        ("seconds", "2026-01-01T00:00:00Z", format(SECONDS, rfc3339)),
        ("seconds", "1767225600.123", format(SECONDS, "seconds with a fraction")),
        ("seconds", "1767225600.", vec![]),
        ("seconds", ".123", vec![]),
        ("seconds", "now.123", vec![]),
        ("seconds", "1767225600.now", vec![]),
        ("seconds", "1767225600:123", vec![]),
    ] {
        let scheme = timed(own, "{timestamp}.{body}");
        let mut told = indicated(&with_another_secret(&scheme), &with_time(&scheme, text));
        told.retain(|mistake| matches!(mistake, Mistake::Time(_)));
        assert_eq!(told, found, "{own} {text}");
    }

    // A number of milliseconds can be read as seconds: as too late a time, and as one of too many digits.
    let unit = Mistake::Time(TimeMistake::Unit { expected: "seconds", found: "milliseconds" });
    for signs in ["{timestamp}.{body}", "{timestamp}{body}"] {
        let scheme = timed("seconds", signs);
        let request = with_time(&scheme, "1767225600000");
        assert!(indicated(&with_another_secret(&scheme), &request).contains(&unit), "{signs}");
        // If the refusal is not about the time, no time mistake is reported.
        let any = with_another_secret(&scheme).tolerance(Duration::MAX);
        let told = indicated(&any, &request);
        assert_eq!(told.contains(&unit), signs == "{timestamp}{body}", "{told:?}");
    }
    for text in ["1767225600000", "2026-01-01T00:00:00Z"] {
        let scheme = timed("seconds", "{timestamp}.{body}");
        let mut unsigned = with_time(&scheme, text);
        unsigned.headers_mut().remove("acme-signature");
        let told = indicated(&setup(&scheme), &unsigned);
        assert!(matches!(told[..], [Mistake::Stated { code: "missing_signature", .. }]), "{text}: {told:?}");
    }
}

#[test]
fn a_rewritten_time_is_found_in_both_directions() {
    let seconds = timed("seconds", "{timestamp}.{body}");
    let replaced = |by, later| vec![Mistake::Time(TimeMistake::Replaced { by: Duration::from_secs(by), later })];
    for (scheme, signed, came, body, found) in [
        (&seconds, NOW, NOW + 2, 2, replaced(2, true)),
        (&seconds, NOW, NOW - 3, 2, replaced(3, false)),
        (&seconds, NOW, NOW - 1, 16 << 10, replaced(1, false)),
        // Other times are not tried with a longer body.
        (&seconds, NOW, NOW - 1, (16 << 10) + 1, vec![]),
    ] {
        let mut request = sign(scheme, order(vec![b'x'; body]), Timestamp::from_unix_seconds(signed));
        request.headers_mut().insert("acme-time", came.to_string().parse().unwrap());
        assert_eq!(proven(&setup(scheme), &request), found, "{came} {body}");
    }
    // There are too many milliseconds to try.
    let millis = timed("milliseconds", "{timestamp}.{body}");
    let mut request = sign(&millis, order("{}"), now());
    request.headers_mut().insert("acme-time", ((NOW - 1) * 1000).to_string().parse().unwrap());
    assert_eq!(proven(&setup(&millis), &request), []);
}

#[test]
fn the_durations_of_a_log_line_are_read_to_the_millisecond() {
    let tolerance = Duration::from_secs(300);
    for (text, millis) in [("412s", 412_000), ("500ms", 500), ("1.5s", 1500), ("1.234s", 1234)] {
        let by = Duration::from_millis(millis);
        let old = format!("the timestamp is {text} old; the tolerance is 300s");
        assert_eq!(logged("timestamp_too_old", &old), [Mistake::Time(TimeMistake::Stale { by, tolerance })]);
        let ahead = format!("the timestamp is {text} in the future; the tolerance is 300s");
        assert_eq!(logged("timestamp_in_future", &ahead), [Mistake::Time(TimeMistake::Ahead { by, tolerance })]);
    }
    for text in [".5s", "+5s", "1.+5s", "1.2345s", "5m", "s", "0ns"] {
        let told = logged("timestamp_too_old", &format!("the timestamp is {text} old; the tolerance is 300s"));
        assert!(matches!(told[..], [Mistake::Stated { .. }]), "{text}: {told:?}");
    }
}

#[test]
fn only_multiples_of_half_an_hour_indicate_a_time_zone() {
    let hour = Duration::from_secs(3600);
    let zones = |code, text: &str| -> Vec<_> {
        let told = logged(code, &format!("the timestamp is {text}; the tolerance is 300s"));
        told.into_iter().skip(1).collect()
    };
    let zone = |by, ahead| [Mistake::Time(TimeMistake::Zone { by, ahead })];
    assert_eq!(zones("timestamp_in_future", "7197s in the future"), zone(2 * hour, true));
    assert_eq!(zones("timestamp_too_old", "3603.25s old"), zone(hour, false));
    for text in ["5000s old", "1803s old", "97203s old"] {
        assert_eq!(zones("timestamp_too_old", text), [], "{text}");
    }
}

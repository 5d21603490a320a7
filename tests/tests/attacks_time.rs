//! Attacks on the signed time.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use countersign::{Problem, Rejection, Scheme, Signer, Timestamp, Verifier};
use countersign_tests::{
    app::everywhere,
    endpoint::{Endpoint, NOW},
    verdict::each_way,
};
use http::{HeaderName, HeaderValue, Request};

static TIMED: LazyLock<Vec<Endpoint>> =
    LazyLock::new(|| Endpoint::all().into_iter().filter(|endpoint| endpoint.scheme.tolerance().is_some()).collect());

fn later(duration: Duration, more_millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(NOW.unix_millis() + i64::try_from(duration.as_millis()).unwrap() + more_millis)
}

fn earlier(duration: Duration, more_millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(NOW.unix_millis() - i64::try_from(duration.as_millis()).unwrap() - more_millis)
}

/// The sample with its time replaced; `None` if the time is in the body.
fn with_time(endpoint: &Endpoint, time: &str) -> Option<Request<Bytes>> {
    let mut request = endpoint.sample();
    let printed =
        ["1767225600000", "1767225600", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "Thu, 01 Jan 2026 00:00:00 GMT"];
    for (name, value) in endpoint.sample().headers() {
        let text = value.to_str().unwrap();
        if let Some(now) = printed.into_iter().find(|now| text.contains(now)) {
            let value = HeaderValue::from_bytes(text.replacen(now, time, 1).as_bytes()).ok()?;
            request.headers_mut().insert(name, value);
            return Some(request);
        }
    }
    None
}

#[test]
fn c1_both_ends_of_the_window_are_exact() {
    for endpoint in TIMED.iter() {
        let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
        let tolerance = endpoint.scheme.tolerance().unwrap();
        let code = |now| each_way(&verifier, &signed, now, &[]).map_err(|rejection| rejection.code()).map(drop);
        assert_eq!(code(later(tolerance.past(), 0)), Ok(()), "{}", endpoint.id());
        assert_eq!(code(later(tolerance.past(), 1)), Err("timestamp_too_old"), "{}", endpoint.id());
        assert_eq!(code(earlier(tolerance.future(), 0)), Ok(()), "{}", endpoint.id());
        assert_eq!(code(earlier(tolerance.future(), 1)), Err("timestamp_in_future"), "{}", endpoint.id());
        let ten_years = Duration::from_secs(10 * 365 * 86_400);
        assert_eq!(code(earlier(ten_years, 0)), Err("timestamp_in_future"), "{}", endpoint.id());
        assert_eq!(code(later(ten_years, 0)), Err("timestamp_too_old"), "{}", endpoint.id());
    }
}

#[test]
fn c1_a_configured_tolerance_is_exact_too() {
    for endpoint in TIMED.iter() {
        let verifier = endpoint.builder().secret(endpoint.secret).tolerance(Duration::from_secs(7)).build().unwrap();
        let signed = endpoint.sample();
        let seven = Duration::from_secs(7);
        for (now, accepted) in
            [(later(seven, 0), true), (later(seven, 1), false), (earlier(seven, 0), true), (earlier(seven, 1), false)]
        {
            assert_eq!(everywhere(&verifier, &signed, now).is_ok(), accepted, "{} at {now}", endpoint.id());
        }
    }
}

#[test]
fn c2_numbers_at_the_ends_of_every_range_are_refused_without_a_panic() {
    let numbers = [
        i64::MIN.to_string(),
        i64::MAX.to_string(),
        u64::MAX.to_string(),
        (1_u64 << 53).to_string(),
        (i64::MAX / 1000).to_string(),
        (i64::MAX / 1000 + 1).to_string(),
        (i64::MIN / 1000).to_string(),
        "9".repeat(20),
        "9".repeat(39),
        "9".repeat(40),
        "9".repeat(41),
        "9".repeat(5000),
        "0".to_owned(),
        "1".to_owned(),
        u128::MAX.to_string(),
        "9999-12-31T23:59:59Z".to_owned(),
        "0000-01-01T00:00:00Z".to_owned(),
        "9999-12-31T23:59:60Z".to_owned(),
        "Fri, 31 Dec 9999 23:59:59 GMT".to_owned(),
    ];
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX].map(Timestamp::from_unix_millis);
    for endpoint in TIMED.iter() {
        for number in &numbers {
            let Some(request) = with_time(endpoint, number) else { continue };
            assert!(everywhere(&endpoint.verifier(), &request, NOW).is_err(), "{}: {number}", endpoint.id());
            for now in ends {
                assert!(
                    everywhere(&endpoint.verifier(), &request, now).is_err(),
                    "{}: {number} at {now}",
                    endpoint.id()
                );
            }
        }
    }
}

#[test]
fn c2_deliveries_signed_at_the_ends_of_time_are_judged_without_a_panic() {
    let ends = [i64::MIN, i64::MIN / 2, -1, 0, 1, i64::MAX / 2, i64::MAX].map(Timestamp::from_unix_millis);
    for endpoint in TIMED.iter() {
        let signer = endpoint.signer_of(endpoint.secret).unwrap();
        for sent in ends {
            let Ok(signed) = signer.sign(endpoint.request(endpoint.sample_body()), sent) else { continue };
            for now in ends.into_iter().chain([NOW]) {
                let Ok(accepted) = everywhere(&endpoint.verifier(), &signed, now) else { continue };
                let told = accepted.timestamp.unwrap();
                let apart = told.unix_millis().abs_diff(now.unix_millis());
                assert!(apart <= 600_000, "{}: {told} at {now}", endpoint.id());
            }
        }
    }
}

#[test]
fn c3_a_timestamp_has_one_grammar() {
    for endpoint in TIMED.iter() {
        let hostile: &[&str] = match endpoint.reading.time_format().unwrap() {
            "seconds" | "milliseconds" | "seconds-or-milliseconds" => &[
                "+1767225600",
                "-1767225600",
                " ",
                "",
                "1767225600junk",
                "junk",
                "01767225600",
                "001767225600",
                "1767225600.0",
                "1767225600.",
                "1.7672256e9",
                "1767225600e0",
                "0x69559500",
                "1_767_225_600",
                "NaN",
                "inf",
                "null",
                "true",
                "\u{661}\u{667}",
                "1767225600\u{660}",
                "1767 225600",
                "1767225600\t0",
                "t",
                "--1",
                "१",
            ],
            "http-date" => &[
                "Thu, 01 Jan 2026 00:00:00",
                "Thu, 01 Jan 2026 00:00:00 UTC",
                "Fri, 01 Jan 2026 00:00:00 GMT",
                "Thu, 1 Jan 2026 00:00:00 GMT",
                "thu, 01 jan 2026 00:00:00 gmt",
                "Thu, 01-Jan-26 00:00:00 GMT",
                "Thu Jan  1 00:00:00 2026",
                "Thu, 32 Jan 2026 00:00:00 GMT",
                "Thu, 01 Jan 2026 24:00:00 GMT",
                "1767225600",
                "",
                "Thu, 01 Jan 2026 00:00:00 GMT junk",
                "2026-01-01T00:00:00Z",
                "Thu,  01 Jan 2026 00:00:00 GMT",
            ],
            _ => &[
                "2026-01-01",
                "2026-01-01T00:00",
                "2026-13-01T00:00:00Z",
                "2026-02-30T00:00:00Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:00:00Zjunk",
                "2026-01-01T00:00:00+25:00",
                "2026-01-01T00:00:00.Z",
                "26-01-01T00:00:00Z",
                "+002026-01-01T00:00:00Z",
                "1767225600",
                "",
                "2026-001T00:00:00Z",
                "20260101T000000Z",
                "2026-01-01T00:00:00 Z",
                "2026-01-01T00:00:00,5Z",
            ],
        };
        for text in hostile {
            let Some(request) = with_time(endpoint, text) else { continue };
            let code = everywhere(&endpoint.verifier(), &request, NOW).unwrap_err().code();
            // If a space separates items, the text after it is another item, and the time before it is long ago.
            let cut = text.contains(' ') && endpoint.toml.contains("separator = \", \"") && code == "timestamp_too_old";
            assert!(
                cut || ["malformed_timestamp", "malformed_signature"].contains(&code),
                "{}: `{text}` is {code}",
                endpoint.id()
            );
        }
    }
}

#[test]
fn c3_a_time_in_the_body_has_the_same_grammar() {
    let linear = Endpoint::find("linear");
    let plain = Endpoint::find("github");
    for value in [
        "\"1767225600000\"",
        "1767225600000.0",
        "1.7672256e12",
        "-1767225600000",
        "true",
        "null",
        "[1767225600000]",
        "{\"a\":1767225600000}",
        "99999999999999999999",
        "1767225600000.5",
        "\"\"",
    ] {
        let body = format!("{{\"webhookTimestamp\":{value}}}");
        let tag = plain.sign(plain.request(body.clone()), NOW).headers()["x-hub-signature-256"]
            .to_str()
            .unwrap()
            .replace("sha256=", "");
        let mut request = linear.request(body);
        request.headers_mut().insert("linear-signature", tag.parse().unwrap());
        assert_eq!(everywhere(&linear.verifier(), &request, NOW).unwrap_err().code(), "malformed_timestamp", "{value}");
    }
}

#[test]
fn c3_a_time_of_another_json_type_is_told_from_one_that_is_missing() {
    let signature = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    let signer = Signer::new(Scheme::from_toml("t", signature).unwrap(), "a-long-random-secret").unwrap();
    for (format, right, other) in [
        ("\"seconds\"", "1767225600", ["\"1767225600\"", "1767225600.0", "true", "[1767225600]", "{}"]),
        ("\"seconds\"\nstring = true", "\"1767225600\"", ["1767225600", "1767225600.0", "true", "[]", "{}"]),
        ("\"rfc3339\"", "\"2026-01-01T00:00:00Z\"", ["1767225600", "1.5", "false", "[\"2026-01-01T00:00:00Z\"]", "{}"]),
    ] {
        let file = format!("{signature}[timestamp]\njson = \"/t\"\nformat = {format}\ntolerance = \"5m\"\n");
        let verifier = Verifier::new(Scheme::from_toml("t", &file).unwrap(), "a-long-random-secret").unwrap();
        let problem = |body: &str| {
            let request = Request::post("/").body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
            match each_way(&verifier, &signer.sign(request, NOW).unwrap(), NOW, &[]) {
                Ok(_) => None,
                Err(Rejection::MalformedTimestamp { problem, .. }) => Some(problem),
                Err(rejection) => panic!("{body}: {rejection}"),
            }
        };
        assert_eq!(problem(&format!("{{\"t\":{right}}}")), None, "{format}");
        for body in ["{}", "{\"t\":null}", "[]", "1"] {
            assert_eq!(problem(body), Some(Problem::Missing), "{format}: {body}");
        }
        for value in other {
            assert_eq!(problem(&format!("{{\"t\":{value}}}")), Some(Problem::Type), "{format}: {value}");
        }
    }
}

#[test]
fn c3_two_timestamps_in_one_list_are_refused() {
    for (id, header, twice) in [
        ("stripe", "stripe-signature", "t=1767225600,t=1767225601,"),
        ("stripe", "stripe-signature", "t=1,t=1767225600,"),
        ("paddle", "paddle-signature", "ts=1767225600;ts=1;"),
        ("workos", "workos-signature", "t=1767225600000, t=1, "),
    ] {
        let endpoint = Endpoint::find(id);
        let mut request = endpoint.sample();
        let text = request.headers()[header].to_str().unwrap().to_owned();
        let tags = &text[text.find(['v', 'h']).unwrap()..];
        request.headers_mut().insert(header, format!("{twice}{tags}").parse().unwrap());
        assert_eq!(
            everywhere(&endpoint.verifier(), &request, NOW).unwrap_err().code(),
            "malformed_signature",
            "{id}: {twice}"
        );
    }
}

#[test]
fn c4_seconds_and_milliseconds_are_not_mistaken_for_each_other() {
    for endpoint in TIMED.iter() {
        let (text, code) = match endpoint.reading.time_format().unwrap() {
            "seconds" => ("1767225600000", "timestamp_in_future"),
            "milliseconds" => ("1767225600", "timestamp_too_old"),
            _ => continue,
        };
        let Some(request) = with_time(endpoint, text) else { continue };
        assert_eq!(everywhere(&endpoint.verifier(), &request, NOW).unwrap_err().code(), code, "{}", endpoint.id());
    }
}

#[test]
fn c5_a_scheme_without_a_signed_time_says_so() {
    let endpoints = Endpoint::catalogue();
    let timeless = endpoints.iter().filter(|endpoint| endpoint.scheme.tolerance().is_none());
    let mut count = 0;
    for endpoint in timeless {
        let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
        assert_eq!(verifier.tolerance(), None);
        let accepted = everywhere(&verifier, &signed, Timestamp::from_unix_seconds(4_000_000_000)).unwrap();
        assert_eq!(accepted.timestamp, None, "{}", endpoint.id());
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn c5_a_timestamp_that_is_not_signed_is_no_timestamp() {
    for (table, fragment) in [
        (
            "[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n",
            "does not cover this timestamp",
        ),
        ("[timestamp]\nquery = \"ts\"\nformat = \"seconds\"\ntolerance = \"5m\"\n", "does not cover this timestamp"),
    ] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{{body}}\"\n{table}"
        );
        assert!(Scheme::from_toml("t", &file).unwrap_err().message().contains(fragment));
    }
}

#[test]
fn c6_a_clock_that_steps_back_has_no_lasting_effect() {
    for endpoint in TIMED.iter() {
        let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
        assert!(everywhere(&verifier, &signed, NOW).is_ok());
        let back = earlier(Duration::from_secs(10 * 86_400), 0);
        assert_eq!(
            everywhere(&verifier, &signed, back).unwrap_err().code(),
            "timestamp_in_future",
            "{}",
            endpoint.id()
        );
        assert!(everywhere(&verifier, &signed, NOW).is_ok(), "{}", endpoint.id());
    }
}

#[test]
fn c6_a_clock_between_two_milliseconds_needs_no_special_case() {
    let scheme = Scheme::from_toml("t", "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{timestamp}.{body}\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"rfc3339\"\ntolerance = \"1s\"\n").unwrap();
    let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    for millis in [0, 1, 10, 100, 999] {
        let sent = Timestamp::from_unix_millis(1_767_225_600_000 + millis);
        let signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), sent).unwrap();
        let time = signed.headers()[HeaderName::from_static("x-time")].clone();
        let end = Timestamp::from_unix_millis(sent.unix_millis() + 1000);
        assert!(everywhere(&verifier, &signed, end).is_ok(), "{time:?}");
        assert!(
            everywhere(&verifier, &signed, Timestamp::from_unix_millis(end.unix_millis() + 1)).is_err(),
            "{time:?}"
        );
    }
}

#[test]
fn a_message_signature_expires_at_its_end_plus_the_leeway() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n[http-signature]\n\
                algorithms = [\"hmac-sha256\"]\ncomponents = [\"content-digest\"]\nrequires = [\"expires\"]\n";
    for (leeway, seconds) in [("", 0), ("leeway = \"2s\"\n", 2)] {
        let scheme = Scheme::from_toml("t", &format!("{file}{leeway}")).unwrap();
        let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
        let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
        let signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
        let input = signed.headers()["signature-input"].to_str().unwrap();
        let (_, expires) = input.split_once(";expires=").unwrap();
        let expires: i64 = expires[..expires.find(';').unwrap()].parse().unwrap();
        let code = |more_millis: i64| {
            let now = Timestamp::from_unix_millis(1000 * (expires + seconds) + more_millis);
            each_way(&verifier, &signed, now, &[]).map_or_else(|rejection| rejection.code(), |_| "")
        };
        assert_eq!(
            [-1000, -1, 0, 1, 1000].map(code),
            ["", "", "", "timestamp_too_old", "timestamp_too_old"],
            "{leeway}"
        );
    }
}

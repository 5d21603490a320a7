use countersign::providers;

use crate::program::{Folder, NOW, SECRET, run, run_with, signed};

const BODY: &[u8] = br#"{"id":"evt_1","type":"charge.succeeded"}"#;

fn verify(provider: &str, request: &[u8], more: &[&str]) -> crate::program::Ran {
    run_with(&[&["verify", provider, "-", "--secret-env", "SECRET", "--now", NOW], more].concat(), request)
}

#[test]
fn a_genuine_request_is_accepted() {
    let ran = verify("stripe", &signed(providers::STRIPE, BODY), &[]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert_eq!(ran.out.lines().next(), Some("accepted"));
    for line in ["stripe (Stripe)", "SECRET", NOW, "evt_1 (covered by the signature: yes)", "charge.succeeded (covered"]
    {
        assert!(ran.out.contains(line), "{line} is not in {}", ran.out);
    }
}

#[test]
fn an_old_request_gets_a_hint_at_the_option_for_its_time() {
    let request = signed(providers::STRIPE, BODY);
    let judge = |command: &str, more: &[&str]| {
        run_with(&[&[command, "stripe", "-", "--secret-env", "SECRET"], more].concat(), &request)
    };
    for command in ["verify", "explain"] {
        let ran = judge(command, &[]);
        assert!(ran.code == 1 && ran.out.contains("when with --now"), "{}", ran.out);
        let ran = judge(command, &["--now", "2030-01-01T00:00:00Z"]);
        assert!(ran.code == 1 && !ran.out.contains("when with --now"), "{}", ran.out);
    }
}

#[test]
fn an_option_that_chooses_a_request_is_refused_for_a_single_one() {
    for option in [["--entry", "0"], ["--case", "good"]] {
        let ran = verify("stripe", &signed(providers::STRIPE, BODY), &option);
        assert!(ran.code == 2 && ran.err.contains(option[0]), "{} {}", ran.code, ran.err);
    }
}

#[test]
fn json_says_the_same_in_one_object() {
    let json = verify("stripe", &signed(providers::STRIPE, BODY), &["--json"]).json();
    assert_eq!(
        (&json["verdict"], &json["provider"], &json["key"]),
        (&"accepted".into(), &"stripe".into(), &"SECRET".into())
    );
    assert_eq!(json["event_id"], serde_json::json!({ "value": "evt_1", "covered": true }));
    assert_eq!((json["timestamp"].as_str(), json["bytes"].as_u64()), (Some(NOW), Some(BODY.len() as u64)));

    let refused = verify("stripe", b"POST / HTTP/1.1\n\n", &["--json"]);
    let json = refused.json();
    assert_eq!(
        (refused.code, &json["verdict"], &json["code"], &json["status"]),
        (1, &"refused".into(), &"missing_signature".into(), &400.into())
    );
}

#[test]
fn an_uncovered_value_says_so() {
    let mut request = signed(providers::GITHUB, b"{}");
    let head = b"POST /in HTTP/1.1\r\n";
    request.splice(head.len()..head.len(), *b"X-GitHub-Event: push\r\n");
    let ran = verify("github", &request, &[]);
    assert!(ran.code == 0 && ran.out.contains("event type  push (covered by the signature: no)"), "{}", ran.out);
}

#[test]
fn more_headers_than_a_server_takes_are_a_mistake() {
    let raw: Vec<_> = (0..40_000).map(|number| format!("x-{number}: 1\n")).collect();
    verify("github", format!("POST / HTTP/1.1\n{}\n", raw.concat()).as_bytes(), &[]).is_mistake(&["too many headers"]);

    let header = |number| serde_json::json!({ "name": format!("x-{number}"), "value": "1" });
    let headers: Vec<_> = (0..40_000).map(header).collect();
    let request = serde_json::json!({ "method": "POST", "url": "https://example.com/", "headers": headers });
    let har = serde_json::json!({ "log": { "entries": [{ "request": request }] } });
    verify("github", har.to_string().as_bytes(), &[]).is_mistake(&["too many headers"]);
}

#[test]
fn the_body_counts_byte_for_byte() {
    for body in [&b"a\0b\xff\xfe"[..], b"{}\n", b"{}\r\n\r\n", b"", b"\r\n\r\nx", b"\n"] {
        let request = signed(providers::GITHUB, body);
        assert_eq!(verify("github", &request, &[]).code, 0, "{body:?}");
        for changed in [[&request, &b"\n"[..]].concat(), [&request, &b"\0"[..]].concat()] {
            let ran = verify("github", &changed, &[]);
            assert!(ran.code == 1 && ran.out.starts_with("refused: signature\n"), "{body:?}: {ran:?}");
        }
    }
}

#[test]
fn a_request_from_a_file_with_bare_line_feeds_and_no_path_separator_is_the_same() {
    let folder = Folder::new();
    let crlf = signed(providers::STRIPE, BODY);
    let lf = String::from_utf8(crlf).unwrap().replace("\r\n", "\n");
    let (file, secret) = (folder.write("request.http", lf), folder.write("secret", format!("{SECRET}\n")));
    assert_eq!(run(&["verify", "stripe", &file, "--secret-file", &secret, "--now", "1767225600"]).code, 0);
    assert!(
        run(&["verify", "stripe", "/nowhere.http", "--secret-file", &secret])
            .err
            .contains("/nowhere.http cannot be read")
    );
}

#[test]
fn the_clock_and_the_tolerance_can_be_set() {
    let request = signed(providers::STRIPE, BODY);
    let at = |now: &str, more: &[&str]| {
        let args = [&["verify", "stripe", "--secret-env", "SECRET", "--now", now], more].concat();
        run_with(&args, &request)
    };
    assert_eq!(at("2026-01-01T00:05:00Z", &[]).code, 0);
    assert!(at("2026-01-01T00:05:01Z", &[]).out.starts_with("refused: timestamp_too_old\n"));
    assert!(at("2025-12-31T23:54:59Z", &[]).out.starts_with("refused: timestamp_in_future\n"));
    assert_eq!(at("2026-01-01T01:00:00Z", &["--tolerance", "1h"]).code, 0);
    // The clock itself: the request is old by now.
    let ran = run_with(&["verify", "stripe", "--secret-env", "SECRET"], &request);
    assert!(ran.code == 1 && ran.out.starts_with("refused: timestamp_too_old\n"), "{ran:?}");
}

#[test]
fn one_of_several_secrets_is_enough_and_is_named() {
    let folder = Folder::new();
    let other = folder.write("other", "whsec_another-secret");
    let ran = verify("stripe", &signed(providers::STRIPE, BODY), &["--secret-file", &other]);
    assert!(ran.code == 0 && ran.out.contains("key         SECRET"), "{ran:?}");
    let ran = run_with(&["verify", "stripe", "--secret-file", &other, "--now", NOW], &signed(providers::STRIPE, BODY));
    assert!(ran.code == 1 && ran.out.starts_with("refused: signature\n"), "{ran:?}");
}

#[test]
fn a_scheme_that_signs_the_url_needs_the_public_url() {
    let request = signed(providers::TWILIO_FORM, b"Body=hi");
    verify("twilio", &request, &[]).is_mistake(&["--public-url"]);
    assert_eq!(verify("twilio", &request, &["--public-url", "https://example.com/in"]).code, 0);
    assert_eq!(verify("twilio", &request, &["--public-url", "https://example.net/in"]).code, 1);
}

#[test]
fn a_scheme_file_can_take_the_place_of_a_provider() {
    let folder = Folder::new();
    let scheme = folder.write("mine.toml", providers::GITHUB.toml());
    let request = folder.write("request.http", signed(providers::GITHUB, b"{}"));
    for args in [["--scheme", &scheme, &request], [&request, "--scheme", &scheme]] {
        let ran = run(&[&["verify", "--secret-env", "SECRET"], &args[..]].concat());
        assert!(ran.code == 0 && ran.out.contains("mine (GitHub)"), "{ran:?}");
    }
    let broken = folder.write("broken.toml", "name = \"Broken\"\n[signature]\nalgorithm = \"hmac-md4\"\n");
    run(&["verify", "--scheme", &broken, &request]).is_mistake(&["broken.toml:3:"]);
    run(&["verify", "stripe", &request, "--scheme", &scheme]).is_mistake(&["not both"]);
}

#[test]
fn malformed_requests_are_mistakes_in_the_input() {
    let mistakes: [(&[u8], &str); 9] = [
        (b"", "empty"),
        (b"GET", "line 1 has no end: expected `METHOD /path HTTP/1.1`"),
        (b"GARBAGE", "countersign verify --help"),
        (b"{\"a\":1}", "if it has another format, give it with --format"),
        (b"hello\n\n", "line 1"),
        (b"POST / HTTP/1.1\nA: b", "empty line"),
        (b"POST / HTTP/1.1\nA: b\0\n\n", "line 2"),
        (b"POST / HTTP/1.1\nContent-Length: 5\n\nabc", "says 5 bytes, but 3 follow"),
        (b"POST / HTTP/1.1\nTransfer-Encoding: gzip\n\nabc", "chunked"),
    ];
    for (request, words) in mistakes {
        verify("github", request, &[]).is_mistake(&["standard input: ", words]);
    }
}

#[test]
fn the_chunks_of_a_body_are_joined_before_it_is_verified() {
    let request = signed(providers::GITHUB, b"{\"a\":1}");
    let head_end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let chunked =
        [&request[..head_end], b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n5\r\na\":1}\r\n0\r\n\r\n"].concat();
    assert_eq!(verify("github", &chunked, &[]).code, 0);
}

#[test]
fn what_a_sender_wrote_cannot_drive_the_terminal() {
    let ran = verify("stripe", &signed(providers::STRIPE, br#"{"id":"\u001b[2Jx","type":"a\nb"}"#), &[]);
    assert!(ran.code == 0 && ran.out.contains("\\u{1b}[2Jx") && ran.out.contains("a\\nb"), "{}", ran.out);
}

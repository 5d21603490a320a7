//! Repeated deliveries at the gateway.

#![cfg(unix)]

use std::{
    io::Write as _,
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use countersign::{Scheme, providers};

use crate::{
    program::{Folder, SECRET, run},
    serve::{Gateway, json_lines, signed},
};

const GITHUB: &str = "[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n";

fn delivery(body: &str) -> Vec<u8> {
    signed(providers::GITHUB, "/github", SECRET, body.as_bytes())
}

#[track_caller]
fn accepts(gateway: &Gateway, delivery: &[u8]) {
    let answer = gateway.send(delivery);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn verdicts(log: &str) -> Vec<String> {
    json_lines(log).iter().map(|line| line["verdict"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_line_of_a_duplicate_names_its_event_and_that_of_a_refusal_its_sender() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &GITHUB.replace("github", "stripe"), &[]);
    let delivery = signed(providers::STRIPE, "/stripe", SECRET, br#"{"id":"evt_1","type":"charge.succeeded"}"#);
    for _ in 0..2 {
        accepts(&gateway, &delivery);
    }
    assert!(
        gateway
            .send(b"POST /stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .contains(" 400 ")
    );
    let lines = json_lines(&gateway.stop().err);
    let told = |verdict: &str| lines.iter().find(|line| line["verdict"] == verdict).unwrap();
    assert_eq!(told("duplicate")["event_id"], serde_json::json!({ "value": "evt_1", "covered": true }));
    assert_eq!(told("duplicate")["event_type"]["value"], "charge.succeeded");
    assert!(told("refused")["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{lines:?}");
}

#[test]
fn a_duplicate_is_answered_like_the_first_and_is_no_delivery() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, GITHUB, &[]);
    for body in ["1", "2", "1", "1"] {
        accepts(&gateway, &delivery(body));
    }
    let ran = gateway.stop();
    assert_eq!(verdicts(&ran.out), ["accepted", "accepted"]);
    assert_eq!(verdicts(&ran.err), ["duplicate", "duplicate"]);
    // As in the metrics.
    assert!(json_lines(&ran.err).iter().all(|line| line["code"] == "replayed"), "{}", ran.err);
    let explained = run(&["explain", "--log", &ran.err]);
    assert!(explained.code == 1 && explained.out.contains("handled"), "{explained:?}");
}

#[test]
fn a_provider_that_expects_a_certain_answer_gets_it_for_duplicates_too() {
    let folder = Folder::new();
    folder.write(
        "acme.toml",
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
         [answers]\nsuccess = \"202\"\nbody = \"received\"\nrefusal = 418\n",
    );
    let gateway = Gateway::start(&folder, &GITHUB.replace("provider = \"github\"", "scheme = \"acme.toml\""), &[]);
    let scheme = Scheme::from_toml("acme", &std::fs::read_to_string(folder.path("acme.toml")).unwrap()).unwrap();
    for _ in 0..2 {
        let answer = gateway.send(&signed(&scheme, "/github", SECRET, b"{}"));
        assert!(answer.starts_with("HTTP/1.1 202 ") && answer.ends_with("\r\n\r\nreceived"), "{answer}");
    }
    let answer = gateway.send(&signed(&scheme, "/github", "another-secret", b"{}"));
    assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
    let log = gateway.stop().err;
    let statuses: Vec<_> = json_lines(&log).iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(202), Some(418)]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_logged_may_come_again() {
    let folder = Folder::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let gateway = Gateway::start_with(&folder, GITHUB, &[], full.into());
    for _ in 0..2 {
        let answer = gateway.send(&delivery("{}"));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    let err = gateway.stop().err;
    let lines = json_lines(&err);
    assert!(lines.iter().all(|line| line["code"] == "not_written" && line["status"] == 503), "{err}");
    assert!(lines.len() == 2 && lines[0]["reason"].as_str().unwrap().contains("No space left"), "{err}");
    let ran = run(&["explain", "--log", err.lines().next().unwrap()]);
    assert!(ran.code == 1 && ran.out.contains("the disk is full"), "{ran:?}");
}

/// A delivery whose line is larger than the buffer of a pipe.
fn large_delivery() -> Vec<u8> {
    delivery(&"x".repeat(200_000))
}

#[test]
fn a_delivery_whose_line_nobody_reads_in_time_may_come_again() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &format!("line_timeout = \"200ms\"\n{GITHUB}"), &["--bodies"]);
    let answer = gateway.send(&large_delivery());
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(json_lines(&gateway.stop().err)[0]["code"], "not_written");
}

#[test]
fn an_event_in_flight_in_a_killed_process_is_handled_again_after_its_lease() {
    let folder = Folder::new();
    let config = format!(
        "line_timeout = \"1s\"\n[replay]\nstore = \"sqlite:claims.db\"\nstore_timeout = \"500ms\"\nlease = \"3s\"\n{GITHUB}"
    );
    let mut gateway = Gateway::start(&folder, &config, &["--bodies"]);
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.write_all(&large_delivery()).unwrap();
    // When its line is being written, the event is claimed.
    gateway.wait_for_output();
    gateway.kill();
    let gateway = Gateway::start(&folder, &config, &[]);
    let answer = gateway.send(&large_delivery());
    assert!(answer.starts_with("HTTP/1.1 409 ") && answer.contains("retry-after: "), "{answer}");
    let until = Instant::now() + Duration::from_secs(20);
    while !gateway.send(&large_delivery()).starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < until, "it is still claimed");
        sleep(Duration::from_millis(100));
    }
    assert_eq!(verdicts(&gateway.stop().out), ["accepted"]);
}

#[test]
fn a_file_remembers_what_was_handled_before_a_restart() {
    let folder = Folder::new();
    let config = format!("[replay]\nstore = \"sqlite:claims.db\"\ncapacity = 1000\n{GITHUB}");
    for verdict in ["accepted", "duplicate"] {
        let gateway = Gateway::start(&folder, &config, &[]);
        accepts(&gateway, &delivery("{}"));
        let ran = gateway.stop();
        assert_eq!(verdicts(&(ran.out + &ran.err)), [verdict]);
    }
    assert!(folder.path("claims.db").exists());
}

#[test]
fn a_full_store_refuses_and_says_so() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &format!("[replay]\ncapacity = 1\n{GITHUB}"), &[]);
    accepts(&gateway, &delivery("1"));
    let answer = gateway.send(&delivery("2"));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    let err = gateway.stop().err;
    assert!(err.contains("\"code\":\"store_unavailable\"") && err.contains("holds 1 events"), "{err}");

    let open = format!("[replay]\ncapacity = 1\ndangerous_fail_open = true\n{GITHUB}");
    let gateway = Gateway::start(&folder, &open, &[]);
    for body in ["1", "2"] {
        accepts(&gateway, &delivery(body));
    }
    assert_eq!(verdicts(&gateway.stop().out).len(), 2);
}

#[test]
fn the_replay_guard_is_off_only_with_a_dangerous_setting() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &format!("{GITHUB}dangerous_accept_replays_for_ever = true\n"), &[]);
    for _ in 0..2 {
        accepts(&gateway, &delivery("{}"));
    }
    assert_eq!(verdicts(&gateway.stop().out), ["accepted", "accepted"]);
}

#[test]
fn endpoints_do_not_share_events_unless_they_share_a_name() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &(GITHUB.to_owned() + &GITHUB.replace("/github", "/other")), &[]);
    accepts(&gateway, &delivery("{}"));
    accepts(&gateway, &signed(providers::GITHUB, "/other", SECRET, b"{}"));
    assert_eq!(verdicts(&gateway.stop().out), ["accepted", "accepted"]);
}

#[test]
fn a_wrong_setting_is_refused_with_its_place() {
    let folder = Folder::new();
    folder.write("url", "redis://:a-password@127.0.0.1:1/0\n");
    let replay = |text: &str| format!("[replay]\n{text}\n{GITHUB}");
    let wrong = [
        (replay("store = \"disk\""), ":2:9:", "`sqlite:FILE`"),
        (replay("store = \"sqlite://claims.db\""), ":2:9:", "`sqlite:claims.db`"),
        (replay("store = \"sqlite::memory:\""), ":2:9:", "the path of a file"),
        (replay("store = \"sqlite:claims.db?mode=memory\""), ":2:9:", "the path of a file"),
        (replay("store = \"sqlite:file:claims.db\""), ":2:9:", "the path of a file"),
        (replay("stor = \"memory\""), ":2:1:", "`store`"),
        (replay("capacity = 0"), ":2:12:", "more than zero events"),
        (replay("store = \"redis://:a-password@db/0\""), ":2:9:", "env:NAME"),
        (replay("store = \"redis://db/?password=a-password\""), ":2:9:", "env:NAME"),
        (replay("store = \"redis://127.0.0.1/0\"\ncapacity = 5"), ":3:12:", "remove this"),
        (replay("store = \"env:SECRET\""), ":2:9:", "does not hold the URL of a store"),
        (replay("store = \"env:UNSET\""), ":2:9:", "`UNSET` is not set"),
        (replay("store = \"file:url\""), "", "the replay store: Redis"),
        (replay("lease = \"8s\""), ":2:9:", "a lease of 8s can end while a delivery is handled: expected 9s or more"),
        (replay("store_timeout = \"20s\"\nlease = \"44s\""), ":3:9:", "expected 45s or more"),
        (replay("store_timeout = \"0s\""), ":2:17:", "more than zero, for example `2s`"),
        (format!("line_timeout = \"0s\"\n{GITHUB}"), ":1:16:", "more than zero, for example `4s`"),
        (format!("{GITHUB}keep_for = \"soon\""), ":5:12:", "`5m`"),
        (format!("{GITHUB}keep_for = \"0s\""), ":5:12:", "more than zero, for example `7d`"),
        (format!("{GITHUB}keep_for = \"7s\""), ":5:12:", "`github` signs no time"),
        (GITHUB.replace("github\"\ns", "stripe\"\nkeep_for = \"1h\"\ns"), ":4:12:", "retries for"),
        (format!("{GITHUB}dangerous_without_replay_guard = true"), ":2:8:", "dangerous_accept_replays_for_ever`"),
        (format!("{GITHUB}dangerous_accept_replays_for_ever = true\nkeep_for = \"4d\""), ":6:12:", "remove this"),
        (format!("{GITHUB}name = \"a\"\n{GITHUB}name = \"a\"").replacen("/github", "/b", 1), ":10:8:", "this name"),
        (format!("{GITHUB}name = \"\""), ":5:8:", "no name"),
    ];
    for (config, place, words) in wrong {
        let path = folder.write("countersign.toml", &config);
        let ran = run(&["serve", "--config", &path]);
        ran.is_mistake(&[&if place.is_empty() { String::new() } else { format!("{path}{place}") }, words]);
        assert!(!ran.err.contains("a-password"), "{}", ran.err);
    }
}

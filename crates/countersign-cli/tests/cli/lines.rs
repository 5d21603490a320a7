//! The lines that `countersign serve` writes, and what it answers when nobody reads them.

#![cfg(unix)]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use countersign::providers;

use crate::{
    program::{Folder, SECRET, countersign, ran},
    serve::{CONFIG, Gateway, json_lines, send, signed},
};

#[test]
fn bodies_are_logged_on_demand_as_text_or_base64() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, CONFIG, &["--bodies"]);
    gateway.send(&signed(providers::GITHUB, "/github", SECRET, "{\"é\":\"\\u0000\"}\n".as_bytes()));
    gateway.send(&signed(providers::GITHUB, "/github", SECRET, b"\0\xff\n"));
    let lines = json_lines(&gateway.stop().out);
    assert_eq!((&lines[0]["body"], &lines[1]["body_base64"]), (&"{\"é\":\"\\u0000\"}\n".into(), &"AP8K".into()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_delivery_that_cannot_be_logged_is_not_acknowledged() {
    let folder = Folder::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let gateway = Gateway::start_with(&folder, CONFIG, &[], full.into());
    let answer = gateway.send(&signed(providers::GITHUB, "/github", SECRET, b"{}"));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(gateway.stop().code, 0);
}

/// The program, started by a shell with this redirection.
fn redirected(output: &str) -> Command {
    let (program, mut shell) = (countersign().get_program().to_owned(), Command::new("sh"));
    shell.env("SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {output}")).arg(program);
    shell
}

#[test]
fn a_gateway_does_not_start_with_a_closed_standard_output() {
    let folder = Folder::new();
    let config = folder.write("countersign.toml", format!("listen = \"127.0.0.1:0\"\n{CONFIG}"));
    for output in [">&-", "1< /dev/null", "1<> /dev/null"] {
        let started = redirected(output).args(["serve", "--config", &config]).output().unwrap();
        ran(started).is_mistake(&["standard output is closed", "give it a file or a pipe"]);
    }
    let gateway = Gateway::start_as(redirected("> /dev/null"), &folder, CONFIG, &[]);
    let answer = gateway.send(&signed(providers::GITHUB, "/github", SECRET, b"{}"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    gateway.stop();
}

#[test]
fn nothing_in_a_request_drives_the_terminal_that_shows_the_log() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    gateway.send("POST /a\u{9b}31m\u{202e}b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".as_bytes());
    let log = gateway.stop().err;
    assert!(log.contains(r"/a\u009b31m\u202eb"), "{log}");
    assert_eq!(json_lines(&log)[0]["path"], "/a\u{9b}31m\u{202e}b");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_file_that_ends_within_a_line_does_not_spoil_the_next_line() {
    let folder = Folder::new();
    let path = folder.write("deliveries.jsonl", "{\"verdict\":\"acc");
    for (body, lines) in [("{}", 2), ("[]", 3)] {
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        let gateway = Gateway::start_with(&folder, CONFIG, &["--bodies"], file.into());
        let answer = gateway.send(&signed(providers::GITHUB, "/github", SECRET, body.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        gateway.stop();
        let written = std::fs::read_to_string(&path).unwrap();
        let last = json_lines(written.lines().next_back().unwrap()).remove(0);
        assert_eq!((&last["body"], written.lines().count()), (&body.into(), lines), "{written}");
    }
}

#[test]
fn deliveries_whose_lines_nobody_reads_are_not_acknowledged_and_hold_up_nothing_else() {
    let folder = Folder::new();
    let config = "[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n";
    let mut gateway = Gateway::start(&folder, config, &["--bodies"]);
    // More than a pipe holds.
    let large = |number: u8| signed(providers::GITHUB, "/github", SECRET, &vec![b'0' + number; 200_000]);
    let address = gateway.address.clone();
    let unread: Vec<_> = (0..16)
        .map(|number| {
            let (address, request) = (address.clone(), large(number));
            std::thread::spawn(move || send(&address, &request))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    let forged = gateway.send(&signed(providers::GITHUB, "/github", "another", b"{}"));
    assert!(forged.starts_with("HTTP/1.1 401 ") && started.elapsed() < Duration::from_secs(2), "{forged}");
    for answer in unread {
        let answer = answer.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }

    let out = gateway.child.0.stdout.take().unwrap();
    let lines = std::thread::spawn(move || BufReader::new(out).lines().map(Result::unwrap).collect::<Vec<_>>());
    assert!(gateway.send(&large(0)).starts_with("HTTP/1.1 200 "), "the provider sends it again");
    gateway.stop();
    let lines = json_lines(&lines.join().unwrap().join("\n"));
    assert!(lines.iter().any(|line| line["body"].as_str().is_some_and(|body| body.starts_with('0'))));
    assert!(lines.len() <= 2, "what was answered 503 is not written any more, but for the one that was begun");
}

#[test]
fn refusals_whose_lines_nobody_reads_are_counted() {
    let folder = Folder::new();
    let mut gateway = Gateway::start(&folder, &format!("metrics = \"127.0.0.1:0\"\n{CONFIG}"), &[]);
    let metrics = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    let unsigned = b"POST /github HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let sent = 3000;
    for _ in 0..sent {
        assert!(gateway.send(unsigned).starts_with("HTTP/1.1 400 "));
    }
    let metrics = send(&metrics, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let counted = metrics.lines().find_map(|line| line.strip_prefix("countersign_lines_dropped_total ")).unwrap();
    let (mut told, mut dropped) = (0, 0);
    let err = gateway.stop().err;
    for line in err.lines().filter(|line| line.starts_with('{')).flat_map(json_lines) {
        match line["verdict"].as_str() {
            Some("lines_dropped") => dropped += line["lines"].as_u64().unwrap(),
            _ => told += 1,
        }
    }
    assert!(dropped > 0 && told + dropped == sent, "{told} lines, and {dropped} dropped");
    assert_eq!(counted, dropped.to_string());
}

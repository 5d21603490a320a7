//! Reloads: a configuration that changes while the gateway runs.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    mem,
    net::TcpStream,
    os::unix::fs::symlink,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use countersign::providers;
use rustix::process::Signal;

use crate::{
    program::{Folder, Running, SECRET, countersign, run},
    serve::{Gateway, signed},
};

fn config(secrets: &str, more: &str) -> String {
    format!("[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = {secrets}\n{more}")
}

fn status(gateway: &Gateway, path: &str, secret: &str, body: &str) -> u16 {
    let answer = gateway.send(&signed(providers::GITHUB, path, secret, body.as_bytes()));
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

/// Replaces the configuration atomically, as a good editor does.
pub(crate) fn replace(folder: &Folder, config: &str) {
    let new = folder.write("new.toml", format!("listen = \"127.0.0.1:0\"\n{config}"));
    fs::rename(new, folder.path("countersign.toml")).unwrap();
}

#[test]
fn secrets_rotate_under_load_without_a_gap_and_no_claim_is_lost() {
    let folder = Folder::new();
    folder.write("old", "the-old-secret\n");
    folder.write("new", "the-new-secret\n");
    let both = config("[\"file:old\", \"file:new\"]", "");
    // A file, because a pipe that nobody reads would block the gateway.
    let log = fs::File::create(folder.path("log")).unwrap();
    let mut gateway = Gateway::start_with(&folder, &config("[\"file:old\"]", ""), &[], log.into());
    assert_eq!(status(&gateway, "/github", "the-old-secret", "first"), 200);

    let address = gateway.address.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let hammers: Vec<_> = (0..3)
        .map(|hammer| {
            let (address, stop) = (address.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let (mut old, mut new, mut round) = (Vec::new(), Vec::new(), 0);
                while !stop.load(Ordering::SeqCst) {
                    round += 1;
                    thread::sleep(Duration::from_millis(5));
                    let send = |secret: &str| {
                        let body = format!("{hammer} {round} {secret}");
                        let request = signed(providers::GITHUB, "/github", secret, body.as_bytes());
                        crate::serve::send(&address, &request).split(' ').nth(1).unwrap().parse::<u16>().unwrap()
                    };
                    old.push(send("the-old-secret"));
                    new.push(send("the-new-secret"));
                    assert_eq!(send("nobodys-secret"), 401, "an open endpoint");
                }
                (old, new)
            })
        })
        .collect();

    for _ in 0..5 {
        replace(&folder, &both);
        gateway.hang_up();
        gateway.told_of("config_taken");
    }
    replace(&folder, &config("[\"file:new\"]", ""));
    gateway.told_of("config_taken"); // by the file alone
    assert_eq!(status(&gateway, "/github", "the-old-secret", "last"), 401);
    stop.store(true, Ordering::SeqCst);
    for hammer in hammers {
        let (old, new) = hammer.join().unwrap();
        // Each secret has one time at which it counts, and in between both do: nothing else is ever answered.
        let switched = |statuses: &[u16], first: u16, then: u16| {
            let at = statuses.iter().position(|status| *status != first).unwrap_or(statuses.len());
            statuses[at..].iter().all(|status| *status == then)
        };
        assert!(switched(&old, 200, 401), "{old:?}");
        assert!(switched(&new, 401, 200), "{new:?}");
        let overlap = old.iter().zip(&new).all(|(old, new)| *old == 200 || *new == 200);
        assert!(overlap, "{old:?} {new:?}");
    }

    assert_eq!(status(&gateway, "/github", "the-new-secret", "first"), 200);
    let ran = gateway.stop();
    assert_eq!(ran.err.matches("\"verdict\":\"duplicate\"").count(), 1, "the first event was forgotten");
}

#[test]
fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let folder = Folder::new();
    let mut gateway = Gateway::start(&folder, &config("[\"env:SECRET\"]", ""), &[]);
    let bad = [
        ("[[endpoint]\n", "countersign.toml:2:"),
        ("", "no [[endpoint]]"),
        (
            "replay = \"redis://:hunter2@redis.internal/0\"",
            "countersign.toml:2:10: invalid type: string, expected a table",
        ),
        ("[[endpoint]]\npath = \"/open\"\nprovider = \"github\"\n", "there is no secret"),
        ("[[endpoint]]\npath = \"/open\"\nprovider = \"github\"\nsecrets = [\"file:none\"]\n", "cannot be read"),
    ];
    for (number, (text, words)) in bad.into_iter().enumerate() {
        replace(&folder, text);
        gateway.hang_up();
        let line = gateway.told_of("config_refused");
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains(words) && reason.ends_with("the old configuration stays in use"), "{reason}");
        assert!(!line.to_string().contains("hunter2"), "{line}");
        assert_eq!(status(&gateway, "/github", SECRET, &number.to_string()), 200);
        assert_eq!(status(&gateway, "/open", SECRET, "{}"), 404);
    }
    // When the missing file appears, the configuration is taken without a signal.
    folder.write("none", SECRET);
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, "/open", SECRET, "{}"), 200);
    assert_eq!(status(&gateway, "/github", SECRET, "{}"), 404);
    gateway.stop();
}

#[test]
fn what_needs_a_restart_is_said_and_the_rest_is_taken() {
    let folder = Folder::new();
    let mut gateway = Gateway::start(&folder, &config("[\"env:SECRET\"]", ""), &[]);
    assert_eq!(status(&gateway, "/github", SECRET, "1"), 200);
    let more = config("[\"env:SECRET\"]", "").replace("/github", "/more");
    let changed = format!("metrics = \"127.0.0.1:0\"\nreplay.capacity = 5\n{}{more}", config("[\"env:SECRET\"]", ""));
    replace(&folder, &changed);
    gateway.hang_up();
    assert_eq!(gateway.told_of("config_taken")["needs_restart"], "metrics, replay.store");
    assert_eq!(status(&gateway, "/more", SECRET, "1"), 200);
    assert_eq!(status(&gateway, "/github", SECRET, "1"), 200);
    let ran = gateway.stop();
    assert_eq!(ran.out.lines().count(), 2, "the store was lost: {}", ran.out);
}

/// A connection that stays open.
struct Kept(BufReader<TcpStream>);

impl Kept {
    /// Opens a connection and sends `before` in front of the first request.
    fn open(gateway: &Gateway, before: &[u8]) -> Self {
        let mut stream = TcpStream::connect(&gateway.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(before).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status of the answer to another delivery; `None` if the connection is closed instead.
    fn status(&mut self, body: &str) -> Option<u16> {
        let request = String::from_utf8(signed(providers::GITHUB, "/github", SECRET, body.as_bytes())).unwrap();
        let _ = self.0.get_mut().write_all(request.replace("Connection: close\r\n", "").as_bytes());
        let (mut head, mut line) = (String::new(), String::new());
        while self.0.read_line(&mut line).is_ok_and(|read| read > 2) {
            head.push_str(&mem::take(&mut line));
        }
        head.split(' ').nth(1).map(|status| status.parse().unwrap())
    }
}

/// The top of a configuration with a proxy that uses the PROXY protocol.
fn behind(proxies: &str) -> String {
    format!("trusted_proxies = {proxies}\nproxy_protocol = \"v1-or-v2\"\n")
}

const ANNOUNCED: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n";

#[test]
fn a_proxy_that_is_no_longer_trusted_is_not_believed_on_an_open_connection() {
    let folder = Folder::new();
    let rules = config("[\"env:SECRET\"]", "addresses.allow = [\"203.0.113.0/24\"]");
    let mut gateway = Gateway::start(&folder, &(behind("[\"127.0.0.1\"]") + &rules), &[]);
    let mut kept = Kept::open(&gateway, ANNOUNCED);
    assert_eq!(kept.status("1"), Some(200));
    replace(&folder, &(behind("[\"127.0.0.1\", \"10.0.0.0/8\"]") + &rules));
    gateway.told_of("config_taken");
    assert_eq!(kept.status("2"), Some(200), "this proxy is trusted still");
    replace(&folder, &(behind("[\"10.0.0.0/8\"]") + &rules));
    gateway.told_of("config_taken");
    assert_eq!(kept.status("3"), None);
    let line = gateway.told_of("refused");
    assert_eq!(line["code"], "proxy_protocol");
    assert!(line["reason"].as_str().unwrap().contains("changed since"), "{line}");
}

#[test]
fn an_open_connection_is_closed_when_proxy_protocol_changes() {
    let folder = Folder::new();
    let rules = config("[\"env:SECRET\"]", "addresses.allow = [\"127.0.0.1\", \"203.0.113.0/24\"]");
    let announced = behind("[\"127.0.0.1\"]") + &rules;
    let mut gateway = Gateway::start(&folder, &rules, &[]);
    let mut plain = Kept::open(&gateway, b"");
    assert_eq!(plain.status("1"), Some(200));
    replace(&folder, &announced);
    gateway.told_of("config_taken");
    assert_eq!(plain.status("2"), None);
    let mut kept = Kept::open(&gateway, ANNOUNCED);
    assert_eq!(kept.status("2"), Some(200));
    replace(&folder, &rules);
    gateway.told_of("config_taken");
    assert_eq!(kept.status("3"), None);
    assert_eq!(Kept::open(&gateway, b"").status("3"), Some(200));
}

#[test]
fn a_secret_behind_a_swapped_link_is_reloaded() {
    let folder = Folder::new();
    folder.write("v1/secret", "the-old-secret");
    folder.write("v2/secret", "the-new-secret");
    symlink("v1", folder.path("..data")).unwrap();
    symlink("..data/secret", folder.path("secret")).unwrap();
    let mut gateway = Gateway::start(&folder, &config("[\"file:secret\"]", ""), &[]);
    assert_eq!(status(&gateway, "/github", "the-old-secret", "1"), 200);

    symlink("v2", folder.path("..new")).unwrap();
    fs::rename(folder.path("..new"), folder.path("..data")).unwrap();
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, "/github", "the-old-secret", "2"), 401);
    assert_eq!(status(&gateway, "/github", "the-new-secret", "3"), 200);
    gateway.stop();
}

#[test]
fn a_half_written_file_is_not_taken() {
    let folder = Folder::new();
    let mut gateway = Gateway::start(&folder, &config("[\"env:SECRET\"]", ""), &[]);
    let whole = format!("listen = \"127.0.0.1:0\"\n{}", config("[\"env:SECRET\"]", "# and so on\n"));
    // A file that is written in pieces differs at every look.
    for end in (whole.len() - 30..=whole.len()).step_by(3) {
        folder.write("countersign.toml", &whole[..end]);
        thread::sleep(Duration::from_millis(100));
    }
    gateway.told_of("config_taken");
    let ran = gateway.stop();
    assert!(!ran.err.contains("config_refused"), "{}", ran.err);
}

fn pipe(folder: &Folder) -> PathBuf {
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    pipe
}

#[test]
fn sighup_during_the_first_reading_does_not_end_the_gateway() {
    let folder = Folder::new();
    let pipe = pipe(&folder);
    let mut gateway = Running(countersign().arg("serve").arg("--config").arg(&pipe).spawn().unwrap());
    // It is open as soon as the gateway reads.
    let mut written = fs::File::options().write(true).open(&pipe).unwrap();
    gateway.signal(Signal::HUP);
    let _ = write!(written, "listen = \"127.0.0.1:0\"\n{}", config("[\"env:SECRET\"]", ""));
    drop(written);
    let mut line = String::new();
    BufReader::new(gateway.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listening on"), "{line}");
}

#[test]
fn a_secret_in_a_pipe_is_a_mistake_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = pipe(&folder);
    let config = format!("listen = \"127.0.0.1:0\"\n{}", config("[\"file:pipe\"]", ""));
    let path = folder.write("countersign.toml", config);
    thread::spawn(move || fs::write(pipe, SECRET));
    run(&["serve", "--config", &path]).is_mistake(&["pipe", "only once"]);
}

#[test]
fn a_secret_that_becomes_a_pipe_does_not_block_later_reloads() {
    let folder = Folder::new();
    folder.write("pipe", "the-old-secret\n");
    let mut gateway = Gateway::start(&folder, &config("[\"file:pipe\"]", ""), &[]);
    fs::remove_file(folder.path("pipe")).unwrap();
    pipe(&folder);
    gateway.hang_up();
    gateway.told_of("config_refused");
    fs::remove_file(folder.path("pipe")).unwrap();
    folder.write("pipe", "the-new-secret\n");
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, "/github", "the-new-secret", "{}"), 200);
}

#[test]
fn a_configuration_that_becomes_a_pipe_is_refused_and_does_not_block_later_reloads() {
    let folder = Folder::new();
    let mut gateway = Gateway::start(&folder, &config("[\"env:SECRET\"]", ""), &[]);
    fs::rename(pipe(&folder), folder.path("countersign.toml")).unwrap();
    gateway.hang_up();
    assert!(gateway.told_of("config_refused")["reason"].as_str().unwrap().contains("only once"));
    folder.write("new", "the-new-secret\n");
    replace(&folder, &config("[\"file:new\"]", ""));
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, "/github", "the-new-secret", "{}"), 200);
}

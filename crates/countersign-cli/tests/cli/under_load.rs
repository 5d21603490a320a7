//! Faults around a busy gateway: its store's server dies or hangs, its clock steps.

#![cfg(target_os = "linux")]

use std::{
    collections::HashSet,
    fs::{self, File},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, sleep},
    time::Duration,
};

use countersign::providers;
use countersign_tests::servers::{PostgresServer, Process, RedisServer, free_address};
use serde_json::Value;

use crate::{
    program::{Folder, SECRET, countersign},
    serve::{json_lines, send, signed},
    stores::Engine,
};

/// How many senders there are. Two of them send each event.
const SENDERS: usize = 4;

/// How many events each of them sends at least.
const EVENTS: usize = 25;

/// A gateway under load, and what came of it.
struct Load {
    /// Where it listens.
    address: String,
    over: AtomicBool,
    /// How many attempts were refused temporarily.
    refused: AtomicUsize,
}

/// The record of a sender.
#[derive(Default)]
struct Sent {
    /// The events that were acknowledged to it.
    events: HashSet<String>,
    /// What it sent again after the event was acknowledged.
    late: Vec<String>,
}

impl Load {
    /// Sends an event whose body is its name, with a new id for each attempt, which GitHub does not sign.
    fn attempt(&self, event: &str, id: &str) -> u16 {
        let request = signed(providers::GITHUB, "/github", SECRET, event.as_bytes());
        let head = format!("POST /github HTTP/1.1\r\nX-GitHub-Delivery: {id}\r\n");
        let request = [head.as_bytes(), request.strip_prefix(b"POST /github HTTP/1.1\r\n").unwrap()].concat();
        let answer = send(&self.address, &request);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// Sends events as a provider does, each until it is acknowledged, and then again.
    fn events(&self, sender: usize) -> Sent {
        let mut sent = Sent::default();
        for at in 0.. {
            if at >= EVENTS && self.over.load(Ordering::SeqCst) {
                break;
            }
            let event = format!("event {} {at}", sender / 2);
            let mut ids = (0..).map(|attempt| format!("{event}, sender {sender}, attempt {attempt}"));
            for id in ids.by_ref() {
                match self.attempt(&event, &id) {
                    200 => break,
                    409 | 503 => self.refused.fetch_add(1, Ordering::SeqCst),
                    status => panic!("{status} for {id}"),
                };
                sleep(Duration::from_millis(20));
            }
            for id in ids.take(2) {
                let status = self.attempt(&event, &id);
                assert!([200, 503].contains(&status), "{status} for {id}, which was acknowledged");
                sent.late.push(id);
            }
            sent.events.insert(event);
        }
        sent
    }
}

/// Sends events to a gateway while `faults` causes faults. Asserts that each event was handled, and was not handled
/// again once it was acknowledged. Returns the accepted lines, and how many attempts were refused.
fn survives(mut program: Command, folder: &Folder, config: &str, faults: impl FnOnce()) -> (Vec<Value>, usize) {
    // Files, because a pipe that nobody reads would block the gateway.
    let (log, refusals) = (folder.path("log"), folder.path("refusals"));
    program.stdout(File::create(&log).unwrap()).stderr(File::create(refusals).unwrap());
    let address = free_address();
    let config = folder.write("countersign.toml", format!("listen = \"{address}\"\n{config}"));
    let mut gateway = Process::start(program.args(["serve", "--config", &config]));
    gateway.wait_until_it_listens(address);
    let (over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = Arc::new(Load { address: address.to_string(), over, refused });
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let load = Arc::clone(&load);
            thread::spawn(move || load.events(sender))
        })
        .collect();
    faults();
    load.over.store(true, Ordering::SeqCst);
    let (mut events, mut late) = (HashSet::new(), Vec::new());
    for sent in senders.into_iter().map(|sender| sender.join().unwrap()) {
        events.extend(sent.events);
        late.extend(sent.late);
    }
    for event in &events {
        let id = format!("{event}, at last");
        assert_eq!(load.attempt(event, &id), 200, "{event}, when all is well");
        late.push(id);
    }
    drop(gateway);

    let lines = json_lines(&fs::read_to_string(log).unwrap());
    let accepted: HashSet<_> = lines.iter().map(|line| line["event_id"]["value"].as_str().unwrap()).collect();
    for id in &late {
        assert!(!accepted.contains(id.as_str()), "handled again after it was acknowledged: {id}");
    }
    let handled: HashSet<_> = accepted.iter().filter_map(|id| id.split(',').next()).collect();
    for event in &events {
        assert!(handled.contains(event.as_str()), "acknowledged and never handled: {event}");
    }
    (lines, load.refused.load(Ordering::SeqCst))
}

fn config(store: &str) -> String {
    format!(
        "line_timeout = \"1s\"\n[replay]\nstore = \"{store}\"\nstore_timeout = \"500ms\"\nlease = \"3s\"\n\
         [[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n"
    )
}

/// Kills and stops a server in turns.
fn survives_its_server(url: String, server: &mut impl Engine) {
    let folder = Folder::new();
    folder.write("url", url);
    let (_, refused) = survives(countersign(), &folder, &config("file:url"), || {
        for _ in 0..2 {
            sleep(Duration::from_millis(500));
            server.process().kill();
            sleep(Duration::from_millis(500));
            server.start_again();
            sleep(Duration::from_millis(500));
            server.process().pause();
            sleep(Duration::from_secs(1));
            server.process().resume();
        }
    });
    assert!(refused > 0, "the server was always there");
}

#[test]
fn d8_a_redis_that_dies_and_stands_still_under_load_costs_no_event_and_lets_no_replay_through() {
    let mut server = RedisServer::start();
    survives_its_server(server.url(), &mut server);
}

#[test]
fn d8_a_postgres_that_dies_and_stands_still_under_load_costs_no_event_and_lets_no_replay_through() {
    let mut server = PostgresServer::start();
    survives_its_server(server.url("postgres"), &mut server);
}

#[test]
fn c6_a_gateway_whose_clock_steps_under_load_handles_nothing_again() {
    let folder = Folder::new();
    let step = |step: &str| {
        let new = folder.write("next step", step);
        fs::rename(new, folder.path("step")).unwrap();
    };
    step("+0");
    let mut program = countersign();
    program
        .env("LD_PRELOAD", libfaketime())
        .env("FAKETIME_TIMESTAMP_FILE", folder.path("step"))
        .env("FAKETIME_NO_CACHE", "1")
        // Timeouts use another clock, which the test does not set.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let (lines, _) = survives(program, &folder, &config("memory"), || {
        for _ in 0..20 {
            for seconds in ["-3600", "+0", "-1", "+1", "-86400", "+86400", "+0"] {
                step(seconds);
                sleep(Duration::from_millis(10));
            }
        }
    });
    let days: HashSet<_> = lines.iter().map(|line| line["time"].as_str().unwrap().split('T').next().unwrap()).collect();
    assert!(days.len() >= 3, "the clock did not step: {days:?}");
}

/// Where Debian has the library that sets the clock of one process.
fn libfaketime() -> String {
    let places =
        fs::read_dir("/usr/lib").unwrap().flatten().map(|place| place.path().join("faketime/libfaketime.so.1"));
    let found = places.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("libfaketime is not there: tests/run.sh installs it")).to_str().unwrap().to_owned()
}

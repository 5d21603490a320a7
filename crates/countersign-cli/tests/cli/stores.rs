//! A gateway whose replay store is on a server: real Redis and Postgres, with TLS and without.

#![cfg(unix)]

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use countersign::providers;
use countersign_tests::servers::{Authority, PostgresServer, Process, RedisServer};
use serde_json::Value;

use crate::{
    program::{Folder, SECRET, run},
    serve::{Gateway, json_lines, signed},
};

/// A server that can be killed and started again.
pub(crate) trait Engine {
    fn process(&mut self) -> &mut Process;

    fn start_again(&mut self);
}

impl Engine for RedisServer {
    fn process(&mut self) -> &mut Process {
        self.process()
    }

    fn start_again(&mut self) {
        self.restart();
    }
}

impl Engine for PostgresServer {
    fn process(&mut self) -> &mut Process {
        self.process()
    }

    fn start_again(&mut self) {
        self.restart();
    }
}

fn config(more: &str) -> String {
    format!(
        "[replay]\nstore = \"file:url\"\n{more}\n\
         [[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n"
    )
}

fn send(gateway: &Gateway, body: &str) -> String {
    gateway.send(&signed(providers::GITHUB, "/github", SECRET, body.as_bytes()))
}

#[track_caller]
fn accepts(gateway: &Gateway, body: &str) {
    let answer = send(gateway, body);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn codes(lines: &[Value], verdict: &str) -> usize {
    lines.iter().filter(|line| line["verdict"] == verdict).count()
}

/// Asserts what a gateway does while its server runs, when it is killed, and when it comes back.
fn each_event_is_handled_once(folder: &Folder, config: &str, server: &mut impl Engine) {
    let gateway = Gateway::start(folder, config, &[]);
    accepts(&gateway, "before");
    accepts(&gateway, "before");
    let ran = gateway.stop();
    let (out, err) = (json_lines(&ran.out), json_lines(&ran.err));
    assert_eq!((codes(&out, "accepted"), codes(&err, "duplicate")), (1, 1), "{}{}", ran.out, ran.err);

    let gateway = Gateway::start(folder, config, &[]);
    accepts(&gateway, "before");
    server.process().kill();
    let answer = send(&gateway, "meanwhile");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    server.start_again();
    let start = Instant::now();
    while !send(&gateway, "meanwhile").starts_with("HTTP/1.1 200 ") {
        assert!(start.elapsed() < Duration::from_secs(30), "the gateway does not find its server again");
        sleep(Duration::from_millis(100));
    }
    accepts(&gateway, "meanwhile");
    accepts(&gateway, "before");
    let ran = gateway.stop();
    let (out, err) = (json_lines(&ran.out), json_lines(&ran.err));
    assert_eq!((codes(&out, "accepted"), codes(&err, "duplicate")), (1, 3), "{}{}", ran.out, ran.err);
    assert!(err.iter().any(|line| line["code"] == "store_unavailable"), "{}", ran.err);
}

#[test]
fn redis_remembers_events_across_restarts_of_itself_and_of_the_gateway() {
    let folder = Folder::new();
    let mut server = RedisServer::start();
    folder.write("url", server.url());
    each_event_is_handled_once(&folder, &config(""), &mut server);
}

#[test]
fn a_process_remembers_the_events_that_it_has_handled_without_its_server() {
    let folder = Folder::new();
    for (copies, status) in [("", "200"), ("copies = 0", "503")] {
        let mut server = RedisServer::start();
        folder.write("url", server.url());
        let gateway = Gateway::start(&folder, &config(copies), &[]);
        accepts(&gateway, "once");
        server.process().kill();
        let answer = send(&gateway, "once");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{copies}: {answer}");
        assert!(send(&gateway, "another").starts_with("HTTP/1.1 503 "), "{copies}");
        gateway.stop();
    }
}

#[test]
fn redis_remembers_events_over_tls() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let mut server = RedisServer::start_secure(&authority.vouch_for("127.0.0.1"));
    folder.write("url", server.url());
    folder.write("ca.pem", authority.pem());
    each_event_is_handled_once(&folder, &config("authorities = \"ca.pem\""), &mut server);
}

#[test]
fn postgres_remembers_events_across_restarts_of_itself_and_of_the_gateway() {
    let folder = Folder::new();
    let mut server = PostgresServer::start();
    folder.write("url", server.url("postgres"));
    each_event_is_handled_once(&folder, &config(""), &mut server);
}

#[test]
fn postgres_remembers_events_over_tls() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let mut server = PostgresServer::start_secure(&authority.vouch_for("127.0.0.1"));
    server.admit("hostnossl all all all reject");
    folder.write("url", server.url("postgres") + "?sslmode=verify-full");
    folder.write("ca.pem", authority.pem());
    each_event_is_handled_once(&folder, &config("authorities = \"ca.pem\""), &mut server);
}

#[test]
fn a_gateway_does_not_start_with_a_server_that_cannot_prove_its_identity() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let server = RedisServer::start_secure(&authority.vouch_for("127.0.0.1"));
    folder.write("other.pem", Authority::new().pem());
    for (url, more, words) in [
        (server.url(), "", "give the authority's certificate"),
        (server.url(), "authorities = \"other.pem\"", "is not valid for its URL"),
        (server.url(), "authorities = \"url\"", "in PEM"),
        (server.url().replace("rediss", "redis"), "authorities = \"other.pem\"", "begin it with `rediss://`"),
        ("postgres://db/hooks".to_owned(), "authorities = \"other.pem\"", "sslmode=verify-full"),
        ("postgres://db/hooks?sslmode=prefer".to_owned(), "", "verify-full"),
    ] {
        folder.write("url", url);
        let path = folder.write("countersign.toml", config(more));
        run(&["serve", "--config", &path]).is_mistake(&["cannot open the replay store: ", words]);
    }
    let path = folder.write("countersign.toml", config("authorities = \"nowhere.pem\""));
    run(&["serve", "--config", &path]).is_mistake(&[":3:15:", "cannot be read"]);
    let path = folder.write("countersign.toml", config("authorities = \"url\"").replace("file:url", "memory"));
    run(&["serve", "--config", &path]).is_mistake(&[":3:15:", "remove this"]);
    let path = folder.write("countersign.toml", config("copies = 1000").replace("file:url", "sqlite:claims.db"));
    run(&["serve", "--config", &path]).is_mistake(&[":3:10:", "remove this"]);
}

//! Metrics, as a scraper sees them.

#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use countersign::providers;

use crate::{
    program::{Folder, SECRET, run},
    reload::replace,
    serve::{Gateway, signed},
};

const CONFIG: &str = r#"
metrics = "127.0.0.1:0"
connections = 100

[[endpoint]]
path = "/github"
name = "hub"
provider = "github"
secrets = ["env:SECRET"]

[endpoint.addresses.allow_from]
file = "allowed.txt"
"#;

fn get(address: &str, line: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn has(answer: &str, series: &str) {
    assert!(answer.lines().any(|line| line == series), "{series} is not in {answer}");
}

#[test]
fn a_scraper_sees_what_became_of_every_request() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n10.0.0.0/8\n");
    let mut gateway = Gateway::start(&folder, CONFIG, &[]);
    let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    for secret in [SECRET, SECRET, "another-secret"] {
        gateway.send(&signed(providers::GITHUB, "/github", secret, b"{}"));
    }
    for path in ["/github", "/nowhere"] {
        let attack = format!("POST {path}?id=an-attackers-choice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        gateway.send(attack.as_bytes());
    }

    let answer = get(&address, "GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("text/plain; version=0.0.4"), "{answer}");
    has(&answer, "# TYPE countersign_verdicts_total counter");
    for (verdict, count) in [("accepted", 1), ("replayed", 1), ("signature", 1), ("missing_signature", 1)] {
        let labels = format!("endpoint=\"hub\",verdict=\"{verdict}\"");
        has(&answer, &format!("countersign_verdicts_total{{{labels}}} {count}"));
    }
    for series in [
        "countersign_claims_total{endpoint=\"hub\",state=\"fresh\"} 1",
        "countersign_claims_total{endpoint=\"hub\",state=\"done\"} 1",
        "countersign_body_bytes_sum{endpoint=\"hub\"} 4",
        "countersign_body_bytes_bucket{endpoint=\"hub\",le=\"256\"} 2",
        "countersign_verify_seconds_count{endpoint=\"hub\"} 2",
        "countersign_handler_seconds_count{endpoint=\"hub\",outcome=\"success\"} 1",
        "countersign_store_entries{store=\"memory\"} 1",
        "countersign_store_capacity{store=\"memory\"} 1000000",
        "countersign_connections_capacity 100",
        "countersign_unrouted_total 1",
    ] {
        has(&answer, series);
    }
    let ranges = answer.lines().find(|line| line.starts_with("countersign_allowlist_ranges{")).unwrap();
    assert!(ranges.ends_with("allowed.txt\"} 2"), "{ranges}");
    for name in [
        "countersign_allowlist_age_seconds{",
        "countersign_config_age_seconds ",
        "countersign_store_bytes{",
        "countersign_connections ",
    ] {
        assert!(answer.lines().any(|line| line.starts_with(name)), "{name} is not in {answer}");
    }
    assert!(!answer.contains("attacker") && !answer.contains("nowhere"), "{answer}");

    // An idle connection does not keep a probe waiting.
    let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let started = Instant::now();
    assert!(get(&address, "GET /healthz").ends_with("\r\n\r\nok\n"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(silent);
    for (line, status) in [("GET /", 404), ("POST /metrics", 405)] {
        assert!(get(&address, line).starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
    }
    gateway.stop();
}

#[test]
fn only_the_lists_of_the_configuration_have_an_age() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n");
    let mut gateway = Gateway::start(&folder, CONFIG, &[]);
    let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    assert!(get(&address, "GET /metrics").contains("allowed.txt"));

    let published = CONFIG.replace("provider = \"github\"", "provider = \"airwallex\"");
    let published = published.replace(".allow_from]\nfile = \"allowed.txt\"", "]\nallow = [\"provider\"]");
    replace(&folder, &published);
    gateway.hang_up();
    gateway.told_of("config_taken");
    // A gauge disappears if it has not been set for a second.
    let end = Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = get(&address, "GET /metrics");
        if !answer.contains("allowed.txt") {
            break answer;
        }
        assert!(Instant::now() < end, "{answer}");
        sleep(Duration::from_millis(200));
    };
    let of_the_catalogue = "countersign_allowlist_age_seconds{list=\"catalogue:airwallex\"} ";
    let age = answer.lines().find_map(|line| line.strip_prefix(of_the_catalogue)).expect(&answer);
    assert!(age.parse::<f64>().unwrap() > 0.0, "{age}");
    for other in ["countersign_store_entries{", "countersign_config_age_seconds ", "countersign_connections "] {
        assert!(answer.contains(other), "{other} is not in {answer}");
    }
    gateway.stop();
}

#[test]
fn evicted_connections_are_counted() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n");
    let mut gateway = Gateway::start(&folder, &CONFIG.replace("connections = 100", "connections = 2"), &[]);
    let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    let silent = [(); 2].map(|()| TcpStream::connect(&gateway.address).unwrap());
    assert!(gateway.send(&signed(providers::GITHUB, "/github", SECRET, b"{}")).starts_with("HTTP/1.1 200 "));
    has(&get(&address, "GET /metrics"), "countersign_connections_evicted_total{reason=\"places\"} 1");
    drop(silent);
    gateway.stop();
}

#[test]
fn connections_that_are_refused_before_a_request_are_counted() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n");
    for (proxies, reason) in [("10.0.0.0/8", "stranger"), ("127.0.0.0/8", "header")] {
        let config = format!("trusted_proxies = [\"{proxies}\"]\nproxy_protocol = \"v1-or-v2\"\n{CONFIG}");
        let mut gateway = Gateway::start(&folder, &config, &[]);
        let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
        // The connection may be reset while this is written.
        let _ = TcpStream::connect(&gateway.address).unwrap().write_all(b"POST /github HTTP/1.1\r\nHost: x\r\n\r\n");
        gateway.told_of("refused");
        has(&get(&address, "GET /metrics"), &format!("countersign_connections_refused_total{{reason=\"{reason}\"}} 1"));
        gateway.stop();
    }
}

#[test]
fn what_is_not_http_is_a_line_and_a_count() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n");
    let mut gateway = Gateway::start(&folder, CONFIG, &[]);
    let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    let beginnings: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\r\nPOST /github HTTP/1.1\r\n\r\n",
        b"POST /github HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    ];
    for (count, beginning) in beginnings.into_iter().enumerate() {
        let mut stream = TcpStream::connect(&gateway.address).unwrap();
        stream.write_all(beginning).unwrap();
        let line = gateway.told_of("refused");
        assert_eq!(line["code"], "not_http", "{line}");
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        let told = format!("countersign_connections_refused_total{{reason=\"not_http\"}} {}", count + 1);
        has(&get(&address, "GET /metrics"), &told);
    }
    gateway.stop();
}

#[test]
fn metrics_are_on_a_listener_of_their_own() {
    let folder = Folder::new();
    let config = CONFIG.replace("[endpoint.addresses.allow_from]\nfile = \"allowed.txt\"", "");
    let mut gateway = Gateway::start(&folder, &config, &[]);
    let address = gateway.told("metrics on http://").trim_end_matches("/metrics").to_owned();
    assert!(get(&gateway.address, "GET /metrics").starts_with("HTTP/1.1 404 "));
    assert!(get(&address, "GET /github").starts_with("HTTP/1.1 404 "));

    folder.write("countersign.toml", "listen = 1");
    gateway.hang_up();
    gateway.told_of("config_refused");
    has(&get(&address, "GET /metrics"), "countersign_config_loads_total{outcome=\"refused\"} 1");
    gateway.stop();
}

#[test]
fn a_metrics_port_in_use_is_a_mistake_before_the_gateway_says_that_it_listens() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.0/8\n");
    let metrics = format!("metrics = \"{}\"", taken.local_addr().unwrap());
    let config = CONFIG.replace("metrics = \"127.0.0.1:0\"", &metrics);
    let path = folder.write("countersign.toml", format!("listen = \"127.0.0.1:0\"\n{config}"));
    run(&["serve", "--config", &path]).is_mistake(&["cannot listen"]);
}

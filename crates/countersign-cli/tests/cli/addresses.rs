//! `countersign serve` with allowlists, and behind proxies.

#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use countersign::providers;
use serde_json::Value;

use crate::{
    program::{Folder, SECRET, run},
    serve::{Gateway, signed},
};

/// An endpoint for GitHub's deliveries with these rules.
pub(crate) fn endpoint(rules: &str) -> String {
    format!("[[endpoint]]\npath = \"/in\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n{rules}\n")
}

/// A signed delivery with more bytes in front of it and more header lines in it.
pub(crate) fn delivery(before: &[u8], lines: &str) -> Vec<u8> {
    let request = signed(providers::GITHUB, "/in", SECRET, b"{}");
    let end = request.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    [before, &request[..end], lines.as_bytes(), &request[end..]].concat()
}

/// The status of the answer; 0 if the connection was closed without one.
pub(crate) fn status(gateway: &Gateway, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    // A refused client may be cut off while it sends, before it reads.
    let _ = stream.write_all(request);
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap().split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

pub(crate) fn log(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn only_allowed_addresses_get_in() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &endpoint("addresses.allow = [\"127.0.0.0/8\", \"2001:db8::1\"]"), &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    gateway.stop();

    let gateway = Gateway::start(&folder, &endpoint("addresses = { allow = [\"203.0.113.0/24\"] }"), &[]);
    assert_eq!(status(&gateway, &delivery(b"", "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n")), 403);
    let line = &log(&gateway.stop().err)[0];
    assert_eq!((&line["code"], &line["status"]), (&"address".into(), &403.into()));
    assert!(line["reason"].as_str().unwrap().contains("127.0.0.1"), "{line}");
}

#[test]
fn behind_a_proxy_the_right_most_stranger_counts() {
    let folder = Folder::new();
    let rules = endpoint("addresses.allow = [\"203.0.113.0/24\"]");
    for (header, prefix) in [("x-forwarded-for", "X-Forwarded-For: "), ("forwarded", "Forwarded: for=")] {
        let front = format!("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\nclient_header = \"{header}\"\n");
        let gateway = Gateway::start(&folder, &(front + &rules), &[]);
        let lines = |hops: &[&str]| hops.iter().map(|hop| [prefix, hop, "\r\n"].concat()).collect::<Vec<_>>().concat();
        for (hops, expected) in [
            (&["203.0.113.7"][..], 200),
            (&["198.51.100.1", "203.0.113.7", "10.1.2.3"], 200),
            (&["203.0.113.7", "198.51.100.1"], 403),
            (&["203.0.113.7", "unknown"], 403),
            (&["203.0.113.7", "10.1.2.3.4"], 403),
            (&["10.1.2.3"], 403),
            (&[], 403),
        ] {
            assert_eq!(status(&gateway, &delivery(b"", &lines(hops))), expected, "{header} {hops:?}");
        }
        gateway.stop();
    }
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xcb\0\x71\x07\xc0\0\x02\x01\xdc\x04\x01\xbb\x04\0\0";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[test]
fn the_proxy_protocol_tells_the_client() {
    let folder = Folder::new();
    let front = "trusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = \"v1-or-v2\"\n";
    let config = format!("{front}{}", endpoint("addresses.allow = [\"203.0.113.0/24\"]"));
    let gateway = Gateway::start(&folder, &config, &[]);
    assert_eq!(status(&gateway, &delivery(V1, "")), 200);
    assert_eq!(status(&gateway, &delivery(V2, "")), 200);
    let stranger = b"PROXY TCP4 198.51.100.1 192.0.2.1 56324 443\r\n";
    assert_eq!(status(&gateway, &delivery(stranger, "X-Forwarded-For: 203.0.113.7\r\n")), 403);
    assert_eq!(status(&gateway, &delivery(LOCAL, "")), 403, "the proxy itself is not allowed");
    assert_eq!(status(&gateway, &delivery(b"PROXY UNKNOWN\r\n", "X-Forwarded-For: 203.0.113.7\r\n")), 403);
    for junk in
        [&b""[..], b"PROXY TCP4 203.0.113.7\r\n", b"PROXY TCP4 203.0.113.07 192.0.2.1 1 2\r\n", &V2[..13], b"\0"]
    {
        assert_eq!(status(&gateway, &delivery(junk, "")), 0, "{}", junk.escape_ascii());
    }
    // The second PROXY header is not an HTTP request.
    assert_eq!(status(&gateway, &delivery(&[V1, V1].concat(), "")), 400);
    let err = gateway.stop().err;
    assert!(err.contains("the PROXY header does not give the client's address"), "{err}");
    let refused: Vec<Value> = log(&err).into_iter().filter(|line| line["code"] == "proxy_protocol").collect();
    assert_eq!(refused.len(), 5);
    assert!(refused[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{refused:?}");
}

#[test]
fn a_proxy_header_in_pieces_is_waited_for_until_a_timeout() {
    let folder = Folder::new();
    let front = "trusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = \"v1-or-v2\"\n";
    let gateway =
        Gateway::start(&folder, &format!("{front}{}", endpoint("addresses.allow = [\"203.0.113.0/24\"]")), &[]);
    let request = delivery(V1, "");
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in &request[..V1.len() + 3] {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    stream.write_all(&request[V1.len() + 3..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let started = Instant::now();
    assert_eq!(status(&gateway, b"PROXY TCP4 203.0.113.7"), 0);
    assert!((4..15).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert!(gateway.stop().err.contains("within 5s"));
}

#[test]
fn a_peer_that_is_not_a_trusted_proxy_gets_no_answer() {
    let folder = Folder::new();
    let front = "trusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = \"v1-or-v2\"\n";
    let gateway = Gateway::start(&folder, &format!("{front}{}", endpoint("")), &[]);
    assert_eq!(status(&gateway, &delivery(V1, "")), 0);
    assert_eq!(status(&gateway, &delivery(b"", "")), 0);
    assert!(gateway.stop().err.contains("not in `trusted_proxies`"));
}

#[test]
fn wrong_rules_are_refused_with_their_place() {
    let folder = Folder::new();
    let front = |lines: &str| format!("{lines}\n{}", endpoint(""));
    let wrong: [(String, &str, &str); 28] = [
        (front("trusted_proxies = [\"10.0.0.0/8\"]"), ":1:19:", "nothing says how these proxies"),
        (front("trusted_proxies = []"), ":1:19:", "no proxy"),
        (
            front("trusted_proxies = [\"::1\", \"0.0.0.0/0\"]\nclient_header = \"forwarded\""),
            ":1:27:",
            "list the proxies alone",
        ),
        (
            front("trusted_proxies = [\"128.0.0.0/7\"]\nproxy_protocol = \"v1-or-v2\""),
            ":1:20:",
            "list the proxies alone",
        ),
        (front("trusted_proxies = [\"::/0\"]\nproxy_protocol = \"v1-or-v2\""), ":1:20:", "list the proxies alone"),
        (
            front("trusted_proxies = [\"::ffff:0:0/96\"]\nproxy_protocol = \"v1-or-v2\""),
            ":1:20:",
            "list the proxies alone",
        ),
        (
            front("trusted_proxies = [\"10.0.0.1/8\"]\nclient_header = \"forwarded\""),
            ":1:20:",
            "bits behind the prefix",
        ),
        (front("client_header = \"forwarded\""), ":1:17:", "`trusted_proxies`"),
        (front("proxy_protocol = \"v1-or-v2\""), ":1:18:", "`trusted_proxies`"),
        (front("trusted_proxies = [\"::1\"]\nclient_header = \"forwarded\""), ":2:17:", "add `addresses`"),
        (
            format!(
                "trusted_proxies = [\"::1\"]\nclient_header = \"x-real-ip\"\n{}",
                endpoint("addresses.allow = [\"::1\"]")
            ),
            ":2:17:",
            "`x-forwarded-for`",
        ),
        (front("trusted_proxies = [\"::1\"]\nproxy_protocol = \"v2\""), ":2:18:", "`v1-or-v2`"),
        (front("trusted_proxies = [\"::1\"]\nproxy_protocol = true"), ":2:18:", "string"),
        (endpoint("addresses = {}"), ":5:13:", "no address is allowed"),
        (endpoint("addresses.allow = []"), ":5:", "no address is allowed"),
        (endpoint("addresses.allow = [\"203.0.113.07\"]"), ":5:20:", "not an address"),
        (endpoint("addresses.allow = [\"github\"]"), ":5:20:", "not an address"),
        (endpoint("addresses.allow = [\"provider\"]"), ":5:20:", "no addresses for `github`"),
        (endpoint("addresses.deny = [\"::1\"]"), ":5:", "`deny`"),
        (endpoint("addresses.allow_from = {}"), ":5:24:", "`file` or `url`"),
        (endpoint("addresses.allow_from = { file = \"a\", url = \"https://b\" }"), ":5:24:", "`file` or `url`"),
        (endpoint("addresses.allow_from = { file = \"none.txt\" }"), ":5:24:", "none.txt cannot be read"),
        (endpoint("addresses.allow_from = { file = \"a\", copy = \"b\" }"), ":5:45:", "needs no copy"),
        (endpoint("addresses.allow_from = { url = \"http://a.example/\" }"), ":5:32:", "`https`"),
        (endpoint("addresses.allow_from = { url = \"ranges\" }"), ":5:32:", "`https`"),
        (endpoint("addresses.allow_from = { url = \"https://a.example\", every = \"1s\" }"), ":5:61:", "1m or more"),
        (endpoint("addresses.allow_from = { file = \"a\", format = \"csv\" }"), ":5:47:", "`lines`"),
        (endpoint("addresses.allow_from = { file = \"countersign.toml\" }"), ":5:24:", "line 1"),
    ];
    for (config, place, words) in wrong {
        let path = folder.write("countersign.toml", &config);
        run(&["serve", "--config", &path]).is_mistake(&[&format!("{path}{place}"), words]);
    }
}

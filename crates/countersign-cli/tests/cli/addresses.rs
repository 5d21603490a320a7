//! `countersign serve` with allowlists, behind proxies, and with lists that are fetched.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::providers;
use serde_json::Value;

use crate::{
    program::{Folder, SECRET, run},
    reload::replace,
    serve::{Gateway, signed},
};

/// An endpoint for GitHub's deliveries with these rules.
fn endpoint(rules: &str) -> String {
    format!("[[endpoint]]\npath = \"/in\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n{rules}\n")
}

/// A signed delivery with more bytes in front of it and more header lines in it.
fn delivery(before: &[u8], lines: &str) -> Vec<u8> {
    let request = signed(providers::GITHUB, "/in", SECRET, b"{}");
    let end = request.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    [before, &request[..end], lines.as_bytes(), &request[end..]].concat()
}

/// The status of the answer; 0 if the connection was closed without one.
fn status(gateway: &Gateway, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    // A refused client may be cut off while it sends, before it reads.
    let _ = stream.write_all(request);
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap().split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

fn log(text: &str) -> Vec<Value> {
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
fn a_file_of_addresses_is_read_again_and_a_bad_one_is_not_taken() {
    let folder = Folder::new();
    folder.write("allowed.txt", "203.0.113.0/24\n198.51.100.0/24\n");
    let rules = endpoint("addresses.allow_from = { file = \"allowed.txt\", every = \"1s\" }");
    let gateway = Gateway::start(&folder, &rules, &[]);
    let comes_to = |expected: u16| {
        let started = Instant::now();
        while status(&gateway, &delivery(b"", "")) != expected {
            assert!(started.elapsed() < Duration::from_secs(20), "it never came to {expected}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    assert_eq!(status(&gateway, &delivery(b"", "")), 403);
    folder.write("allowed.txt", "203.0.113.0/24\n198.51.100.0/24\n127.0.0.1 # this machine\n");
    comes_to(200);
    for bad in ["", "0.0.0.0/0\n", "10.0.0.1\n", "<html>"] {
        folder.write("allowed.txt", bad);
        thread::sleep(Duration::from_millis(1500));
        assert_eq!(status(&gateway, &delivery(b"", "")), 200, "{bad:?} was taken");
    }
    // A pipe without a writer, for which the gateway must not wait.
    let list = folder.path("allowed.txt");
    fs::remove_file(&list).unwrap();
    assert!(Command::new("mkfifo").arg(&list).status().unwrap().success());
    thread::sleep(Duration::from_millis(1500));
    fs::remove_file(&list).unwrap();
    folder.write("allowed.txt", "203.0.113.0/24\n198.51.100.0/24\n");
    comes_to(403);
    let log = log(&gateway.stop().err);
    let of = |verdict: &str| log.iter().filter(|line| line["verdict"] == verdict).count();
    assert!(of("list_taken") == 2 && of("list_refused") >= 5, "{log:?}");
}

#[test]
fn frequent_reloads_do_not_put_off_the_next_fetch_of_a_list() {
    let folder = Folder::new();
    folder.write("allowed.txt", "203.0.113.0/24\n");
    let rules = endpoint("addresses.allow_from = { file = \"allowed.txt\", every = \"2s\" }");
    let mut gateway = Gateway::start(&folder, &rules, &[]);
    folder.write("allowed.txt", "203.0.113.0/24\n127.0.0.1\n");
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(500));
        gateway.hang_up();
        gateway.told_of("config_taken");
    }
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    let log = log(&gateway.stop().err);
    assert_eq!(log.iter().filter(|line| line["verdict"] == "list_taken").count(), 1, "{log:?}");
}

#[test]
fn a_list_keeps_its_last_good_copy_when_only_its_settings_change() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"hooks": ["127.0.0.0/8", "203.0.113.0/24"]}"#);
    let mut gateway = Gateway::start(&folder, &server.rules(""), &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    server.say(None);
    replace(&folder, &server.rules(", may_shrink = true"));
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    gateway.told_of("list_refused"); // it was fetched at once
    server.say(Some(r#"{"hooks": ["203.0.113.0/24"]}"#));
    replace(&folder, &server.rules(", may_shrink = true, every = \"2h\""));
    gateway.told_of("list_taken");
    assert_eq!(status(&gateway, &delivery(b"", "")), 403);
}

/// A server that answers every request with this content; `None` is a 500.
struct ListServer {
    url: String,
    content: Arc<Mutex<Option<String>>>,
    requests: Arc<AtomicUsize>,
}

impl ListServer {
    fn start(content: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/meta?token=hunter2", listener.local_addr().unwrap());
        let server = Self { url, content: Arc::new(Mutex::new(Some(content.to_owned()))), requests: Arc::default() };
        let (content, requests) = (Arc::clone(&server.content), Arc::clone(&server.requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                requests.fetch_add(1, Ordering::SeqCst);
                let (status, body) = match &*content.lock().unwrap() {
                    Some(content) => ("200 OK", content.clone()),
                    None => ("500 Internal Server Error", String::new()),
                };
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        server
    }

    fn say(&self, content: Option<&str>) {
        *self.content.lock().unwrap() = content.map(str::to_owned);
    }

    fn rules(&self, more: &str) -> String {
        endpoint(&format!("addresses.allow_from = {{ url = \"{}\", format = \"json:/hooks\"{more} }}", self.url))
    }
}

#[test]
fn the_list_that_the_provider_publishes_needs_neither_a_url_nor_a_format() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"items": [{"cidr": "127.0.0.0/8"}, {"cidr": "203.0.113.0/24"}]}"#);
    let scheme = |addresses: &str| {
        let github = providers::GITHUB.toml();
        let own = github.find("[addresses]").map_or(github, |at| &github[..at]);
        folder.write("own.toml", format!("{own}\n{addresses}"))
    };
    let rules = "[[endpoint]]\npath = \"/in\"\nscheme = \"own.toml\"\nsecrets = [\"env:SECRET\"]\n\
                 addresses.allow_from = { url = \"provider\" }\n";
    scheme(&format!("[addresses]\nlist = \"{}\"\njson = \"/items/*/cidr\"\n", server.url));
    let gateway = Gateway::start(&folder, rules, &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    gateway.stop();

    server.say(Some(r#"{"items": [{"cidr": "203.0.113.0/24"}]}"#));
    let gateway = Gateway::start(&folder, rules, &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 403);
    gateway.stop();

    scheme("");
    let config = folder.write("countersign.toml", rules);
    run(&["serve", "--config", &config]).is_mistake(&[":5:", "no list for `own`"]);
}

#[test]
fn a_kept_copy_outlives_its_url_and_guards_against_what_comes_next() {
    let folder = Folder::new();
    let good = r#"{"hooks": ["127.0.0.0/8", "203.0.113.0/24"]}"#;
    let server = ListServer::start(good);
    let rules = server.rules(", copy = \"kept.json\"");
    let restart = |expected: u16, verdict: Option<&str>| {
        let mut gateway = Gateway::start(&folder, &rules, &[]);
        assert_eq!(status(&gateway, &delivery(b"", "")), expected);
        verdict.map(|verdict| gateway.told_of(verdict));
        gateway.stop().err
    };
    assert!(!restart(200, None).contains("list_"));
    let kept = || fs::read_to_string(folder.path("kept.json")).unwrap();
    assert!(kept().starts_with("# countersign: a copy from 127.0.0.1 (") && kept().ends_with(good), "{}", kept());
    assert!(!kept().contains("hunter2"));

    server.say(None);
    assert!(restart(200, Some("list_refused")).contains("the server answered 500"));
    let others = r#"{"hooks": ["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"]}"#;
    server.say(Some(others));
    assert!(restart(200, Some("list_refused")).contains("lacks more than half"));
    assert!(kept().ends_with(good));

    fs::remove_file(folder.path("kept.json")).unwrap();
    restart(403, None);
    assert!(kept().ends_with(others));
    assert_eq!(server.requests.load(Ordering::SeqCst), 4);
}

#[test]
fn a_server_that_does_not_answer_holds_up_no_start_that_has_a_copy() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"hooks": ["127.0.0.0/8"]}"#);
    let rules = server.rules(", copy = \"kept.json\"");
    Gateway::start(&folder, &rules, &[]).stop();

    let silence = server.content.lock().unwrap();
    let started = Instant::now();
    let gateway = Gateway::start(&folder, &rules, &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    gateway.stop();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    drop(silence);
}

#[test]
fn a_copy_that_does_not_fit_another_format_is_ignored() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"hooks": ["203.0.113.0/24"], "others": ["127.0.0.0/8"]}"#);
    let rules = server.rules(", copy = \"kept.json\"");
    let start = |rules: &str| {
        let gateway = Gateway::start(&folder, rules, &[]);
        (status(&gateway, &delivery(b"", "")), gateway.stop().err)
    };
    assert_eq!(start(&rules).0, 403);
    server.say(Some(r#"{"others": ["127.0.0.0/8"]}"#));
    let kept = fs::read_to_string(folder.path("kept.json")).unwrap();
    folder.write("kept.json", kept.replace("others", "other"));
    let (status, err) = start(&rules.replace("json:/hooks", "json:/others"));
    assert!(
        status == 200 && err.contains("list_copy_ignored") && err.contains("nothing at `/others`"),
        "{status} {err}"
    );
}

#[test]
fn a_reload_gives_no_endpoint_the_copy_of_one_that_may_shrink() {
    let folder = Folder::new();
    folder.write("allowed.txt", "127.0.0.1\n203.0.113.1\n203.0.113.3\n203.0.113.5\n");
    let list = |path: &str, more: &str| endpoint(&format!("addresses.{more} }}")).replace("/in", path);
    let loose = list("/loose", "allow_from = { file = \"allowed.txt\", every = \"1s\", may_shrink = true");
    let guarded = "allow_from = { file = \"allowed.txt\", every = \"1s\"";
    let mut gateway = Gateway::start(&folder, &format!("{loose}{}", list("/in", guarded)), &[]);
    folder.write("allowed.txt", "203.0.113.1\n");
    gateway.told_of("list_taken");
    gateway.told_of("list_refused");
    let changed = list("/in", &format!("allow = [\"192.0.2.1\"]\naddresses.{guarded}"));
    replace(&folder, &format!("{loose}{changed}"));
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
}

#[test]
fn a_copy_of_another_list_lets_nobody_in() {
    let folder = Folder::new();
    let old = ListServer::start(r#"{"hooks": ["127.0.0.0/8", "203.0.113.0/24"]}"#);
    let new = ListServer::start(r#"{"hooks": ["203.0.113.0/24"]}"#);
    let restart = |server: &ListServer, expected: u16| {
        let gateway = Gateway::start(&folder, &server.rules(", copy = \"kept.json\""), &[]);
        assert_eq!(status(&gateway, &delivery(b"", "")), expected);
        log(&gateway.stop().err)
    };
    restart(&old, 200);
    let log = restart(&new, 403);
    let ignored = log.iter().find(|line| line["verdict"] == "list_copy_ignored").unwrap();
    assert_eq!((&ignored["ranges"], &ignored["list"]), (&1.into(), &"127.0.0.1/meta".into()));
    assert!(!restart(&new, 403).iter().any(|line| line["verdict"] == "list_copy_ignored"));

    old.say(None);
    let config = folder.write("countersign.toml", old.rules(", copy = \"kept.json\""));
    run(&["serve", "--config", &config]).is_mistake(&[":5:", "could not be fetched from", "500"]);
}

#[test]
fn a_copy_never_overwrites_another_file() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"hooks": ["127.0.0.0/8"]}"#);
    folder.write("secret", SECRET);
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    for (file, problem) in [("pipe", "it is a pipe"), (".", "cannot be read")] {
        let config = folder.write("countersign.toml", server.rules(&format!(", copy = \"{file}\"")));
        run(&["serve", "--config", &config]).is_mistake(&["the copy cannot be kept in its file", problem]);
    }
    for file in ["secret", "countersign.toml"] {
        let text = server.rules(&format!(", copy = \"{file}\"")).replace("env:SECRET", "file:secret");
        let config = folder.write("countersign.toml", &text);
        run(&["serve", "--config", &config]).is_mistake(&["not a copy of a list: name another file"]);
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
        assert_eq!(fs::read_to_string(folder.path("secret")).unwrap(), SECRET);
    }
}

#[test]
fn two_endpoints_with_one_list_fetch_it_once() {
    let folder = Folder::new();
    let server = ListServer::start(r#"{"hooks": ["127.0.0.0/8"]}"#);
    let rules = server.rules(", copy = \"kept.json\"");
    let gateway = Gateway::start(&folder, &format!("{rules}{}", rules.replace("/in", "/other")), &[]);
    assert_eq!(status(&gateway, &delivery(b"", "")), 200);
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_url_that_fails_at_the_start_is_a_mistake_unless_there_is_a_copy() {
    let folder = Folder::new();
    let server = ListServer::start("");
    server.say(None);
    let config = folder.write("countersign.toml", server.rules(""));
    let ran = run(&["serve", "--config", &config]);
    ran.is_mistake(&[":5:", "could not be fetched from", "500", "`copy`"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    // The configuration is read twice. A list that failed must not be fetched a second time.
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
    server.say(Some(r#"{"hooks": []}"#));
    run(&["serve", "--config", &config]).is_mistake(&[":5:", "the list is empty"]);
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

#[test]
fn two_lists_do_not_share_a_copy() {
    let folder = Folder::new();
    let (one, other) = (ListServer::start(r#"{"hooks": ["127.0.0.1"]}"#), ListServer::start(r#"{"hooks": ["::1"]}"#));
    let rules = |server: &ListServer| server.rules(", copy = \"kept.json\"");
    let both = rules(&one) + &rules(&other).replace("/in", "/other");
    let path = folder.write("countersign.toml", both);
    run(&["serve", "--config", &path]).is_mistake(&[&format!("{path}:10:"), "give each its own file"]);
}

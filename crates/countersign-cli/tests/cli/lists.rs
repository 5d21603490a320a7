//! `countersign serve` with lists of addresses that are fetched, and their copies.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::providers;

use crate::{
    addresses::{delivery, endpoint, log, status},
    program::{Folder, SECRET, run},
    reload::replace,
    serve::Gateway,
};

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
fn two_lists_do_not_share_a_copy() {
    let folder = Folder::new();
    let (one, other) = (ListServer::start(r#"{"hooks": ["127.0.0.1"]}"#), ListServer::start(r#"{"hooks": ["::1"]}"#));
    let rules = |server: &ListServer| server.rules(", copy = \"kept.json\"");
    let both = rules(&one) + &rules(&other).replace("/in", "/other");
    let path = folder.write("countersign.toml", both);
    run(&["serve", "--config", &path]).is_mistake(&[&format!("{path}:10:"), "give each its own file"]);
}

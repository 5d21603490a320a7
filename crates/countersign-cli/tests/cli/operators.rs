//! Operators, whose tokens have an event handled again.

#![cfg(unix)]

use countersign::providers;
use serde_json::Value;

use crate::{
    program::{Folder, SECRET, run},
    reload::replace,
    serve::{Gateway, json_lines, signed},
};

const TOKEN: &str = "a-token-that-nobody-has-ever-guessed";

const CONFIG: &str = "[operators]\nalice = \"file:alice.token\"\nbob = \"file:bob.token\"\n\n[[endpoint]]\npath = \"/github\"\n\
                      provider = \"github\"\nsecrets = [\"env:SECRET\"]\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("alice.token", format!("{TOKEN}\n"));
    folder.write("bob.token", "another-token-that-nobody-has-guessed");
    folder
}

/// A signed delivery with these lines in its head.
fn delivery(secret: &str, lines: &[&str]) -> Vec<u8> {
    let request = signed(providers::GITHUB, "/github", secret, b"{}");
    let start = request.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
    let lines = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"]).collect::<Vec<_>>().concat();
    [&request[..start], &lines, &request[start..]].concat()
}

fn with_token(token: &str) -> Vec<u8> {
    delivery(SECRET, &[&format!("Countersign-Operator: {token}")])
}

#[track_caller]
fn is_answered(gateway: &Gateway, request: &[u8], status: u16) {
    let answer = gateway.send(request);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

fn of<'l>(lines: &'l [Value], name: &str) -> Vec<&'l str> {
    lines.iter().map(|line| line[name].as_str().unwrap_or("-")).collect()
}

#[test]
fn an_operators_token_has_an_event_handled_again_and_the_line_names_the_operator() {
    let folder = folder();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    is_answered(&gateway, &delivery(SECRET, &[]), 200);
    is_answered(&gateway, &delivery(SECRET, &[]), 200);
    is_answered(&gateway, &with_token(TOKEN), 200);
    is_answered(&gateway, &with_token("another-token-that-nobody-has-guessed"), 200);
    let ran = gateway.stop();
    let lines = json_lines(&ran.out);
    assert_eq!(of(&lines, "verdict"), ["accepted"; 3]);
    assert_eq!(of(&lines, "operator"), ["-", "alice", "bob"]);
    assert_eq!(of(&json_lines(&ran.err), "verdict"), ["duplicate"]);
}

#[test]
fn a_token_passes_the_replay_guard_and_no_other_check() {
    let folder = folder();
    let gateway = Gateway::start(&folder, &format!("{CONFIG}addresses = {{ allow = [\"127.0.0.0/8\"] }}\n"), &[]);
    let token = format!("Countersign-Operator: {TOKEN}");
    is_answered(&gateway, &delivery("another-secret", &[&token]), 401);
    let ran = gateway.stop();
    assert_eq!((ran.out.as_str(), &*of(&json_lines(&ran.err), "code")), ("", &["signature"][..]));

    let gateway = Gateway::start(&folder, &format!("{CONFIG}addresses = {{ allow = [\"203.0.113.7\"] }}\n"), &[]);
    is_answered(&gateway, &with_token(TOKEN), 403);
    assert_eq!(of(&json_lines(&gateway.stop().err), "code"), ["address"]);
}

#[test]
fn an_unknown_token_is_answered_403_and_not_like_a_duplicate() {
    let folder = folder();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    is_answered(&gateway, &delivery(SECRET, &[]), 200);
    let line = format!("Countersign-Operator: {TOKEN}");
    let tokens = ["", "alice", &TOKEN[1..], &format!("{TOKEN}x"), &TOKEN.to_uppercase(), &format!("Bearer {TOKEN}")];
    for token in tokens {
        is_answered(&gateway, &with_token(token), 403);
    }
    is_answered(&gateway, &delivery(SECRET, &[&line, &line]), 403);
    let ran = gateway.stop();
    assert_eq!(json_lines(&ran.out).len(), 1);
    let refused = json_lines(&ran.err);
    assert_eq!(of(&refused, "code"), ["unknown_operator"; 7]);
    assert!(!ran.err.contains(TOKEN), "{}", ran.err);
    let explained = run(&["explain", "--log", &refused[0].to_string()]);
    assert!(explained.code == 1 && explained.out.contains("[operators]"), "{explained:?}");

    let gateway = Gateway::start(&folder, CONFIG.split_once("\n\n").unwrap().1, &[]);
    is_answered(&gateway, &with_token(TOKEN), 403);
    assert_eq!(of(&json_lines(&gateway.stop().err), "code"), ["unknown_operator"]);
}

#[test]
fn send_brings_the_token_of_a_file() {
    let folder = folder();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    let (to, token) = (format!("http://{}/github", gateway.address), folder.path("alice.token"));
    let send = ["send", "github", "--to", &to, "--data", "{}", "--secret-env", "SECRET"];
    for more in [&[][..], &["--operator-file", token.to_str().unwrap()]] {
        let ran = run(&[&send[..], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    run(&[&send[..], &["--operator-env", "UNSET"]].concat()).is_mistake(&["`UNSET` is not set"]);
    assert_eq!(of(&json_lines(&gateway.stop().out), "operator"), ["-", "alice"]);
}

#[test]
fn the_token_of_an_operator_who_is_removed_is_refused() {
    let folder = folder();
    let mut gateway = Gateway::start(&folder, CONFIG, &[]);
    is_answered(&gateway, &with_token(TOKEN), 200);
    replace(&folder, &CONFIG.replace("alice = \"file:alice.token\"\n", ""));
    gateway.told_of("config_taken");
    is_answered(&gateway, &with_token(TOKEN), 403);
    gateway.stop();
}

#[test]
fn a_wrong_token_in_the_configuration_is_refused_with_its_place() {
    let folder = folder();
    folder.write("short.token", &TOKEN[..31]);
    folder.write("spaced.token", TOKEN.replace('-', " "));
    let one_more = |at: usize| {
        folder.write(&format!("{at}.token"), format!("{TOKEN}-{at}"));
        format!("{at} = \"file:{at}.token\"\n")
    };
    let crowd = (0..16).map(one_more).collect::<Vec<_>>().concat();
    let wrong = [
        (CONFIG.replace("file:alice", "file:short"), ":2:9:", "at least 32"),
        (CONFIG.replace("file:alice", "file:spaced"), ":2:9:", "`openssl rand -hex 32`"),
        (CONFIG.replace("file:alice.token", TOKEN), ":2:9:", "`env:NAME` or `file:PATH`"),
        (CONFIG.replace("file:alice", "file:bob"), ":3:7:", "another operator has this token"),
        (CONFIG.replace("file:alice", "file:nowhere"), ":2:9:", "nowhere"),
        (CONFIG.replace("alice = \"file:alice.token\"\n", &crowd), ":2:5:", "16 operators at most"),
    ];
    for (config, place, words) in wrong {
        let path = folder.write("countersign.toml", &config);
        let ran = run(&["serve", "--config", &path]);
        ran.is_mistake(&[&format!("{path}{place}"), words]);
        assert!(!ran.err.contains(TOKEN), "{}", ran.err);
    }
}

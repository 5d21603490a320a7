use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use crate::program::{Folder, Ran, run, run_with};

#[cfg(unix)]
use crate::serve::Gateway;

/// Answers one request with `answer`, and returns the request.
fn receiver(answer: &'static str) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in?a=1", listener.local_addr().unwrap());
    let handle = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !is_whole(&request) {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    (url, handle)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>().unwrap();
    request.len() == end + 4 + length
}

const OK: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

#[cfg(unix)]
fn gateway(folder: &Folder) -> Gateway {
    let config = "[[endpoint]]\npath = \"/stripe\"\nprovider = \"stripe\"\nsecrets = [\"env:SECRET\"]\n\
                  [[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n";
    Gateway::start(folder, config, &[])
}

#[cfg(unix)]
fn send(gateway: &Gateway, provider: &str, more: &[&str]) -> Ran {
    let url = format!("http://{}/{provider}", gateway.address);
    run(&[&["send", provider, "--to", &url, "--secret-env", "SECRET", "--data", "{\"id\":\"evt_1\"}"], more].concat())
}

#[cfg(unix)]
#[test]
fn every_tag_is_changed_if_a_provider_sends_two() {
    let folder = Folder::new();
    let config = "[[endpoint]]\npath = \"/tabapay\"\nprovider = \"tabapay\"\nsecrets = [\"env:SECRET\"]\n";
    let gateway = Gateway::start(&folder, config, &[]);
    let ran = send(&gateway, "tabapay", &["--tamper", "signature"]);
    assert!(ran.code == 0 && ran.out.contains("401"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_signed_delivery_is_accepted_and_a_tampered_one_refused() {
    let folder = Folder::new();
    let gateway = gateway(&folder);
    let ran = send(&gateway, "stripe", &[]);
    assert!(ran.code == 0 && ran.out.starts_with("200 OK  ") && ran.out.ends_with(" ms\n"), "{ran:?}");
    for what in ["body", "signature", "timestamp"] {
        let ran = send(&gateway, "stripe", &["--tamper", what]);
        assert!(ran.code == 0 && ran.out.starts_with("401 ") && ran.out.contains("as it should be"), "{what}: {ran:?}");
    }
    let wrong = folder.write("wrong", "another-secret");
    let url = format!("http://{}/stripe", gateway.address);
    let ran = run(&["send", "stripe", "--to", &url, "--data", "{}", "--secret-file", &wrong]);
    assert!(ran.code == 1 && ran.out.starts_with("401 "), "{ran:?}");
    gateway.stop();
}

#[cfg(unix)]
#[test]
fn many_deliveries_are_sent_one_after_the_other() {
    let folder = Folder::new();
    let gateway = gateway(&folder);
    let ran = send(&gateway, "github", &["--times", "25", "--event-type", "push"]);
    assert_eq!((ran.code, ran.out.lines().count(), ran.out.lines().last()), (0, 26, Some("25 of 25 accepted")));
    let log = gateway.stop();
    let lines =
        |text: &str| text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).collect();
    // GitHub signs no id, so equal deliveries are one event, whatever id their header has.
    let accepted: Vec<_> = lines(&log.out);
    assert!(matches!(accepted.as_slice(), [line] if line["event_type"]["value"] == "push"), "{log:?}");
    let again: Vec<_> = lines(&log.err);
    assert_eq!(again.iter().filter(|line| line["verdict"] == "duplicate").count(), 24, "{log:?}");
}

#[cfg(unix)]
#[test]
fn a_body_larger_than_the_limit_gets_its_413() {
    let folder = Folder::new();
    let gateway = gateway(&folder);
    let file = folder.write("large.json", vec![b'1'; 3 * 1024 * 1024]);
    let url = format!("http://{}/github", gateway.address);
    let ran = run(&["send", "github", "--to", &url, "--secret-env", "SECRET", "--data", &format!("@{file}")]);
    assert!(ran.code == 1 && ran.out.starts_with("413 "), "{ran:?}");
    gateway.stop();
}

#[test]
fn what_is_sent_is_the_data_byte_for_byte() {
    let folder = Folder::new();
    let bytes = b"\0\xff{}\r\n";
    let file = format!("@{}", folder.write("data", bytes));
    for data in ["@-", &*file] {
        let (url, received) = receiver(OK);
        let args = [
            "send",
            "github",
            "--to",
            &url,
            "--secret-env",
            "SECRET",
            "--data",
            data,
            "--header",
            "X-A: 1",
            "--header",
            "X-A: 2",
        ];
        let ran = run_with(&args, bytes);
        assert!(ran.code == 0 && ran.out.starts_with("204 No Content"), "{ran:?}");
        let request = received.join().unwrap();
        assert!(request.ends_with(&[b"\r\n\r\n", &bytes[..]].concat()));
        let head = String::from_utf8_lossy(&request).to_lowercase();
        assert!(
            head.starts_with("post /in?a=1 http/1.1\r\n") && head.contains("x-a: 1\r\n") && head.contains("x-a: 2\r\n")
        );
        assert!(head.contains("content-type: application/octet-stream\r\n") && head.contains("x-github-delivery: "));
    }
}

#[test]
fn a_given_header_replaces_the_guessed_one() {
    let (url, received) = receiver(OK);
    run(&[
        "send",
        "github",
        "--to",
        &url,
        "--secret-env",
        "SECRET",
        "--data",
        "{}",
        "--header",
        "content-type: text/x",
        "--header",
        "X-GitHub-Delivery: 7",
    ]);
    let request = String::from_utf8(received.join().unwrap()).unwrap().to_lowercase();
    assert_eq!((request.matches("content-type:").count(), request.matches("x-github-delivery:").count()), (1, 1));
    assert!(request.contains("content-type: text/x\r\n") && request.contains("x-github-delivery: 7\r\n"), "{request}");
}

#[test]
fn redirects_are_not_followed() {
    let (url, received) = receiver(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let ran = run(&["send", "github", "--to", &url, "--secret-env", "SECRET", "--data", "{}"]);
    assert!(ran.code == 1 && ran.out.starts_with("302 Found"), "{ran:?}");
    received.join().unwrap();
}

#[test]
fn an_answer_of_500_is_not_a_refusal() {
    let (url, received) = receiver("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let ran = run(&["send", "github", "--to", &url, "--secret-env", "SECRET", "--data", "{}", "--tamper", "body"]);
    assert!(ran.code == 1 && ran.out.contains("NOT refused"), "{ran:?}");
    received.join().unwrap();
}

#[test]
fn no_answer_is_a_failure_and_not_a_mistake() {
    let ran = run(&["send", "github", "--to", "http://127.0.0.1:1/", "--secret-env", "SECRET", "--data", "{}"]);
    assert_eq!((ran.code, &*ran.out), (1, ""));
    assert!(ran.err.starts_with("countersign: no answer from http://127.0.0.1:1/: "), "{ran:?}");
    assert!(ran.err.contains("is something listening there?"), "{ran:?}");
    let ran =
        run(&["send", "github", "--to", "http://me:hunter2@127.0.0.1:1/", "--secret-env", "SECRET", "--data", "{}"]);
    assert!(ran.err.starts_with("countersign: no answer from http://127.0.0.1:1/: "), "{ran:?}");
}

#[test]
fn what_cannot_be_sent_is_a_mistake() {
    let send = |provider: &str, more: &[&str]| {
        run(&[&["send", provider, "--to", "http://127.0.0.1:1/", "--data", "{}", "--secret-env", "SECRET"], more]
            .concat())
    };
    send("github", &["--tamper", "timestamp"]).is_mistake(&["signs no time"]);
    send("gitlab", &["--tamper", "body"]).is_mistake(&["does not sign the body"]);
    send("stripe", &["--event-type", "x"]).is_mistake(&["JSON value `/type`", "--data"]);
    send("stripe", &["--times", "10001"]).is_mistake(&["--times"]);
    send("stripe", &["--header", "no colon"]).is_mistake(&["Name: value"]);
    send("stripe", &["--secret-env", "HOME"]).is_mistake(&["more than one secret"]);
    run(&["send", "stripe", "--to", "example.com", "--data", "x"]).is_mistake(&["http://localhost:3000/hooks"]);
    run(&["send", "stripe", "--to", "http://127.0.0.1:1/", "--data", "@/nowhere"])
        .is_mistake(&["/nowhere cannot be read"]);
}

#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    mem,
    net::{Shutdown, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use countersign::{Signer, providers};
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, Ran, Running, SECRET, countersign, ran, run};

/// A gateway that runs until it is stopped.
pub(crate) struct Gateway {
    pub(crate) child: Running,
    pub(crate) address: String,
    /// Its log so far, without the line that says that it listens.
    early: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Gateway {
    pub(crate) fn start(folder: &Folder, config: &str, more: &[&str]) -> Self {
        Self::start_with(folder, config, more, Stdio::piped())
    }

    pub(crate) fn start_with(folder: &Folder, config: &str, more: &[&str], stdout: Stdio) -> Self {
        let mut program = countersign();
        program.stdout(stdout);
        Self::start_as(program, folder, config, more)
    }

    /// Starts it with this command, which may have its own environment.
    pub(crate) fn start_as(mut program: Command, folder: &Folder, config: &str, more: &[&str]) -> Self {
        let config = folder.write("countersign.toml", format!("listen = \"127.0.0.1:0\"\n{config}"));
        let mut child = Running(program.args(["serve", "--config", &config]).args(more).spawn().unwrap());
        let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
        let mut early = String::new();
        let (start, address) = loop {
            let start = early.len();
            assert!(stderr.read_line(&mut early).unwrap() > 0, "it does not listen: {early}");
            if let Some((_, address)) = early[start..].split_once("listening on http://") {
                break (start, address.split(' ').next().unwrap().to_owned());
            }
        };
        early.truncate(start);
        Self { child, address, early, stderr }
    }

    /// Sends bytes and reads the answer to its end.
    pub(crate) fn send(&self, request: &[u8]) -> String {
        send(&self.address, request)
    }

    /// The text after these words in the next line that has them.
    pub(crate) fn told(&mut self, words: &str) -> String {
        loop {
            let start = self.early.len();
            assert!(self.stderr.read_line(&mut self.early).unwrap() > 0, "it does not say {words:?}: {}", self.early);
            if let Some((_, rest)) = self.early[start..].split_once(words) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// The next line with this verdict.
    pub(crate) fn told_of(&mut self, verdict: &str) -> Value {
        loop {
            let start = self.early.len();
            assert!(self.stderr.read_line(&mut self.early).unwrap() > 0, "no {verdict:?}: {}", self.early);
            let line = serde_json::from_str::<Value>(&self.early[start..]).unwrap_or_default();
            if line["verdict"] == verdict {
                return line;
            }
        }
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.child.signal(Signal::HUP);
    }

    /// Waits until it begins to write a line.
    pub(crate) fn wait_for_output(&mut self) {
        self.child.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// Sends SIGTERM, and returns what it wrote.
    pub(crate) fn stop(mut self) -> Ran {
        self.child.signal(Signal::TERM);
        let (mut stdout, mut stderr) = (Vec::new(), mem::take(&mut self.early).into_bytes());
        self.stderr.read_to_end(&mut stderr).unwrap();
        if let Some(out) = &mut self.child.0.stdout {
            out.read_to_end(&mut stdout).unwrap();
        }
        ran(Output { status: self.child.0.wait().unwrap(), stdout, stderr })
    }
}

/// Sends bytes and reads the answer to its end.
pub(crate) fn send(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) const CONFIG: &str = r#"
body_limit = 1000
body_timeout = "300ms"

[[endpoint]]
path = "/github"
provider = "github"
secrets = ["env:SECRET"]

[[endpoint]]
path = "/stripe"
provider = "stripe"
secrets = [{ from = "env:SECRET", label = "current" }]
"#;

pub(crate) fn signed(provider: impl countersign::IntoScheme, path: &str, secret: &str, body: &[u8]) -> Vec<u8> {
    let request = http::Request::post(path).header("Content-Type", "application/json").body(body.to_vec()).unwrap();
    let signed = Signer::new(provider, secret).unwrap().sign(request, std::time::SystemTime::now()).unwrap();
    let mut text =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in signed.headers() {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn a_configuration_is_checked_without_being_served() {
    let folder = Folder::new();
    let config = folder
        .write("checked.toml", "[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n");
    let check = || crate::program::run(&["serve", "--config", &config, "--check"]);
    let ran = check();
    assert_eq!((ran.code, &*ran.err), (0, ""));
    assert!(ran.out.ends_with("checked.toml: can be served: 1 endpoint\n"), "{}", ran.out);
    folder
        .write("checked.toml", "[[endpoint]]\npath = \"/github\"\nprovider = \"githup\"\nsecrets = [\"env:SECRET\"]\n");
    let ran = check();
    assert!(ran.code == 2 && ran.err.contains("githup"), "{}", ran.err);
}

#[test]
fn a_gateway_logs_what_it_accepts_and_refuses_the_rest_without_details() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    let body = br#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let accepted = gateway.send(&signed(providers::STRIPE, "/stripe", SECRET, body));
    let forged = gateway.send(&signed(providers::STRIPE, "/stripe", "whsec_another", body));
    let unsigned = gateway.send(b"POST /github HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let large = gateway.send(&signed(providers::GITHUB, "/github", SECRET, &[b'x'; 1001]));
    let elsewhere = gateway.send(&signed(providers::STRIPE, "/", SECRET, body));
    let answers = [&accepted, &forged, &unsigned, &large, &elsewhere];
    let statuses = answers.map(|answer| answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}")));
    assert_eq!(statuses, ["200", "401", "400", "413", "404"]);
    for answer in answers {
        assert!(answer.ends_with("\r\n\r\n"), "there is a body: {answer}");
    }

    let ran = gateway.stop();
    assert_eq!(ran.code, 0);
    let [line] = &*json_lines(&ran.out) else { panic!("{}", ran.out) };
    assert_eq!(
        (&line["verdict"], &line["endpoint"], &line["key"]),
        (&"accepted".into(), &"/stripe".into(), &"current".into())
    );
    assert_eq!(line["event_id"], serde_json::json!({ "value": "evt_1", "covered": true }));
    assert_eq!((&line["bytes"], &line["content_type"]), (&body.len().into(), &"application/json".into()));
    assert_eq!((&line["method"], &line["body_covered"]), (&"POST".into(), &true.into()));
    assert!(line.get("body").is_none() && line.get("query").is_none());
    let refused: Vec<_> = json_lines(&ran.err).iter().map(|line| line["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(refused, ["signature", "missing_signature", "body_too_large", "no_endpoint"]);
    assert!(ran.err.contains(r#""path":"/""#), "{}", ran.err);
    assert!(json_lines(&ran.err).iter().all(|line| line["peer"].as_str().is_some_and(|peer| peer.starts_with("127."))));
}

#[test]
fn with_bodies_a_line_has_the_query_unless_it_may_hold_the_token_and_tells_whether_the_body_is_covered() {
    let folder = Folder::new();
    let config = "\
                  [[endpoint]]\npath = \"/paid\"\nprovider = \"mercadopago\"\nsecrets = [\"env:SECRET\"]\n\
                  [[endpoint]]\npath = \"/token\"\nprovider = \"cloudevents-query\"\nsecrets = [\"env:SECRET\"]\n";
    let gateway = Gateway::start(&folder, config, &["--bodies"]);
    for (provider, uri) in
        [(providers::MERCADOPAGO, "/paid?data.id=123&type=payment"), (providers::CLOUDEVENTS_QUERY, "/token")]
    {
        let request = http::Request::post(uri).header("x-request-id", "1").body(b"{}".to_vec()).unwrap();
        let signed = Signer::new(provider, SECRET).unwrap().sign(request, std::time::SystemTime::now()).unwrap();
        let mut text = format!("POST {} HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n", signed.uri());
        for (name, value) in signed.headers() {
            text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
        }
        let answer = gateway.send((text + "\r\n{}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let told: Vec<_> = json_lines(&gateway.stop().out)
        .iter()
        .map(|line| ["query", "body", "body_covered"].map(|name| line[name].clone()))
        .collect();
    assert_eq!(
        told,
        [["data.id=123&type=payment".into(), "{}".into(), false.into()], [Value::Null, "{}".into(), false.into()],]
    );
}

#[test]
fn a_client_that_closes_its_side_after_the_request_gets_the_answer() {
    let folder = Folder::new();
    let store = format!("[replay]\nstore = \"sqlite:claims.db\"\n{CONFIG}").replace("\nbody_", "\n# body_");
    let gateway = Gateway::start(&folder, &store, &[]);
    for round in 0..20 {
        let body = format!("{{\"round\":{round}}}");
        let mut stream = TcpStream::connect(&gateway.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&signed(providers::GITHUB, "/github", SECRET, body.as_bytes())).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{round}: {answer}");
    }
    assert_eq!(json_lines(&gateway.stop().out).len(), 20);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_refused() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, CONFIG, &[]);
    let mut request = signed(providers::GITHUB, "/github", SECRET, b"{\"a\":1}");
    request.truncate(request.len() - 3);
    let started = Instant::now();
    let answer = gateway.send(&request);
    assert!(answer.starts_with("HTTP/1.1 408 ") && started.elapsed() < Duration::from_secs(10), "{answer}");
    assert!(gateway.stop().err.contains("body_timeout"));
}

#[test]
fn keys_rotate_by_labels_and_times() {
    let folder = Folder::new();
    folder.write("secrets/old", format!("{SECRET}\n"));
    let config = r#"
[[endpoint]]
path = "/old"
provider = "github"
secrets = [{ from = "file:secrets/old", label = "old", not_after = 2020-01-01T00:00:00Z }]

[[endpoint]]
path = "/new"
provider = "github"
secrets = [{ from = "file:secrets/old", label = "old", not_before = 2020-01-01T00:00:00+01:00 }, "file:secrets/new"]
"#;
    folder.write("secrets/new", "the-new-secret");
    let gateway = Gateway::start(&folder, config, &[]);
    assert!(gateway.send(&signed(providers::GITHUB, "/old", SECRET, b"{}")).starts_with("HTTP/1.1 401 "));
    assert!(gateway.send(&signed(providers::GITHUB, "/new", SECRET, b"{}")).starts_with("HTTP/1.1 200 "));
    assert!(gateway.send(&signed(providers::GITHUB, "/new", "the-new-secret", b"{}")).starts_with("HTTP/1.1 200 "));
    let ran = gateway.stop();
    let lines = json_lines(&ran.err);
    assert_eq!((&lines[0]["verdict"], &lines[0]["endpoint"]), (&"no_valid_key".into(), &"/old".into()));
    assert_eq!(lines[1]["code"], "unknown_key");
    assert_eq!(json_lines(&ran.out)[0]["key"], "old");
}

#[test]
fn an_endpoint_open_to_other_customers_is_logged_at_the_start() {
    let config =
        |settings: &str| format!("[[endpoint]]\npath = \"/sns\"\nprovider = \"aws-sns\"\nkeys = \"fetch\"\n{settings}");
    let lines = |config: &str| json_lines(&Gateway::start(&Folder::new(), config, &[]).stop().err);
    let told = lines(&config(""));
    assert_eq!((&told[0]["verdict"], &told[0]["endpoint"]), (&"open_to_strangers".into(), &"/sns".into()));
    assert_eq!((&told[0]["setting"], told.len()), (&"topic_arn".into(), 1));
    let reason = told[0]["reason"].as_str().unwrap();
    assert!(reason.contains("any other customer") && reason.contains("the ARN of the topic"), "{reason}");
    assert!(lines(&config("settings = { topic_arn = \"arn:aws:sns:eu-west-1:123456789012:mine\" }\n")).is_empty());
}

#[test]
fn an_endpoint_can_use_a_scheme_file() {
    let folder = Folder::new();
    folder.write("mine.toml", providers::GITHUB.toml());
    let config = "[[endpoint]]\npath = \"/mine\"\nscheme = \"mine.toml\"\nsecrets = [\"env:SECRET\"]\n";
    let gateway = Gateway::start(&folder, config, &[]);
    assert!(gateway.send(&signed(providers::GITHUB, "/mine", SECRET, b"{}")).starts_with("HTTP/1.1 200 "));
    assert_eq!(json_lines(&gateway.stop().out)[0]["provider"], "mine");
}

#[test]
fn a_handshake_is_answered_and_is_no_delivery() {
    let folder = Folder::new();
    let config = "[[endpoint]]\npath = \"/box\"\nprovider = \"dropbox\"\nsecrets = [\"env:SECRET\"]\n";
    let gateway = Gateway::start(&folder, config, &[]);
    let answer = gateway.send("GET /box?challenge=%3Cb%3E HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n<b>"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff") && answer.contains("text/plain"), "{answer}");
    let ran = gateway.stop();
    assert_eq!(ran.out, "");
    let [line] = &*json_lines(&ran.err) else { panic!("{ran:?}") };
    let told = ["verdict", "endpoint", "provider", "done", "status"].map(|name| line[name].clone());
    assert_eq!(told, ["handshake".into(), "/box".into(), "dropbox".into(), "answered".into(), Value::from(200)]);
}

/// A handshake in which a provider sends its secret.
fn sent(header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}Content-Length: {length}\r\n\r\n{body}")
        .into()
}

fn awaiting(provider: countersign::Provider) -> String {
    let id = provider.id();
    format!("[[endpoint]]\npath = \"/in\"\nprovider = \"{id}\"\nsecrets = [{{ handshake = \"in.secret\" }}]\n")
}

#[test]
fn a_secret_that_the_provider_sends_is_kept_and_used_at_once_and_after_a_restart() {
    let other = "another-secret-of-somebody-else";
    let asana = |secret: &str| sent(&format!("X-Hook-Secret: {secret}\r\n"), "");
    let notion = |secret: &str| sent("", &format!("{{\"verification_token\":\"{secret}\"}}"));
    for (provider, question) in [(providers::ASANA, &asana as &dyn Fn(&str) -> Vec<u8>), (providers::NOTION, &notion)] {
        let folder = Folder::new();
        let delivery = |secret: &str| signed(provider, "/in", secret, b"{\"id\":\"1\"}");
        let gateway = Gateway::start(&folder, &awaiting(provider), &[]);
        assert!(gateway.send(&delivery(SECRET)).starts_with("HTTP/1.1 401 "), "nothing is accepted without a secret");
        assert!(gateway.send(&question(SECRET)).starts_with("HTTP/1.1 200 "));
        assert!(gateway.send(&delivery(SECRET)).starts_with("HTTP/1.1 200 "));

        let file = folder.path("in.secret");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only its owner may read it");
        assert!(gateway.send(&question(other)).starts_with("HTTP/1.1 400 "), "the first is believed, and no other");
        assert!(gateway.send(&delivery(other)).starts_with("HTTP/1.1 401 "));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{SECRET}\n"));
        let handshakes: Vec<_> = json_lines(&gateway.stop().err).iter().map(|line| line["done"].clone()).collect();
        assert_eq!(handshakes.iter().filter(|done| **done == "stored").count(), 1, "{handshakes:?}");

        let gateway = Gateway::start(&folder, &awaiting(provider), &[]);
        assert!(gateway.send(&delivery(SECRET)).starts_with("HTTP/1.1 200 "));
        gateway.stop();
    }
}

#[test]
fn of_many_who_send_a_secret_at_once_one_is_believed() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &awaiting(providers::ASANA), &[]);
    let believed: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                let address = &gateway.address;
                scope.spawn(move || {
                    let secret = format!("a-secret-of-sender-{sender}");
                    let answer = send(address, &sent(&format!("X-Hook-Secret: {secret}\r\n"), ""));
                    answer.starts_with("HTTP/1.1 200 ").then_some(secret)
                })
            })
            .collect();
        senders.into_iter().filter_map(|sender| sender.join().unwrap()).collect()
    });
    let [secret] = believed.as_slice() else { panic!("{believed:?}") };
    assert_eq!(std::fs::read_to_string(folder.path("in.secret")).unwrap(), format!("{secret}\n"));
    assert!(gateway.send(&signed(providers::ASANA, "/in", secret, b"{}")).starts_with("HTTP/1.1 200 "));
    gateway.stop();
    let files: Vec<_> = std::fs::read_dir(folder.path("")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "nothing else is left behind: {files:?}");
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let endpoint = |more: &str| format!("[[endpoint]]\npath = \"/a\"\n{more}\n");
    let github = |secrets: &str| endpoint(&format!("provider = \"github\"\nsecrets = {secrets}"));
    let asana = |secrets: &str| endpoint(&format!("provider = \"asana\"\nsecrets = {secrets}"));
    let sixteen =
        (0..16).map(|at| format!("{{ from = \"env:SECRET\", label = \"{at}\" }}")).collect::<Vec<_>>().join(", ");
    let wrong: [(String, &str, &str); 34] = [
        (String::new(), ":1:1:", "no [[endpoint]]"),
        ("listen = 1 2".to_owned(), ":1:", ""),
        ("listen = \"here\"".to_owned(), ":1:10:", "127.0.0.1:8787"),
        ("listn = \"127.0.0.1:0\"".to_owned(), ":1:1:", "`listen`"),
        ("body_limit = 0".to_owned(), ":1:14:", "1048576"),
        ("body_limit = 268435457".to_owned(), ":1:14:", "holds 268435456 bytes"),
        ("body_timeout = \"soon\"".to_owned(), ":1:16:", "`5m`"),
        ("head_timeout = \"0s\"".to_owned(), ":1:16:", "`30s`"),
        ("head_timeout = \"500000000000y\"".to_owned(), ":1:16:", "a day or less"),
        ("body_timeout = \"25h\"".to_owned(), ":1:16:", "a day or less"),
        ("connections = 0".to_owned(), ":1:15:", "4096"),
        (endpoint("secrets = [\"env:SECRET\"]"), ":2:8:", "`provider` or `scheme`"),
        (endpoint("provider = \"githb\"\nsecrets = [\"env:SECRET\"]"), ":3:12:", "`github`"),
        (endpoint("provider = \"twilio\"\nsecrets = [\"env:SECRET\"]"), ":2:8:", "public_url"),
        (endpoint("scheme = \"none.toml\"\nsecrets = [\"env:SECRET\"]"), ":3:10:", "cannot be read"),
        (endpoint("provider = \"github\""), ":2:8:", "secrets"),
        (github("[\"env:SECRET\"]\ntolerance = \"5m\""), ":5:13:", "signs no time"),
        (github("[\"env:SECRET\"]\ntolerance = \"0s\""), ":5:13:", "more than zero, for example `5m`"),
        (github("[\"env:SECRET\"]\nconfirm_subscriptions = true"), ":5:25:", "remove this"),
        (github("[]"), ":4:11:", "no secret"),
        (github("[{ handshake = \"a.secret\" }]"), ":4:12:", "sends no secret"),
        (
            asana("[{ handshake = \"a.secret\", from = \"env:SECRET\" }]"),
            ":4:12:",
            "either `from`, where the secret is, or `handshake`",
        ),
        (asana("[{ label = \"a\" }]"), ":4:12:", "either `from`, where the secret is, or `handshake`"),
        (asana("[{ handshake = \"a\" }, { handshake = \"b\" }]"), ":4:33:", "one secret"),
        (asana("[\"env:SECRET\", { handshake = \"a\", label = \"SECRET\" }]"), ":4:26:", "two keys have the label"),
        (asana(&format!("[{{ handshake = \"a\" }}, {sixteen}]")), ":4:12:", "more than 16 secrets"),
        (asana("[{ handshake = \"nowhere/a.secret\" }]"), ":4:12:", "there is no folder"),
        (github("[{ from = \"env:SECRET\", key_id = \"a\" }]"), ":4:11:", "name no key"),
        (github(NEVER_VALID), ":4:11:", "`old` can never be valid"),
        (github("[\"env:UNSET\"]"), ":4:12:", "`UNSET` is not set"),
        (github("[\"whsec_mistake\"]"), ":4:12:", "env:NAME"),
        (github("\"whsec_mistake\""), ":4:11:", "expected a list"),
        (github("[{ from = \"env:SECRET\", not_after = 2026-01-01 }]"), ":4:12:", "offset"),
        (github("[\"env:SECRET\"]") + &github("[\"env:SECRET\"]"), ":6:8:", "two endpoints"),
    ];
    let folder = Folder::new();
    for (config, place, words) in wrong {
        let path = folder.write("countersign.toml", &config);
        let ran = run(&["serve", "--config", &path]);
        ran.is_mistake(&[&format!("{path}{place}"), words]);
        assert!(!ran.err.contains("whsec_mistake"), "{}", ran.err);
    }
    run(&["serve", "--config", "/nowhere.toml"]).is_mistake(&["/nowhere.toml cannot be read"]);
}

#[test]
fn a_misplaced_value_is_refused_by_its_type_and_place_and_never_printed() {
    let endpoint = |more: &str| format!("[[endpoint]]\npath = \"/a\"\nprovider = \"github\"\n{more}\n");
    let table = "invalid type: string, expected a table";
    let wrong: [(String, &str, &str); 15] = [
        ("replay = \"redis://:hunter2@redis.internal/0\"".to_owned(), ":1:10:", table),
        ("operators = \"hunter2\"".to_owned(), ":1:13:", "invalid type: string, expected a map"),
        ("operators = [\"hunter2\"]".to_owned(), ":1:13:", "invalid type: sequence, expected a map"),
        ("operators.alice = [\"hunter2\"]".to_owned(), ":1:19:", "invalid type: sequence, expected a string"),
        ("connections = \"hunter2\"".to_owned(), ":1:15:", "invalid type: string, expected usize"),
        ("connections = \"a\\\", expected hunter2\"".to_owned(), ":1:15:", "invalid type: string, expected usize"),
        ("connections = \"\"\"\nhunter2\n\"\"\"".to_owned(), ":1:15:", "invalid type: string, expected usize"),
        ("listen = 1477".to_owned(), ":1:10:", "invalid type: integer, expected a string"),
        ("listen = 14.77".to_owned(), ":1:10:", "invalid type: floating point, expected a string"),
        (endpoint("settings = \"hunter2\""), ":4:12:", "invalid type: string, expected a map"),
        (endpoint("allow_legacy = \"hunter2\""), ":4:16:", "invalid type: string, expected a boolean"),
        (endpoint("keys = [\"hunter2\"]"), ":4:8:", "expected `\"fetch\"`"),
        (endpoint("addresses = \"hunter2\""), ":4:13:", table),
        (endpoint("addresses = [\"hunter2\"]"), ":4:14:", "`countersign serve --help` shows a configuration"),
        (endpoint("secrets = [{ from = \"env:SECRET\", not_after = \"hunter2\" }]"), ":4:", "invalid type: string"),
    ];
    let folder = Folder::new();
    for (config, place, words) in wrong {
        let path = folder.write("countersign.toml", &config);
        let ran = run(&["serve", "--config", &path]);
        ran.is_mistake(&[&format!("{path}{place}"), words]);
        assert!(!["hunter2", "77"].iter().any(|value| ran.err.replace(&path, "").contains(value)), "{}", ran.err);
    }
}

const NEVER_VALID: &str = "[{ from = \"env:SECRET\", label = \"old\", not_before = 2027-01-01T00:00:00Z, \
                           not_after = 2026-01-01T00:00:00Z }]";

#[test]
fn without_a_configuration_file_the_error_points_to_an_example() {
    let folder = Folder::new();
    let ran = ran(countersign().arg("serve").current_dir(folder.path("")).output().unwrap());
    ran.is_mistake(&["countersign.toml cannot be read", "`countersign serve --help`", "--config"]);
}

#[test]
fn an_address_that_is_taken_is_a_mistake() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let path = folder.write("taken.toml", format!("listen = \"{address}\"\n{CONFIG}").replace("body_", "\nbody_"));
    run(&["serve", "--config", &path]).is_mistake(&["cannot listen", &address.to_string()]);
}

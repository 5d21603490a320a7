//! Log lines at start-up about endpoints that accept more than their users may expect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    future::{Future, ready},
    io,
    sync::{Arc, Mutex},
};

use countersign_tower::{
    Fetch, FetchError, Fetched, FetchedKeys, Keys, Stack, VerifyLayer,
    countersign::{KeyAddress, Provider, Scheme, Timestamp, Verifier, VerifierBuilder, providers},
};
use http::Request;
use rcgen::KeyPair;
use tracing::subscriber::{DefaultGuard, set_default};

const SECRET: &str = "a-long-random-secret";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes what is told from now on, by this thread.
    fn open() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

fn told_by<T>(work: impl FnOnce() -> T) -> Vec<String> {
    let (log, _guard) = Log::open();
    drop(work());
    log.lines()
}

/// Signs for all its customers with one key.
fn shared() -> Scheme {
    let text = r#"
        name = "Acme"
        [settings]
        account = "your account: deliveries of others are refused"
        [signature]
        algorithm = "ecdsa-p256-sha256"
        header = "X-Signature"
        value = "{base64}"
        signs = "{body}"
        [[check]]
        json = "/account"
        equals = "{setting:account}"
        if_set = "account"
        [keys]
        format = "pem"
        url = "https://keys.acme.example/key.pem"
    "#;
    Scheme::from_toml("acme", text).unwrap()
}

/// A key that anybody can have deliveries signed with, and whose are meant, or nothing of that.
fn of(account: Option<&str>) -> VerifierBuilder {
    let builder = Verifier::builder(shared());
    account.into_iter().fold(builder, |builder, account| builder.setting("account", account))
}

fn pasted(account: Option<&str>) -> Verifier {
    of(account).secret(KeyPair::generate().unwrap().public_key_pem()).build().unwrap()
}

fn assert_warns(lines: &[String], endpoint: &str) {
    let warnings: Vec<_> = lines.iter().filter(|line| line.contains("WARN countersign:")).collect();
    let [line] = warnings[..] else { panic!("{lines:?}") };
    let parts =
        ["provider=\"acme\"", "setting=\"account\"", "deliveries of others are refused", "whoever has an account"];
    for part in parts.into_iter().chain([endpoint]) {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn a_missing_setting_against_the_provider_s_other_customers_is_logged() {
    let stack = |keys| move || Stack::new("mine", keys).unwrap();
    assert_warns(&told_by(stack(pasted(None))), "endpoint=\"mine\"");
    assert_warns(&told_by(|| VerifyLayer::new(pasted(None))), "");
    assert_eq!(told_by(stack(pasted(Some("me")))), [""; 0]);
}

#[derive(Clone)]
struct Published(String);

impl Fetch for Published {
    fn fetch(&self, _: &KeyAddress) -> impl Future<Output = Result<Fetched, FetchError>> + Send {
        ready(Ok(Fetched { document: self.0.clone().into(), max_age: None }))
    }
}

#[tokio::test]
async fn with_fetched_keys_it_is_logged_once() {
    for account in [None, Some("me")] {
        let (log, _guard) = Log::open();
        let fetch = Published(KeyPair::generate().unwrap().public_key_pem());
        let keys = FetchedKeys::new(of(account).without_keys().unwrap(), fetch);
        let _stack = Stack::new("mine", keys.clone()).unwrap();
        let (head, ()) = Request::post("/").body(()).unwrap().into_parts();
        let address = keys.unkeyed().locate(&head, None).unwrap();
        for _ in 0..2 {
            keys.resolve(&address, Timestamp::from_unix_seconds(1_767_225_600)).await.unwrap();
        }
        match account {
            None => assert_warns(&log.lines(), ""),
            Some(_) => assert_eq!(log.lines(), [""; 0]),
        }
    }
}

#[test]
fn a_verify_layer_alone_logs_that_its_deliveries_never_go_stale() {
    let verifier = |provider: Provider| Verifier::new(provider, SECRET).unwrap();
    for provider in [providers::GITHUB, providers::GITLAB] {
        let lines = told_by(|| VerifyLayer::new(verifier(provider)));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        for part in ["INFO countersign:", provider.id(), "`ReplayLayer`", "`Stack`"] {
            assert!(line.contains(part), "no {part} in {line}");
        }
    }
    assert_eq!(told_by(|| VerifyLayer::new(verifier(providers::STRIPE))), [""; 0], "its time is signed");
    assert_eq!(told_by(|| Stack::new("github", verifier(providers::GITHUB))), [""; 0], "there is a guard");
}

#[test]
fn a_token_that_must_expire_is_not_logged_as_never_stale() {
    let text = "name = \"A\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"Authorization\"\nvalue = \"Bearer {jwt}\"\n\
                covers_body = false\n[jwt]\nalgorithms = [\"HS256\"]\n";
    let told = |more: &str| {
        let scheme = Scheme::from_toml("acme", &format!("{text}{more}")).unwrap();
        let verifier = Verifier::new(scheme, "a-secret-of-thirty-two-bytes-or-more").unwrap();
        told_by(|| VerifyLayer::new(verifier)).len()
    };
    assert_eq!((told("requires = [\"exp\"]\n"), told("")), (0, 1));
}

/// What is made of the keys says nothing when it is copied, as routers do.
#[test]
fn nothing_is_logged_twice() {
    fn again<K: Keys>(layer: &VerifyLayer<K>) -> Vec<String> {
        told_by(|| (layer.clone(), tower::Layer::layer(layer, ())))
    }
    assert_eq!(again(&VerifyLayer::new(pasted(None))), [""; 0]);
}

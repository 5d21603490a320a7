//! A gateway that fetches a provider's keys, and the URLs that confirm subscriptions.

#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use countersign::{Scheme, Signer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    program::{Folder, SECRET, countersign, run},
    serve::{self, Gateway},
};

const SCHEME: &str = r#"
name = "Acme"

[signature]
algorithm = "ecdsa-p256-sha256"
header = "X-Signature"
value = "{base64}"
signs = "{body}"

[keys]
format = "pem"
url = "https://keys.acme.example/key.pem"
"#;

const SUBSCRIBES: &str = r#"
name = "Acme"

[signature]
algorithm = "hmac-sha256"
header = "X-Signature"
value = "{hex}"
signs = "{body}"

[[handshake]]
when = { json = "/type", equals = "subscription" }
confirm = { json = "/url", hosts = ["keys.acme.example", "localhost"], path = "/confirm" }
"#;

/// A server that proves to be `keys.acme.example` and has one document; its authority in PEM, and its address.
fn serve(document: String) -> (String, SocketAddr) {
    serve_times(document, usize::MAX)
}

/// The same, but the server goes away after this many answers.
fn serve_times(document: String, times: usize) -> (String, SocketAddr) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["keys.acme.example".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(times) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.extend(byte);
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{document}", document.len());
            let _ = stream.write_all(answer.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (authority.pem(), address)
}

fn delivery(key: &KeyPair) -> Vec<u8> {
    let scheme = Scheme::from_toml("acme", SCHEME).unwrap();
    let signer = Signer::new(&scheme, key.serialize_pem()).unwrap();
    let signed = signer.sign(http::Request::post("/acme").body("{}").unwrap(), std::time::SystemTime::now()).unwrap();
    let signature = signed.headers()["x-signature"].to_str().unwrap();
    format!(
        "POST /acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nX-Signature: {signature}\r\n\r\n{{}}"
    )
    .into_bytes()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_gateway_verifies_with_the_key_that_the_provider_publishes() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let (authority, address) = serve(key.public_key_pem());
    folder.write("acme.toml", SCHEME);
    folder.write("authority.pem", authority);
    let gateway = Gateway::start(&folder, &fetching(address), &[]);
    assert_eq!(status(&gateway.send(&delivery(&key))), "200");
    assert_eq!(status(&gateway.send(&delivery(&KeyPair::generate().unwrap()))), "401");
    let ran = gateway.stop();
    assert!(ran.out.contains("\"key\":\"fetched-1\""), "{}", ran.out);
    assert!(ran.err.contains("\"provider\":\"acme\""), "{}", ran.err);
}

fn fetching(address: SocketAddr) -> String {
    format!(
        "[[endpoint]]\npath = \"/acme\"\nscheme = \"acme.toml\"\n[endpoint.keys]\nfetch = true\n\
         authorities = \"authority.pem\"\ndangerous_connect_to = {{ \"keys.acme.example\" = \"{address}\" }}\n"
    )
}

#[test]
fn a_reload_keeps_the_keys_that_were_fetched() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let (authority, address) = serve_times(key.public_key_pem(), 1);
    folder.write("acme.toml", SCHEME);
    folder.write("authority.pem", authority);
    let mut gateway = Gateway::start(&folder, &fetching(address), &[]);
    assert_eq!(status(&gateway.send(&delivery(&key))), "200");
    let another = "[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n";
    folder.write("countersign.toml", format!("listen = \"127.0.0.1:0\"\n{another}{}", fetching(address)));
    for _ in 0..2 {
        gateway.hang_up();
        gateway.told_of("config_taken");
        assert_eq!(status(&gateway.send(&delivery(&key))), "200", "the provider is down, and was not to be asked");
    }
    gateway.stop();
}

#[test]
fn keys_are_fetched_again_if_their_authorities_change() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let (authority, address) = serve(key.public_key_pem());
    folder.write("acme.toml", SCHEME);
    folder.write("authority.pem", authority);
    let mut gateway = Gateway::start(&folder, &fetching(address), &[]);
    assert_eq!(status(&gateway.send(&delivery(&key))), "200");
    let (another, _) = serve(String::new());
    folder.write("authority.pem", another);
    gateway.told_of("config_taken");
    assert_eq!(status(&gateway.send(&delivery(&key))), "503", "nobody vouches for this key any more");
    gateway.stop();
}

#[test]
fn a_known_key_is_fetched_while_requests_name_made_up_ones() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    let (authority, address) = serve(key.public_key_pem());
    folder.write("acme.toml", SCHEME.replace("key.pem\"", "{key-id}\"\nid = { header = \"X-Key-Id\" }"));
    folder.write("authority.pem", authority);
    let config = format!("{}known = [\"real\"]\n", fetching(address));
    let gateway = Gateway::start(&folder, &config, &[]);
    let named = |key: &KeyPair, id: &str| {
        let text = String::from_utf8(delivery(key)).unwrap();
        text.replace("Host: x\r\n", &format!("Host: x\r\nX-Key-Id: {id}\r\n")).into_bytes()
    };
    let forger = KeyPair::generate().unwrap();
    let statuses: Vec<_> = (0..10).map(|id| gateway.send(&named(&forger, &format!("invented-{id}")))).collect();
    assert_eq!(statuses.iter().map(|answer| status(answer)).filter(|status| *status == "401").count(), 8);
    assert_eq!(status(&gateway.send(&named(&key, "unknown"))), "503");
    assert_eq!(status(&gateway.send(&named(&key, "real"))), "200");
    assert!(gateway.stop().err.contains("too many new URLs of keys"), "the cause is not logged");
}

#[test]
fn a_gateway_that_cannot_fetch_asks_the_provider_to_send_again() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    // The gateway does not trust the server's authority.
    let (_, address) = serve(key.public_key_pem());
    folder.write("acme.toml", SCHEME);
    let config = format!(
        "[[endpoint]]\npath = \"/acme\"\nscheme = \"acme.toml\"\n[endpoint.keys]\nfetch = true\n\
         dangerous_connect_to = {{ \"keys.acme.example\" = \"{address}\" }}\n"
    );
    let gateway = Gateway::start(&folder, &config, &[]);
    let answer = gateway.send(&delivery(&key));
    assert_eq!(status(&answer), "503");
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
    assert!(gateway.stop().err.contains("\"code\":\"keys_unavailable\""));
}

#[test]
fn wrong_settings_of_keys_are_refused() {
    let folder = Folder::new();
    folder.write("acme.toml", SCHEME);
    folder.write("bearer.toml", format!("{SCHEME}bearer = \"an API key of Acme\"\n"));
    for (endpoint, words) in [
        ("scheme = \"acme.toml\"", "`keys = \"fetch\"`"),
        ("scheme = \"acme.toml\"\nkeys = \"get\"", "expected `keys = \"fetch\"`"),
        ("scheme = \"acme.toml\"\nkeys = \"fetch\"\nsecrets = [\"env:SECRET\"]", "either `secrets` or `keys`"),
        ("scheme = \"acme.toml\"\nkeys = { fetch = true, bearer = \"env:SECRET\" }", "asks for no credential"),
        ("scheme = \"acme.toml\"\nkeys = { fetch = true, known = [\"one\"] }", "cannot name the key `one`"),
        (
            "provider = \"alexa\"\nkeys = { fetch = true, known = [\"https://evil.example/a.pem\"] }",
            "evil.example/a.pem`",
        ),
        ("scheme = \"bearer.toml\"\nkeys = \"fetch\"", "an API key of Acme"),
        ("provider = \"github\"\nkeys = \"fetch\"", "does not say where its keys are"),
        ("provider = \"kinde\"\nkeys = \"fetch\"", "your Kinde domain"),
    ] {
        let config = folder.write("countersign.toml", format!("[[endpoint]]\npath = \"/a\"\n{endpoint}\n"));
        run(&["serve", "--config", &config]).is_mistake(&[words]);
    }
}

/// A gateway whose environment names a proxy that does not exist, so that it must not use one.
fn subscriber(folder: &Folder, confirm: &str) -> Gateway {
    folder.write("acme.toml", SUBSCRIBES);
    let config = format!(
        "[[endpoint]]\npath = \"/acme\"\nscheme = \"acme.toml\"\nsecrets = [\"env:SECRET\"]\n\
         confirm_subscriptions = {confirm}\n"
    );
    let mut program = countersign();
    program.envs(["HTTPS_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")));
    Gateway::start_as(program, folder, &config, &[])
}

fn question(url: &str) -> Vec<u8> {
    let scheme = Scheme::from_toml("acme", SUBSCRIBES).unwrap();
    let body = format!("{{\"type\":\"subscription\",\"url\":\"{url}\"}}");
    serve::signed(&scheme, "/acme", SECRET, body.as_bytes())
}

#[test]
fn a_gateway_confirms_a_subscription_without_asking_a_proxy() {
    let folder = Folder::new();
    let (authority, address) = serve(String::new());
    folder.write("authority.pem", authority);
    let gateway = subscriber(
        &folder,
        &format!(
            "{{ fetch = true, authorities = \"authority.pem\", \
             dangerous_connect_to = {{ \"keys.acme.example\" = \"{address}\" }} }}"
        ),
    );
    assert_eq!(status(&gateway.send(&question("https://keys.acme.example/confirm"))), "200");
    assert_eq!(status(&gateway.send(&question("https://keys.acme.example/other"))), "401");
    assert_eq!(gateway.stop().out, "", "a question is no delivery");
}

#[test]
fn a_gateway_confirms_nothing_on_an_address_that_is_not_public() {
    let folder = Folder::new();
    let gateway = subscriber(&folder, "true");
    assert_eq!(status(&gateway.send(&question("https://localhost/confirm"))), "503");
    let ran = gateway.stop();
    assert!(ran.err.contains("no public address"), "{}", ran.err);
}

#[test]
fn with_confirmation_off_a_handshake_is_a_delivery() {
    let folder = Folder::new();
    for off in ["false", "{ fetch = false }"] {
        let gateway = subscriber(&folder, off);
        assert_eq!(status(&gateway.send(&question("https://localhost/confirm"))), "200");
        assert!(gateway.stop().out.contains("\"accepted\""));
    }
}

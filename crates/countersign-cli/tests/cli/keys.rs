//! A gateway that fetches the keys of a provider.

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
    program::{Folder, run},
    serve::Gateway,
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

/// A server that proves to be `keys.acme.example` and has one document; its authority in PEM, and its address.
fn serve(document: String) -> (String, SocketAddr) {
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
        for stream in listener.incoming() {
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
    let config = format!(
        "[[endpoint]]\npath = \"/acme\"\nscheme = \"acme.toml\"\n[endpoint.keys]\nfetch = true\n\
         authorities = \"authority.pem\"\ndangerous_connect_to = {{ \"keys.acme.example\" = \"{address}\" }}\n"
    );
    let gateway = Gateway::start(&folder, &config, &[]);
    assert_eq!(status(&gateway.send(&delivery(&key))), "200");
    assert_eq!(status(&gateway.send(&delivery(&KeyPair::generate().unwrap()))), "401");
    let ran = gateway.stop();
    assert!(ran.out.contains("\"key\":\"fetched-1\""), "{}", ran.out);
    assert!(ran.err.contains("\"provider\":\"acme\""), "{}", ran.err);
}

#[test]
fn a_gateway_that_cannot_fetch_asks_the_provider_to_send_again() {
    let (folder, key) = (Folder::new(), KeyPair::generate().unwrap());
    // Its authority is not trusted.
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
fn a_configuration_says_where_keys_come_from_and_only_once() {
    let folder = Folder::new();
    folder.write("acme.toml", SCHEME);
    folder.write("bearer.toml", format!("{SCHEME}bearer = \"an API key of Acme\"\n"));
    for (endpoint, words) in [
        ("scheme = \"acme.toml\"", "`keys = \"fetch\"`"),
        ("scheme = \"acme.toml\"\nkeys = \"get\"", "expected `keys = \"fetch\"`"),
        ("scheme = \"acme.toml\"\nkeys = \"fetch\"\nsecrets = [\"env:SECRET\"]", "there are secrets already"),
        ("scheme = \"acme.toml\"\nkeys = { fetch = true, bearer = \"env:SECRET\" }", "wants no credential"),
        ("scheme = \"bearer.toml\"\nkeys = \"fetch\"", "an API key of Acme"),
        ("provider = \"github\"\nkeys = \"fetch\"", "does not tell where its keys are"),
        ("provider = \"kinde\"\nkeys = \"fetch\"", "your Kinde domain"),
    ] {
        let config = folder.write("countersign.toml", format!("[[endpoint]]\npath = \"/a\"\n{endpoint}\n"));
        run(&["serve", "--config", &config]).is_mistake(&[words]);
    }
}

//! The address layer around a router, over a real socket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Bytes, routing::post};
use countersign_axum::{
    AddressLayer, Webhook, connect_info,
    countersign::address::{AddressSet, ClientHeader, TrustedProxies},
    countersign_tower::SharedAddresses,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{SECRET, github};

fn set(texts: &[&str]) -> AddressSet {
    AddressSet::parse(texts).unwrap()
}

/// A server with one verified route behind the layer, and how often its handler ran.
async fn serve(layer: AddressLayer) -> (SocketAddr, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let handler = move |_: Webhook<Bytes>| async move {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let app = Router::new().route("/", post(handler)).layer(github()).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    (address, runs)
}

/// Sends a signed delivery with more header lines; gives the status and what follows the head.
async fn deliver(address: SocketAddr, lines: &[&str]) -> (String, String) {
    let request = http::Request::post("/").body(Vec::new()).unwrap();
    let signer = countersign_axum::countersign::Signer::new(countersign_axum::countersign::providers::GITHUB, SECRET);
    let signed = signer.unwrap().sign(request, std::time::SystemTime::now()).unwrap();
    let mut text = String::from("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n");
    for (name, value) in signed.headers() {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
    }
    text.extend(lines.iter().flat_map(|line| [line, "\r\n"]));
    send(address, (text + "\r\n").as_bytes()).await
}

async fn send(address: SocketAddr, bytes: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_peer_in_the_set_gets_in_and_another_gets_nothing_but_403() {
    let (address, runs) = serve(AddressLayer::new(set(&["127.0.0.0/8"])).with_peer(connect_info)).await;
    assert_eq!(deliver(address, &[]).await.0, "200");
    assert_eq!(runs.load(Ordering::SeqCst), 1);

    let (address, runs) = serve(AddressLayer::new(set(&["203.0.113.0/24"])).with_peer(connect_info)).await;
    let forged = ["X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.7", "X-Real-IP: 203.0.113.7"];
    assert_eq!(deliver(address, &forged).await, ("403".to_owned(), String::new()));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_address_is_answered_before_the_body_arrives() {
    let (address, _) = serve(AddressLayer::new(set(&["203.0.113.0/24"])).with_peer(connect_info)).await;
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
    assert_eq!(send(address, head).await.0, "403");
}

#[tokio::test]
async fn behind_a_proxy_its_client_counts() {
    for (header, good, spoofed) in [
        (ClientHeader::XForwardedFor, "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.7, 198.51.100.1"),
        (ClientHeader::Forwarded, "Forwarded: for=203.0.113.7", "Forwarded: for=203.0.113.7, for=198.51.100.1"),
    ] {
        let layer = AddressLayer::new(set(&["203.0.113.0/24", "127.0.0.1"])).with_peer(connect_info);
        let (address, runs) = serve(layer.with_proxies(TrustedProxies::new(set(&["127.0.0.1"]), header))).await;
        assert_eq!(deliver(address, &[good]).await.0, "200");
        assert_eq!(deliver(address, &[spoofed]).await.0, "403");
        assert_eq!(deliver(address, &[&good.replace("203.0.113.7", "127.0.0.1"), good]).await.0, "200");
        assert_eq!(deliver(address, &[&good.replace("203.0.113.7", "127.0.0.1")]).await.0, "403");
        assert_eq!(deliver(address, &[&good.replace("203", "0203")]).await.0, "403");
        assert_eq!(deliver(address, &["X-Real-IP: 203.0.113.7"]).await.0, "403");
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn the_addresses_change_while_the_server_runs() {
    let addresses = SharedAddresses::new(set(&["203.0.113.0/24"]));
    let (address, _) = serve(AddressLayer::new(addresses.clone()).with_peer(connect_info)).await;
    assert_eq!(deliver(address, &[]).await.0, "403");
    addresses.replace(set(&["127.0.0.1"]));
    assert_eq!(deliver(address, &[]).await.0, "200");
    addresses.replace(AddressSet::default());
    assert_eq!(deliver(address, &[]).await.0, "403");
}

#[tokio::test]
async fn without_a_known_peer_every_request_is_refused() {
    let (address, runs) = serve(AddressLayer::new(set(&["0.0.0.0/0", "::/0"]))).await;
    assert_eq!(deliver(address, &[]).await, ("500".to_owned(), String::new()));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

//! `HttpsFetch` against hostile servers.

use std::time::{Duration, Instant};

use crate::{
    server::{Reply, Server, authority},
    world::{Clock, HOST, fetched, https, jwks, key, send, set, with_id},
};

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let (one, authority) = (key(), authority("test"));
    let elsewhere = Server::start(&authority, &["else.example"], Reply::document(jwks(&[("one", &one)]))).await;
    for (status, to) in [
        ("301 Moved Permanently", "https://else.example/keys.json"),
        ("302 Found", "https://keys.acme.example/other.json"),
        ("307 Temporary Redirect", "http://169.254.169.254/"),
        ("308 Permanent Redirect", "/keys.json"),
    ] {
        let server = Server::start(&authority, &[HOST], Reply::Status(format!("{status}\r\nLocation: {to}"))).await;
        let fetch = https(&authority, &server, &[HOST]).dangerous_connect_to("else.example", elsewhere.address);
        let keys = fetched(&set(), fetch, &Clock::default());
        assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"), "{status}");
        assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
    }
}

#[tokio::test]
async fn a_server_must_prove_that_it_is_the_host_and_under_a_trusted_authority() {
    let one = key();
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let document = Reply::document(jwks(&[("one", &one)]));
    let other_host = Server::start(&ours, &["else.example"], document.clone()).await;
    let keys = fetched(&set(), https(&ours, &other_host, &[HOST]), &Clock::default());
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    let other_authority = Server::start(&theirs, &[HOST], document).await;
    let keys = fetched(&set(), https(&ours, &other_authority, &[HOST]), &Clock::default());
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    assert_eq!((other_host.requests(), other_authority.requests()), (0, 0));
}

#[tokio::test]
async fn a_document_that_is_too_large_is_not_read_to_its_end() {
    let (one, authority) = (key(), authority("test"));
    let padded = format!("{}{}", " ".repeat(64 * 1024), jwks(&[("one", &one)]));
    for reply in [Reply::Large(100 * 1024 * 1024), Reply::document(padded), Reply::EndlessHead] {
        let server = Server::start(&authority, &[HOST], reply).await;
        let keys = fetched(&set(), https(&authority, &server, &[HOST]), &Clock::default());
        assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_document_is_read_up_to_64_kib_or_up_to_the_limit_that_one_sets() {
    let (one, authority) = (key(), authority("test"));
    let document = jwks(&[("one", &one)]);
    for (length, limit, verdict) in [
        (64 * 1024, None, Ok(())),
        (64 * 1024 + 1, None, Err("keys_unavailable")),
        (1024, Some(1024), Ok(())),
        (1025, Some(1024), Err("keys_unavailable")),
    ] {
        let padded = format!("{}{document}", " ".repeat(length - document.len()));
        let server = Server::start(&authority, &[HOST], Reply::document(padded)).await;
        let fetch = https(&authority, &server, &[HOST]);
        let fetch = limit.map_or_else(|| fetch.clone(), |limit| fetch.clone().with_document_limit(limit));
        let keys = fetched(&set(), fetch, &Clock::default());
        assert_eq!(send(&keys, with_id(&one, "one")).await, verdict, "{length} bytes");
    }
}

#[tokio::test]
async fn a_document_in_a_content_coding_is_not_believed_to_be_what_it_looks_like() {
    let (one, authority) = (key(), authority("test"));
    for (coding, verdict) in
        [("identity", Ok(())), ("gzip", Err("keys_unavailable")), ("identity, gzip", Err("keys_unavailable"))]
    {
        let reply = Reply::Document(jwks(&[("one", &one)]), format!("Content-Encoding: {coding}\r\n"));
        let server = Server::start(&authority, &[HOST], reply).await;
        let keys = fetched(&set(), https(&authority, &server, &[HOST]), &Clock::default());
        assert_eq!(send(&keys, with_id(&one, "one")).await, verdict, "{coding}");
    }
}

#[tokio::test]
async fn a_slow_server_times_out() {
    let (one, authority) = (key(), authority("test"));
    let server = Server::start(&authority, &[HOST], Reply::Drip).await;
    let keys = fetched(&set(), https(&authority, &server, &[HOST]), &Clock::default());
    let keys = keys.with_fetch_timeout(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    assert!(start.elapsed() < Duration::from_secs(3));

    // One that takes the connection and says nothing.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fetch = https(&authority, &server, &[]).dangerous_connect_to(HOST, mute.local_addr().unwrap());
    let keys = fetched(&set(), fetch.with_connect_timeout(Duration::from_millis(300)), &Clock::default());
    let start = Instant::now();
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    assert!(start.elapsed() < Duration::from_secs(3));

    // One that is quick enough.
    let quick = Server::start(&authority, &[HOST], Reply::document(jwks(&[("one", &one)]))).await;
    let fetch = https(&authority, &quick, &[HOST]).with_connect_timeout(Duration::from_secs(60));
    assert_eq!(send(&fetched(&set(), fetch, &Clock::default()), with_id(&one, "one")).await, Ok(()));
}

#[tokio::test]
async fn a_document_without_a_usable_key_is_a_failure() {
    let (one, authority) = (key(), authority("test"));
    let good = jwks(&[("one", &one)]);
    let many: Vec<_> = (0..65).map(|_| ("one", &one)).collect();
    for document in [
        String::new(),
        "null".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        good.replace("\"sig\"", "\"enc\""),
        good.replace("ES256", "ES384"),
        good.replace("\"kty\":\"EC\"", "\"kty\":\"oct\",\"k\":\"c2VjcmV0\""),
        format!("{good}{good}"),
        jwks(&many),
    ] {
        let server = Server::start(&authority, &[HOST], Reply::document(&document)).await;
        let keys = fetched(&set(), https(&authority, &server, &[HOST]), &Clock::default());
        assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"), "{document}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_not_connected_to() {
    let (one, authority) = (key(), authority("test"));
    let server = Server::start(&authority, &["localhost"], Reply::document(jwks(&[("one", &one)]))).await;
    let here = crate::world::scheme(&format!(
        "format = \"jwks\"\nurl = \"https://localhost:{}/keys.json\"\nid = {{ header = \"X-Key-Id\" }}",
        server.address.port()
    ));
    let keys = fetched(&here, https(&authority, &server, &[]), &Clock::default());
    assert_eq!(send(&keys, with_id(&one, "one")).await, Err("keys_unavailable"));
    assert_eq!(server.requests(), 0);
    // The same with the door open.
    let keys = fetched(&here, https(&authority, &server, &["localhost"]), &Clock::default());
    assert_eq!(send(&keys, with_id(&one, "one")).await, Ok(()));
}

//! Recorded deliveries: changed where nothing is signed, sent again, or sent to another endpoint or from another
//! address.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Extension, Router, routing::any};
use countersign::{
    Delivery, Verifier,
    address::{AddressSet, ClientHeader, TrustedProxies},
    providers,
};
use countersign_axum::connect_info;
use countersign_tests::target::{Gateway, Message, SECRET, Served, Server, app, delivery, each, event, signed};
use countersign_tower::{AddressLayer, Stack};

fn is_refused(status: u16) -> bool {
    (400..500).contains(&status)
}

#[test]
fn b1_an_id_that_nobody_signed_makes_no_new_event_of_a_recorded_one() {
    each(|server| {
        let recorded = delivery().with("x-github-delivery", "d-1");
        assert_eq!(server.status_of(&recorded), 200, "{}", server.name());
        for id in ["d-2", "d-3", ""] {
            let again = recorded.clone().set("x-github-delivery", id);
            assert_eq!(server.status_of(&again), 200, "{}: a replay is acknowledged", server.name());
        }
        let recorded = event(providers::STANDARD_WEBHOOKS);
        assert_eq!(server.status_of(&recorded), 200, "{}", server.name());
        assert_eq!(server.status_of(&recorded.set("webhook-id", "msg_another")), 401, "{}", server.name());
        server.is_unharmed(2);
    });
}

#[test]
fn b2_another_encoding_of_a_recorded_tag_makes_no_new_event() {
    each(|server| {
        let hex = delivery();
        assert_eq!(server.status_of(&hex), 200, "{}", server.name());
        let tag = hex.header("x-hub-signature-256").to_owned();
        for other in [
            tag.replace("sha256=", "SHA256="),
            format!("sha256={}", tag["sha256=".len()..].to_uppercase()),
            format!("{tag}0"),
            format!("{tag}, {tag}"),
            tag.replace("sha256=", "sha256=0x"),
        ] {
            let status = server.status_of(&hex.clone().set("x-hub-signature-256", &other));
            assert!(is_refused(status), "{}: {other}: {status}", server.name());
        }
        let base64 = event(providers::STANDARD_WEBHOOKS);
        assert_eq!(server.status_of(&base64), 200, "{}", server.name());
        let tag = base64.header("webhook-signature").to_owned();
        for other in [tag.trim_end_matches('=').to_owned(), format!("{tag}="), tag.replace('=', "%3D")] {
            let status = server.status_of(&base64.clone().set("webhook-signature", &other));
            assert!(is_refused(status), "{}: {other}: {status}", server.name());
        }
        // White space around a value is not part of it, and does not make another event.
        let padded = hex.clone().set("x-hub-signature-256", format!("  {}\t", hex.header("x-hub-signature-256")));
        assert_eq!(server.status_of(&padded), 200, "{}", server.name());
        server.is_unharmed(2);
    });
}

#[test]
fn b3_a_recorded_delivery_is_handled_once_however_it_is_sent() {
    each(|server| {
        let recorded = delivery();
        let mut connection = server.connect();
        for _ in 0..20 {
            connection.write(&recorded.bytes());
            assert_eq!(connection.answer().unwrap().status, 200, "{}", server.name());
        }
        drop(connection);
        for again in [
            recorded.clone(),
            recorded.clone().chunked(""),
            recorded.clone().with_line("POST /github?again HTTP/1.1"),
            recorded.clone().with("user-agent", "another"),
            recorded.clone().set("content-type", "text/plain"),
        ] {
            assert_eq!(server.status_of(&again), 200, "{}: {}", server.name(), again.line);
        }
        server.is_unharmed(1);
    });
}

#[test]
fn b5_an_id_with_the_separator_in_it_is_refused_on_a_socket() {
    each(|server| {
        let good = event(providers::STANDARD_WEBHOOKS);
        let id = good.header("webhook-id").to_owned();
        let time = good.header("webhook-timestamp").to_owned();
        for (id, time) in [
            (format!("{id}.{time}"), time.clone()),
            (format!("{id}.{time}.x"), time.clone()),
            (format!("{id}."), time.clone()),
            (id.clone(), format!("{time}.{time}")),
        ] {
            let split = good.clone().set("webhook-id", &id).set("webhook-timestamp", &time);
            let status = server.status_of(&split);
            assert!(is_refused(status), "{}: {id} and {time}: {status}", server.name());
        }
        // The signed content is the same text, split at another place.
        let [front, back] = [&id[..id.len() - 1], &id[id.len() - 1..]];
        let moved = Message { body: [back.as_bytes(), b".", &good.body].concat(), ..good.clone() };
        let moved = moved.set("webhook-id", front).set("content-length", (good.body.len() + 2).to_string());
        assert!(is_refused(server.status_of(&moved)), "{}", server.name());
        server.is_unharmed(0);
    });
}

#[test]
fn b9_another_event_type_in_an_unsigned_header_has_nothing_handled_again() {
    each(|server| {
        let recorded = delivery().with("x-github-event", "ping");
        assert_eq!(server.status_of(&recorded), 200, "{}", server.name());
        for other in ["push", "deployment", "ping\u{e9}"] {
            let status = server.status_of(&recorded.clone().set("x-github-event", other));
            assert!(status == 200 || is_refused(status), "{}: {other}: {status}", server.name());
        }
        server.is_unharmed(1);
    });
}

#[test]
fn c5_a_recorded_delivery_without_a_signed_time_is_a_replay_behind_many_others() {
    each(|server| {
        let recorded = delivery();
        assert_eq!(server.status_of(&recorded), 200, "{}", server.name());
        for _ in 0..200 {
            assert_eq!(server.status_of(&delivery()), 200, "{}", server.name());
        }
        for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(server.status_of(&recorded.clone().with("date", date)), 200, "{}", server.name());
        }
        server.is_unharmed(201);
    });
}

#[test]
fn d6_the_same_event_at_two_endpoints_is_two_and_neither_takes_the_others_place() {
    each(|server| {
        let body = r#"{"id":"evt_d6","type":"created"}"#;
        for provider in [providers::GITHUB, providers::STRIPE, providers::STREAM_CHAT] {
            for _ in 0..2 {
                let status = server.status_of(&signed(provider, SECRET, body));
                assert_eq!(status, 200, "{}: {}", server.name(), provider.id());
            }
        }
        // The signature is not valid at another endpoint.
        let elsewhere = signed(providers::GITHUB, SECRET, body).with_line("POST /stream-chat HTTP/1.1");
        assert!(is_refused(server.status_of(&elsewhere)), "{}", server.name());
        server.is_unharmed(3);
    });
}

#[test]
fn d7_nothing_of_a_replay_or_a_forgery_reaches_the_handler() {
    each(|server| {
        let real = event(providers::STRIPE);
        let forged = real.clone().set("stripe-signature", format!("t=1767225600,v1={}", "0".repeat(64)));
        for (message, status, handled) in
            [(&forged, 401, 0), (&real, 200, 1), (&forged, 401, 1), (&real, 200, 1), (&real, 200, 1)]
        {
            assert_eq!(server.status_of(message), status, "{}", server.name());
            assert_eq!(server.handled(), handled, "{}", server.name());
        }
        server.is_unharmed(1);
    });
}

/// The addresses that the provider sends from.
const OTHERS: [&str; 2] = ["203.0.113.0/24", "2001:db8::1"];

/// An app with an endpoint for [`OTHERS`] beside its own, which trusts these proxies.
fn app_for_others(proxies: &[&str]) -> Served {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let handler = move |_: Extension<Delivery>| async move {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let allowed = AddressSet::parse(OTHERS).unwrap();
    let mut addresses = AddressLayer::new(allowed).with_peer(connect_info);
    if !proxies.is_empty() {
        let proxies = AddressSet::parse(proxies.iter().copied()).unwrap();
        addresses = addresses.with_proxies(TrustedProxies::new(proxies, ClientHeader::XForwardedFor));
    }
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    let stack = Stack::builder("only-others", verifier).with_addresses(addresses).build().unwrap();
    let restricted = Router::new().route("/only-others", any(handler)).layer(stack);
    Served::new(app(&handled).merge(restricted), handled)
}

fn gateway_for_others(proxies: &[&str]) -> Gateway {
    let mut settings = String::new();
    if !proxies.is_empty() {
        settings = format!("trusted_proxies = {proxies:?}\nclient_header = \"x-forwarded-for\"\n");
    }
    let endpoint = |path: &str, more: &str| {
        format!("[[endpoint]]\npath = \"/{path}\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n{more}\n")
    };
    let others = endpoint("only-others", &format!("addresses.allow = {OTHERS:?}"));
    Gateway::start_with(&settings, &(endpoint("github", "") + &others))
}

#[test]
fn e1_an_address_that_the_client_claims_admits_nobody() {
    let proxies = ["127.0.0.1", "10.0.0.0/8"];
    let servers: [(bool, Box<dyn Server>); 4] = [
        (false, Box::new(app_for_others(&[]))),
        (false, Box::new(gateway_for_others(&[]))),
        (true, Box::new(app_for_others(&proxies))),
        (true, Box::new(gateway_for_others(&proxies))),
    ];
    for (behind_a_proxy, server) in servers {
        let mut handled = 0;
        for (hops, admitted) in [
            (&["203.0.113.7"][..], true),
            (&["198.51.100.1, 203.0.113.7", "10.1.2.3"], true),
            (&["203.0.113.7, 198.51.100.1"], false),
            (&["203.0.113.7", "198.51.100.1"], false),
            (&["203.0.113.7, unknown"], false),
            (&["203.0.113.7, 10.1.2.3.4"], false),
            (&["203.0.113.7", ""], false),
            (&[], false),
        ] {
            let message = delivery().with_line("POST /only-others HTTP/1.1");
            let message = hops.iter().fold(message, |message, hop| message.with("x-forwarded-for", hop));
            let message = message.with("x-real-ip", "203.0.113.7").with("forwarded", "for=203.0.113.7");
            let expected = if admitted && behind_a_proxy { 200 } else { 403 };
            assert_eq!(server.status_of(&message), expected, "{}: {hops:?}", server.name());
            handled += usize::from(expected == 200);
        }
        if !behind_a_proxy {
            server.is_unharmed(handled);
        }
        assert_eq!(server.handled(), handled + usize::from(!behind_a_proxy), "{}", server.name());
    }
}

/// The statuses of deliveries that come, by the word of a proxy, from these addresses.
fn admitted(hops: &[(&str, bool)]) {
    let proxies = ["127.0.0.1"];
    for server in [&app_for_others(&proxies) as &dyn Server, &gateway_for_others(&proxies)] {
        for (hop, admitted) in hops {
            let message = delivery().with_line("POST /only-others HTTP/1.1").with("x-forwarded-for", hop);
            let expected = if *admitted { 200 } else { 403 };
            assert_eq!(server.status_of(&message), expected, "{}: {hop}", server.name());
        }
        assert_eq!(server.handled(), hops.iter().filter(|(_, admitted)| *admitted).count(), "{}", server.name());
    }
}

#[test]
fn e2_an_address_in_another_form_is_itself_or_nobody() {
    admitted(&[
        ("203.0.113.7", true),
        ("::ffff:203.0.113.7", true),
        ("::ffff:cb00:7107", true),
        ("::ffff:198.51.100.1", false),
        ("::203.0.113.7", false),
        ("2002:cb00:7107::1", false),
        ("64:ff9b::203.0.113.7", false),
        ("203.0.113.07", false),
        ("203.0.113", false),
        ("0xcb007107", false),
        ("3405803783", false),
        ("2001:db8::1%eth0", false),
    ]);
}

#[test]
fn e3_one_address_of_ipv6_admits_nobody_else() {
    admitted(&[
        ("2001:db8::1", true),
        ("2001:0DB8:0:0::0001", true),
        ("2001:db8::2", false),
        ("2001:db8::", false),
        ("2001:db8:1::1", false),
        ("2001:db8::1:1", false),
    ]);
}

//! Malformed heads: too long, not text, with repeated headers, or with misleading methods, URLs and framing.

use countersign::providers;
use countersign_tests::target::{Message, PROVIDERS, delivery, each, event, signed, twice};

fn is_refused(status: u16) -> bool {
    (400..500).contains(&status)
}

#[test]
fn e9_oversized_heads_are_refused_and_not_kept() {
    each(|server| {
        let many = (0..300).fold(delivery(), |message, at| message.with(&format!("x-{at}"), "a"));
        let long = 2 * 1024 * 1024;
        let heads = [
            ("a long value", delivery().with("x-a", vec![b'a'; long])),
            ("a long signature", delivery().set("x-hub-signature-256", vec![b'a'; long])),
            ("a long name", delivery().with(&"a".repeat(long), "a")),
            ("many headers", many),
            ("a long path", delivery().with_line(format!("POST /{} HTTP/1.1", "a".repeat(long)))),
            ("a long query", delivery().with_line(format!("POST /github?{} HTTP/1.1", "a".repeat(long)))),
            ("a long method", delivery().with_line(format!("{} /github HTTP/1.1", "A".repeat(long)))),
        ];
        twice(server, || {
            for (what, message) in &heads {
                let status = server.status_of(message);
                // The answer may be lost when the server closes the connection while more arrives.
                assert!(status == 0 || is_refused(status), "{}: {what}: {status}", server.name());
            }
            0
        });
    });
}

#[test]
fn e8_a_byte_that_is_no_text_in_each_header_of_each_provider_is_refused_or_of_no_matter() {
    each(|server| {
        let mut handled = 0;
        for provider in PROVIDERS {
            let names: Vec<String> = event(provider).headers.into_iter().map(|(name, _)| name).collect();
            for name in names {
                for spoil in [
                    |_: &[u8]| b"\xff".to_vec(),
                    |value: &[u8]| [value, b"\xff"].concat(),
                    |value: &[u8]| [b"\xff", value].concat(),
                ] {
                    let good = event(provider);
                    let value = spoil(good.header(&name).as_bytes());
                    let status = server.status_of(&good.set(&name, value));
                    // No server here reads the host.
                    let expected = if name == "host" { status == 200 || status == 400 } else { status == 400 };
                    assert!(expected, "{}: {} with a spoilt {name}: {status}", server.name(), provider.id());
                    handled += usize::from(status == 200);
                }
                let bad_name = event(provider).with(&format!("{name}\u{e9}"), "a");
                assert_eq!(server.status_of(&bad_name), 400, "{}: a name that is no text", server.name());
            }
        }
        server.is_unharmed(handled);
    });
}

#[test]
fn e7_each_header_twice_is_refused_if_the_lines_differ() {
    each(|server| {
        for provider in PROVIDERS {
            let names = event(provider).headers.into_iter().map(|(name, _)| name).filter(|name| name != "host");
            for name in names {
                let good = event(provider);
                let value = good.header(&name).to_owned();
                let mut twice = good.clone().with(&name, "1");
                assert_eq!(server.status_of(&twice), 400, "{}: {} with two of {name}", server.name(), provider.id());
                twice = good.set(&name, "1").with(&name, value);
                assert_eq!(server.status_of(&twice), 400, "{}: {} with two of {name}", server.name(), provider.id());
            }
        }
        server.is_unharmed(0);
    });
}

#[test]
fn a7_each_header_of_each_provider_must_be_there() {
    each(|server| {
        for provider in PROVIDERS {
            let names = event(provider).headers.into_iter().map(|(name, _)| name);
            for name in names.filter(|name| name != "host") {
                let status = server.status_of(&event(provider).without(&name));
                assert!(is_refused(status), "{}: {} without {name}: {status}", server.name(), provider.id());
            }
        }
        server.is_unharmed(0);
    });
}

#[test]
fn a8_no_other_method_is_a_delivery() {
    each(|server| {
        for method in
            ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "post", "POST\u{e9}", "QUERY", "M-SEARCH"]
        {
            let status = server.status_of(&delivery().with_line(format!("{method} /github HTTP/1.1")));
            assert!(is_refused(status), "{}: {method}: {status}", server.name());
        }
        for line in [
            "CONNECT localhost:80 HTTP/1.1",
            "CONNECT /github HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "PRI * HTTP/2.0",
            "POST /github HTTP/2.0",
            "POST /github HTTP/1.2",
            "POST /github",
            "POST /github HTTP/0.9",
            "POST  /github HTTP/1.1",
            "POST /github  HTTP/1.1",
            "POST\t/github\tHTTP/1.1",
            " POST /github HTTP/1.1",
        ] {
            let status = server.status_of(&delivery().with_line(line));
            assert!(status == 0 || is_refused(status), "{}: {line}: {status}", server.name());
        }
        server.is_unharmed(0);
    });
}

#[test]
fn a8_what_is_no_http_is_not_answered_like_a_delivery() {
    each(|server| {
        let hello = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03".to_vec();
        for bytes in [
            hello,
            b"\0".repeat(1000),
            b"\xff".repeat(1000),
            b"\r\n".repeat(20_000),
            b"\n".to_vec(),
            b"SSH-2.0-x\r\n".to_vec(),
            vec![],
        ] {
            let answers = server.send(&bytes);
            assert!(answers.len() <= 1 && answers.iter().all(|answer| is_refused(answer.status)), "{answers:?}");
        }
        server.is_unharmed(0);
    });
}

#[test]
fn a8_tricks_with_the_url_reach_no_other_endpoint() {
    each(|server| {
        for target in [
            "/github/",
            "/GITHUB",
            "//github",
            "/./github",
            "/stripe/../github",
            "/stripe/..%2fgithub",
            "/%67ithub",
            "/github%2f",
            "/github%00",
            "/github;a",
            "/github/.",
            "/github%20",
            "github",
            "*",
            "/\\github",
            "/github\u{e9}",
            "http:///github",
            "/github\u{7f}",
            "http://",
            "\\\\localhost\\github",
        ] {
            let status = server.status_of(&delivery().with_line(format!("POST {target} HTTP/1.1")));
            assert!(is_refused(status), "{}: {target}: {status}", server.name());
        }
        let mut handled = 0;
        for target in [
            "/github?",
            "/github?a=%00",
            "/github?/../stripe",
            "http://localhost/github",
            "http://stranger:1@localhost:99/github",
            "HTTP://LOCALHOST/github",
            "/github#/stripe",
        ] {
            let line = format!("POST {target} HTTP/1.1");
            // The event is for this endpoint, and a signature of another endpoint is invalid here.
            let other = signed(providers::STREAM_CHAT, "whsec_another", "{}");
            let status = server.status_of(&other.with_line(line.clone()));
            assert!(is_refused(status), "{}: {target}: {status}", server.name());
            let status = server.status_of(&delivery().with_line(line));
            assert!(status == 200 || is_refused(status), "{}: {target}: {status}", server.name());
            handled += usize::from(status == 200);
        }
        server.is_unharmed(handled);
    });
}

#[test]
fn e4_a_refused_head_is_not_invited_to_send_its_body() {
    each(|server| {
        let ask = |message: &Message| {
            let mut connection = server.connect();
            connection.write(&message.clone().with("expect", "100-continue").head());
            connection.interim(|connection| connection.write(&message.body))
        };
        let good = delivery();
        assert_eq!(ask(&good), (true, 200), "{}", server.name());
        let stale = event(providers::STRIPE).set("stripe-signature", format!("t=1,v1={}", "0".repeat(64)));
        assert_eq!(ask(&stale), (false, 401), "{}", server.name());
        assert_eq!(ask(&delivery().without("x-hub-signature-256")), (false, 400), "{}", server.name());
        assert_eq!(ask(&delivery().set("content-length", "9999999")), (false, 413), "{}", server.name());
        server.is_unharmed(1);
    });
}

#[test]
fn e4_an_old_client_is_served_and_its_connection_closed() {
    each(|server| {
        let good = delivery().with_line("POST /github HTTP/1.0");
        let statuses: Vec<u16> =
            server.send(&[good.bytes(), delivery().bytes()].concat()).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200], "{}", server.name());
        // HTTP/1.0 has no chunks: RFC 9112 section 6.1 calls such a framing faulty.
        let chunked = server.status_of(&delivery().chunked("").with_line("POST /github HTTP/1.0"));
        assert!(is_refused(chunked), "{}: {chunked}", server.name());
        server.is_unharmed(1);
    });
}

#[test]
fn a7_a_signature_in_a_trailer_is_none() {
    each(|server| {
        for provider in PROVIDERS {
            let good = event(provider);
            let names: Vec<String> = good.headers.iter().map(|(name, _)| name.clone()).collect();
            for name in names.into_iter().filter(|name| !["host", "content-length"].contains(&name.as_str())) {
                let trailer = format!("{name}: {}\r\n", good.header(&name));
                let late = good.clone().without(&name).chunked(&trailer).with("trailer", &name);
                assert_eq!(server.status_of(&late), 400, "{}: {name}", server.name());
                // Beside the header, the trailer changes nothing.
                let other = event(provider).chunked(&format!("{name}: 1\r\n"));
                assert_eq!(server.status_of(&other), 200, "{}: {name}", server.name());
            }
        }
        let endless = delivery().chunked(&"x-a: b\r\n".repeat(100_000));
        let status = server.status_of(&endless);
        assert!(status == 0 || is_refused(status), "{}: {status}", server.name());
        server.is_unharmed(6);
    });
}

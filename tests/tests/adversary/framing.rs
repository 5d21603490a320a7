//! Request smuggling: requests that two programs could frame differently. A second request behind the first must not be
//! seen.

use countersign_tests::target::{Message, Server, delivery, each};

/// The hidden request, a good delivery, and the number of its bytes.
fn hidden() -> (Vec<u8>, usize) {
    let bytes = delivery().bytes();
    let count = bytes.len();
    (bytes, count)
}

/// Asserts that the bytes get at most one answer, which is a refusal, that the connection is closed then, and that
/// nothing is handled.
#[track_caller]
fn is_refused(server: &dyn Server, what: &str, bytes: &[u8]) {
    let before = server.handled();
    let answers = server.send(bytes);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let refused = statuses.iter().all(|status| (400..500).contains(status)) && statuses.len() <= 1;
    assert!(refused, "{}: {what}: {statuses:?}", server.name());
    assert_eq!(server.handled(), before, "{}: {what} was handled", server.name());
}

/// A request with `framing` in place of the length, and a second request behind it.
fn framed(framing: &str, body: &str) -> Vec<u8> {
    let (hidden, _) = hidden();
    let head = delivery().without("content-length").bytes();
    let head = String::from_utf8(head).unwrap();
    let head = head.split("\r\n\r\n").next().unwrap();
    [format!("{head}\r\n{framing}\r\n\r\n{body}").as_bytes(), &hidden].concat()
}

#[test]
fn e4_with_a_length_and_chunks_only_the_chunks_are_the_body() {
    each(|server| {
        let (_, count) = hidden();
        // The chunks make an empty body, which the signature does not fit.
        for (framing, body) in [
            (format!("content-length: {}\r\ntransfer-encoding: chunked", count + 5), "0\r\n\r\n"),
            (format!("transfer-encoding: chunked\r\ncontent-length: {}", count + 5), "0\r\n\r\n"),
            ("transfer-encoding: chunked\r\ncontent-length: 0".to_owned(), "0\r\n\r\n"),
            ("transfer-encoding: chunked\r\ncontent-length: 5\r\ncontent-length: 5".to_owned(), "0\r\n\r\n"),
        ] {
            let mut connection = server.connect();
            connection.write(&framed(&framing, body));
            // There is one answer, and the server closes the connection behind it.
            let statuses: Vec<u16> = connection.answers().iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [401], "{}: {framing}", server.name());
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_what_hides_behind_a_length_and_chunks_is_not_read() {
    each(|server| {
        // RFC 9112 section 6.1 lets a server take the chunks, if it closes the connection behind them.
        for at in [0, 5] {
            let mut both = delivery().chunked("");
            let length = ("content-length".to_owned(), (both.body.len() + hidden().1).to_string().into_bytes());
            both.headers.insert(at.min(both.headers.len()), length);
            let mut connection = server.connect();
            connection.write(&[both.bytes(), hidden().0].concat());
            let statuses: Vec<u16> = connection.answers().iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [200], "{}: the length is header {at}", server.name());
        }
        server.is_unharmed(2);
    });
}

#[test]
fn e4_a_length_has_one_grammar_and_stands_there_once() {
    each(|server| {
        for framing in [
            "content-length: 2\r\ncontent-length: 3",
            "content-length: 3\r\ncontent-length: 2",
            "content-length: 2, 3",
            "content-length: 2, 2",
            "content-length: +2",
            "content-length: -2",
            "content-length: 0x2",
            "content-length: 2 2",
            "content-length: 2e0",
            "content-length: 2.0",
            "content-length: ",
            "content-length: two",
            "content-length: 18446744073709551616",
            "content-length: 99999999999999999999999999",
            "content-length : 2",
            "content-length\t: 2",
            " content-length: 2",
            "content-length: 2\r\n content-length: 3",
            "content-length:\r\n 2",
            "content-length: 2\rcontent-length: 3",
            "content-length: 2\0",
            "content-length: \u{b}2",
        ] {
            is_refused(server, framing, &framed(framing, "{}"));
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_a_transfer_coding_is_chunked_or_refused() {
    each(|server| {
        for coding in [
            "transfer-encoding: xchunked",
            "transfer-encoding: chunked, identity",
            "transfer-encoding: chunked, gzip",
            "transfer-encoding: identity",
            "transfer-encoding: gzip",
            "transfer-encoding: chunke\u{17f}",
            "transfer-encoding : chunked",
            "transfer-encoding:\u{b}chunked",
            "transfer-encoding: \"chunked\"",
            "transfer-encoding: chunked;a=b",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity",
            "transfer-encoding: identity\r\ntransfer-encoding: cow\r\ncontent-length: 5",
            "transfer-encoding:\r\n chunked",
            "transfer-encoding: chunked\0",
            "transfer\u{2d}encoding : chunked",
        ] {
            is_refused(server, coding, &framed(coding, "0\r\n\r\n"));
        }
        let head = String::from_utf8(delivery().without("content-length").bytes()).unwrap();
        let head = head.split("\r\n\r\n").next().unwrap();
        for coding in [
            "gzip, chunked",
            "cow, chunked",
            "identity, chunked",
            "chunked, chunked",
            "gzip\r\ntransfer-encoding: chunked",
        ] {
            let request = format!("{head}\r\ntransfer-encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
            is_refused(server, coding, request.as_bytes());
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_chunks_have_one_grammar() {
    each(|server| {
        for body in [
            "0x2\r\n{}\r\n0\r\n\r\n",
            "+2\r\n{}\r\n0\r\n\r\n",
            "-2\r\n{}\r\n0\r\n\r\n",
            "\r\n{}\r\n0\r\n\r\n",
            "2{}\r\n0\r\n\r\n",
            "2\r\n{}0\r\n\r\n",
            "2\r\n{}xx0\r\n\r\n",
            "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
            "10000000000000002\r\n{}\r\n0\r\n\r\n",
            "2;\n{}\r\n0\r\n\r\n",
            "2\r{}\r\n0\r\n\r\n",
            "g\r\n{}\r\n0\r\n\r\n",
        ] {
            is_refused(server, body, &framed("transfer-encoding: chunked", body));
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_what_stands_behind_a_body_is_another_request_with_a_signature_of_its_own() {
    each(|server| {
        let good = delivery();
        let forged = Message::post("/github", "{}");
        let answers =
            server.send(&[good.bytes(), forged.bytes(), b"junk\r\n\r\n".to_vec(), delivery().bytes()].concat());
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 400, 400], "{}: nothing is read behind junk", server.name());
        server.is_unharmed(1);
    });
}

#[test]
fn e4_a_body_longer_than_it_says_is_judged_by_what_it_says() {
    each(|server| {
        let good = delivery();
        for length in [0, 1, good.body.len() - 1] {
            let answers = server.send(&good.clone().set("content-length", length.to_string()).bytes());
            assert_eq!(answers[0].status, 401, "{}: {length}", server.name());
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_control_characters_and_folded_lines_in_a_head_are_refused() {
    each(|server| {
        let good = String::from_utf8(delivery().bytes()).unwrap();
        for line in [
            "x-a: b\rc",
            "x-a: b\0c",
            "x-a: b\x01",
            "x-a: b\x7f",
            "x-a: b\r\n c",
            "x-a: b\r\n\tc",
            "x\u{e9}: b",
            "x a: b",
            "x-a",
            ": b",
            "x-\0a: b",
            "x-a: b\r\r\nx-c: d",
        ] {
            let spoilt = good.replacen("\r\nhost", &format!("\r\n{line}\r\nhost"), 1);
            is_refused(server, line, &[spoilt.as_bytes(), &hidden().0].concat());
        }
        server.is_unharmed(0);
    });
}

#[test]
fn e4_a_line_feed_alone_ends_a_line_and_nothing_else() {
    each(|server| {
        // RFC 9112 section 2.2 allows this. What matters is that the line feed never becomes part of a value.
        let good = String::from_utf8(delivery().bytes()).unwrap();
        let injected = good.replacen("\r\nhost", "\r\nx-a: b\ntransfer-encoding: chunked\r\nhost", 1);
        is_refused(server, "a header behind a line feed", &[injected.as_bytes(), &hidden().0].concat());
        let forged = good.replacen("x-hub-signature-256: ", "x-a: b\nx-hub-signature-256: sha256=00\nx-b: ", 1);
        is_refused(server, "a signature behind a line feed", forged.as_bytes());
        server.is_unharmed(0);
    });
}

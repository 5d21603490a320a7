//! Bodies with a wrong length, without an end, sent byte by byte, cut off, or compressed.

use std::{
    io::Write as _,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use countersign::{Signer, providers};
use countersign_tests::target::{
    BODY_LIMIT, BODY_TIME, Gateway, Message, SECRET, Server, delivery, each, signed, twice,
};
use flate2::{Compression, write::GzEncoder};

#[test]
fn e4_an_announced_body_that_does_not_come_is_not_waited_for() {
    each(|server| {
        let good = delivery();
        let longer = good.clone().set("content-length", (good.body.len() + 1).to_string());
        let mut connection = server.connect();
        connection.write(&longer.bytes());
        assert_eq!(connection.answer().unwrap().status, 408, "{}", server.name());
        assert!(connection.is_closed(), "{}", server.name());
        // A client that closes its sending side has no more to send.
        let statuses: Vec<u16> = server.send(&longer.bytes()).iter().map(|answer| answer.status).collect();
        assert!(statuses.is_empty() || statuses == [400], "{}: {statuses:?}", server.name());
        server.is_unharmed(0);
    });
}

#[test]
fn e4_chunks_without_end_are_cut_off_behind_the_limit() {
    each(|server| {
        let mut connection = server.connect();
        connection.write(&delivery().without("content-length").with("transfer-encoding", "chunked").head());
        let chunk = [b"1000\r\n".to_vec(), vec![b'a'; 0x1000], b"\r\n".to_vec()].concat();
        // Twice what is buffered on the way, at most.
        let taken = (0..10_000).take_while(|_| connection.write(&chunk)).count();
        assert!(taken < 10_000, "{}: 40 MB were taken", server.name());
        let huge = delivery().without("content-length").with("transfer-encoding", "chunked");
        let mut connection = server.connect();
        connection.write(&[huge.head(), b"ffffffff\r\n".to_vec(), vec![b'a'; BODY_LIMIT + 1]].concat());
        let status = connection.answer().map_or(0, |answer| answer.status);
        assert!([0, 413].contains(&status), "{}: {status}", server.name());
        server.is_unharmed(0);
    });
}

#[test]
fn e4_a_chunk_extension_without_end_is_not_kept() {
    each(|server| {
        let mut connection = server.connect();
        connection.write(&delivery().without("content-length").with("transfer-encoding", "chunked").head());
        connection.write(b"2;");
        let taken = (0..1000).take_while(|_| connection.write(&[b'a'; 16 * 1024])).count();
        assert!(taken < 1000, "{}: 16 MB were taken", server.name());
        server.is_unharmed(0);
    });
}

#[test]
fn e4_a_body_of_the_limit_is_handled_and_one_byte_more_is_not() {
    each(|server| {
        for (length, status) in [(BODY_LIMIT, 200), (BODY_LIMIT + 1, 413)] {
            let sized = signed(providers::GITHUB, SECRET, vec![b'a'; length]);
            assert_eq!(server.status_of(&sized), status, "{}: {length}", server.name());
        }
        let chunked = signed(providers::GITHUB, SECRET, vec![b'b'; BODY_LIMIT]).chunked("");
        assert_eq!(server.status_of(&chunked), 200, "{}: in chunks", server.name());
        let chunked = signed(providers::GITHUB, SECRET, vec![b'b'; BODY_LIMIT + 1]).chunked("");
        let status = server.status_of(&chunked);
        assert!([0, 413].contains(&status), "{}: in chunks: {status}", server.name());
        server.is_unharmed(2);
    });
}

#[test]
fn e5_a_body_that_drips_is_given_up_at_the_deadline() {
    each(|server| {
        let drips: Vec<_> = (0..20).map(|_| server.connect()).collect();
        let started = Instant::now();
        thread::scope(|scope| {
            let drips: Vec<_> = drips
                .into_iter()
                .map(|connection| scope.spawn(|| drip(connection, &delivery().set("content-length", "60"), "{")))
                .collect();
            // No request follows them.
            assert_eq!(server.status_of(&delivery()), 200, "{}", server.name());
            for status in drips {
                assert_eq!(status.join().unwrap(), 408, "{}", server.name());
            }
        });
        assert!(started.elapsed() >= BODY_TIME, "{}: they were given up early", server.name());
        server.is_unharmed(1);
    });
}

#[test]
fn e5_a_drip_of_chunks_is_given_up_at_the_deadline() {
    each(|server| {
        let chunked = delivery().without("content-length").with("transfer-encoding", "chunked");
        assert_eq!(drip(server.connect(), &chunked, "1\r\na\r\n"), 408, "{}", server.name());
        server.is_unharmed(0);
    });
}

/// Sends a piece of the body each second until there is an answer.
fn drip(mut connection: countersign_tests::target::Connection, message: &Message, piece: &str) -> u16 {
    connection.write(&message.head());
    let mut writer = connection.stream().try_clone().unwrap();
    let piece = piece.to_owned();
    let dripping = thread::spawn(move || {
        while writer.write_all(piece.as_bytes()).is_ok() {
            sleep(Duration::from_secs(1));
        }
    });
    let status = connection.answer().map_or(0, |answer| answer.status);
    drop(connection.stream().shutdown(std::net::Shutdown::Both));
    dripping.join().unwrap();
    status
}

#[test]
fn e10_a_request_that_breaks_off_anywhere_leaves_nothing() {
    each(|server| {
        let good = delivery().bytes();
        for end in (0..good.len()).step_by(3) {
            let mut connection = server.connect();
            connection.write(&good[..end]);
        }
        // The server closes the connection with unread bytes, so the client sees a reset.
        for _ in 0..100 {
            let mut connection = server.connect();
            connection.write(&[delivery().head(), vec![b'a'; 1000], delivery().bytes()].concat());
        }
        let handled = server.handled();
        server.is_unharmed(handled);
        assert!(handled <= 100, "{}: {handled}", server.name());
    });
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A delivery whose signature covers `plain`, with `body` in its place.
fn coded(coding: &str, plain: &[u8], body: Vec<u8>) -> Message {
    let request = http::Request::post("/stream-chat").body(plain.to_vec()).unwrap();
    let sign = Signer::new(providers::STREAM_CHAT, SECRET).unwrap();
    let signature = sign.sign(request, std::time::SystemTime::now()).unwrap().headers()["x-signature"].clone();
    Message::post("/stream-chat", body).with("x-signature", signature).with("content-encoding", coding)
}

#[test]
fn e6_a_packed_body_is_judged_as_it_was_before_and_a_bomb_is_not_unpacked() {
    each(|server| {
        let plain = b"{\"type\":\"message.new\"}".as_slice();
        let bomb = vec![0; 17 * 1024 * 1024];
        let bombs: Vec<Message> = vec![
            coded("gzip", &bomb, packed(&bomb)),
            coded("gzip", plain, packed(&packed(plain))),
            coded("gzip, gzip", plain, packed(&packed(plain))),
            coded("gzip", plain, packed(&packed(&bomb))),
            coded("gzip", plain, [packed(plain), packed(&bomb)].concat()),
            coded("gzip", plain, [packed(plain), b"junk".to_vec()].concat()),
            coded("gzip", plain, packed(plain)[..20].to_vec()),
            coded("deflate", plain, packed(plain)),
            coded("br", plain, packed(plain)),
            coded("gzip", plain, packed(plain)).with("content-encoding", "gzip"),
            coded("identity", plain, packed(plain)),
            coded("gzip", plain, plain.to_vec()),
        ];
        let attack = || {
            for (at, bomb) in bombs.iter().enumerate() {
                let status = server.status_of(bomb);
                assert!((400..500).contains(&status), "{}: the bomb {at}: {status}", server.name());
            }
            for _ in 0..20 {
                assert_eq!(server.status_of(&bombs[0]), 413, "{}", server.name());
            }
            0
        };
        twice(server, attack);
        assert_eq!(server.status_of(&coded("gzip", plain, packed(plain))), 200, "{}", server.name());
        // The limit applies to decompressed bodies, too.
        let limit = vec![b' '; BODY_LIMIT];
        let above = [&limit[..], b" "].concat();
        assert_eq!(server.status_of(&coded("gzip", &above, packed(&above))), 413, "{}", server.name());
        assert_eq!(server.status_of(&coded("gzip", &limit, packed(&limit))), 200, "{}", server.name());
        // For a scheme that does not decompress, a content coding has no effect: the bytes on the wire are signed.
        let wire = signed(providers::GITHUB, SECRET, packed(&bomb)).with("content-encoding", "gzip");
        assert_eq!(server.status_of(&wire), 200, "{}", server.name());
        // `twice` sends one more good delivery after each attack.
        server.is_unharmed(3 + 2);
    });
}

#[test]
fn e5_a_head_that_drips_is_given_up_at_the_deadline() {
    let server = Gateway::start();
    let started = Instant::now();
    let drips: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = server.connect();
            thread::spawn(move || {
                for byte in delivery().bytes() {
                    connection.write(&[byte]);
                    sleep(Duration::from_millis(500));
                    if started.elapsed() > Duration::from_secs(4) {
                        break;
                    }
                }
                connection.answer().map_or(0, |answer| answer.status)
            })
        })
        .collect();
    for status in drips {
        let status = status.join().unwrap();
        assert!([0, 408].contains(&status), "{status}");
    }
    server.is_unharmed(0);
}

//! Floods at full speed, while good deliveries arrive: forged requests, long lists of signatures, and replays.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use countersign::providers;
use countersign_tests::target::{Connection, Message, Server, delivery, each, event, twice};

/// How many good deliveries a test sends during a flood.
const DELIVERED: usize = 100;

/// Sends forged requests from four threads at full speed, at least `count` of them, and good deliveries meanwhile.
/// Returns how many good ones it sent.
fn flood(server: &dyn Server, forged: &(impl Fn() -> Message + Sync), statuses: &[u16], count: usize) -> usize {
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = server.address();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = Connection::to(address);
                while !over.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < count {
                    connection.write(&forged().bytes());
                    match connection.answer() {
                        Some(answer) => assert!(statuses.contains(&answer.status), "{answer:?}"),
                        // A request that is refused by its head leaves a body on the connection, which is then closed.
                        None => connection = Connection::to(address),
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..DELIVERED {
            assert_eq!(server.status_of(&delivery()), 200, "{}", server.name());
        }
        over.store(true, Ordering::Relaxed);
    });
    DELIVERED
}

#[test]
fn d1_a_flood_of_forged_requests_keeps_nobody_out_and_leaves_nothing() {
    each(|server| {
        let forged = || delivery().set("x-hub-signature-256", format!("sha256={}", "0".repeat(64)));
        twice(server, || flood(server, &forged, &[401], 10_000));
    });
}

#[test]
fn d1_a_forged_event_does_not_burn_the_real_one() {
    each(|server| {
        let real = event(providers::STANDARD_WEBHOOKS);
        for _ in 0..100 {
            let forged = real.clone().set("webhook-signature", format!("v1,{}=", "A".repeat(43)));
            assert_eq!(server.status_of(&forged), 401, "{}", server.name());
        }
        assert_eq!(server.status_of(&real), 200, "{}", server.name());
        server.is_unharmed(1);
    });
}

#[test]
fn e9_lists_of_a_thousand_signatures_keep_nobody_out() {
    each(|server| {
        let tags = vec![format!("v1={}", "0".repeat(64)); 1000].join(",");
        let long = || {
            let good = event(providers::STRIPE);
            let time = good.header("stripe-signature").split(',').next().unwrap().to_owned();
            good.set("stripe-signature", format!("{time},{tags}"))
        };
        // The head itself may be too long for the server.
        twice(server, || flood(server, &long, &[400, 431], 1000));
    });
}

#[test]
fn e9_full_lists_of_wrong_signatures_keep_nobody_out() {
    each(|server| {
        let wrong = vec![format!("v1,{}=", "A".repeat(43)); 32].join(" ");
        let full = || event(providers::STANDARD_WEBHOOKS).set("webhook-signature", &wrong);
        twice(server, || flood(server, &full, &[401], 2000));
    });
}

#[test]
fn d4_sixty_four_equal_requests_on_sockets_are_handled_once() {
    each(|server| {
        let (bytes, address) = (delivery().bytes(), server.address());
        let send = || {
            let mut connection = Connection::to(address);
            connection.write(&bytes);
            connection.answer().map_or(0, |answer| answer.status)
        };
        let statuses: Vec<u16> = thread::scope(|scope| {
            let racers: Vec<_> = (0..64).map(|_| scope.spawn(send)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{}: {statuses:?}", server.name());
        assert_eq!(send(), 200, "{}: a replay is acknowledged", server.name());
        server.is_unharmed(1);
    });
}

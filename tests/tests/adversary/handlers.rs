//! Handlers that fail, panic or hang, on real sockets: the event comes again, and is handled then.

use std::{
    collections::HashSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use bytes::Bytes;
use countersign::{Verifier, providers};
use countersign_axum::Webhook;
use countersign_tests::target::{Message, SECRET, Served, Server, signed, soon};
use countersign_tower::Stack;
use http::StatusCode;

/// An app whose handler fails as the event says the first time, and handles the event the next time.
fn app() -> Served {
    let (handled, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(HashSet::new())));
    let count = Arc::clone(&handled);
    let handler = async move |Webhook(event): Webhook<Bytes>| {
        let is_first = seen.lock().unwrap().insert(event.clone());
        match &event[..] {
            br#"{"do":"fail"}"# if is_first => return StatusCode::INTERNAL_SERVER_ERROR,
            br#"{"do":"redirect"}"# if is_first => return StatusCode::FOUND,
            br#"{"do":"panic"}"# if is_first => panic!("as the event wants it"),
            br#"{"do":"hang"}"# if is_first => pending().await,
            _ => {}
        }
        count.fetch_add(1, Ordering::SeqCst);
        StatusCode::OK
    };
    let verifier = Verifier::new(providers::GITHUB, SECRET).unwrap();
    let stack = Stack::builder("github", verifier).with_handler_timeout(Duration::from_secs(1)).build().unwrap();
    Served::new(Router::new().route("/github", any(handler)).layer(stack), handled)
}

fn asking(what: &str) -> Message {
    signed(providers::GITHUB, SECRET, format!("{{\"do\":\"{what}\"}}"))
}

#[test]
fn d3_an_event_whose_handler_failed_panicked_or_hung_is_handled_when_it_comes_again() {
    // A panic closes the connection. A handler that hangs is given up after a timeout.
    for (what, status) in [("fail", 500), ("redirect", 302), ("panic", 0), ("hang", 503)] {
        let app = app();
        assert_eq!(app.status_of(&asking(what)), status, "{what}");
        assert_eq!(app.handled(), 0, "{what}");
        for _ in 0..2 {
            assert_eq!(app.status_of(&asking(what)), 200, "{what}");
        }
        app.is_unharmed(1);
    }
}

#[test]
fn d3_an_event_whose_client_went_away_is_handled_when_it_comes_again() {
    let app = app();
    let mut connection = app.connect();
    connection.write(&asking("hang").bytes());
    assert!(soon(|| app.left_over() > 0));
    drop(connection);
    // Until the server notices that the client is gone, the event is in progress.
    assert!(soon(|| app.status_of(&asking("hang")) == 200));
    app.is_unharmed(1);
}

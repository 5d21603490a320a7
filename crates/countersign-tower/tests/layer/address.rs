//! `AddressLayer` and `AddressFeed`.

use std::{
    convert::Infallible,
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    task::Poll,
    time::{Duration, Instant},
};

use countersign_tower::{
    AddressFeed, AddressLayer, PeerAddr,
    countersign::{
        Rejection, Timestamp,
        address::{AddressList, AddressProblem, AddressSet, ListFormat, TakeError, Taken},
    },
};
use http::{Extensions, Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};

fn set(texts: &[&str]) -> AddressSet {
    AddressSet::parse(texts).unwrap()
}

fn from(peer: &str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(PeerAddr(peer.parse().unwrap()));
    request
}

async fn send(layer: &AddressLayer, request: Request<()>) -> Response<String> {
    let service = service_fn(|_| ready(Ok::<_, Infallible>(Response::new("inside".to_owned()))));
    layer.layer(service).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_refusal_has_an_empty_body_and_its_reason_in_its_extensions() {
    let layer = AddressLayer::new(set(&["203.0.113.0/24"]));
    let refused = send(&layer, from("198.51.100.1:4711")).await;
    assert_eq!((refused.status(), &**refused.body()), (StatusCode::FORBIDDEN, ""));
    let client = "198.51.100.1".parse().unwrap();
    let expected = Rejection::Address { problem: AddressProblem::NotAllowed { client } };
    assert_eq!(refused.extensions().get(), Some(&expected));
    assert_eq!(send(&layer, from("203.0.113.7:4711")).await.body(), "inside");
    assert_eq!(send(&layer, from("[::ffff:203.0.113.7]:4711")).await.body(), "inside");
    assert_eq!(send(&layer, from("[2002:cb00:7107::]:4711")).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_empty_set_lets_nobody_in_and_neither_does_a_missing_peer() {
    let empty = AddressLayer::new(AddressSet::default());
    assert_eq!(send(&empty, from("203.0.113.7:4711")).await.status(), StatusCode::FORBIDDEN);
    let all = AddressLayer::new(set(&["0.0.0.0/0", "::/0"]));
    let refused = send(&all, Request::new(())).await;
    assert_eq!((refused.status(), &**refused.body()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
}

#[tokio::test]
async fn the_peer_can_be_in_another_extension() {
    fn elsewhere(extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get().copied()
    }
    let layer = AddressLayer::new(set(&["203.0.113.7"])).with_peer(elsewhere);
    let mut request = from("198.51.100.1:4711");
    request.extensions_mut().insert::<SocketAddr>("203.0.113.7:4711".parse().unwrap());
    assert_eq!(send(&layer, request).await.body(), "inside");
    assert_eq!(send(&layer, from("203.0.113.7:4711")).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn the_inner_service_is_polled_until_it_is_ready_and_is_not_called_for_a_refused_address() {
    struct Busy;
    impl Service<Request<()>> for Busy {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<String>, Infallible>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            panic!("it was not ready");
        }
    }
    let mut service = AddressLayer::new(set(&["203.0.113.7"])).layer(Busy);
    let asked = std::future::poll_fn(|context| Poll::Ready(Service::<Request<()>>::poll_ready(&mut service, context)));
    assert!(asked.await.is_pending());
    assert_eq!(service.call(from("198.51.100.1:4711")).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
#[should_panic(expected = "every 0 s")]
async fn a_list_that_would_be_fetched_without_a_pause_is_refused() {
    let fetch = || std::future::ready(Ok::<_, Infallible>("203.0.113.7"));
    let _never = feed("203.0.113.7").refresh(Duration::ZERO, fetch).await;
}

fn feed(lines: &str) -> AddressFeed {
    let now = Timestamp::from(std::time::SystemTime::now());
    let list = AddressList::read(ListFormat::Lines, lines.as_bytes(), now).unwrap();
    AddressFeed::new(list, set(&["10.0.0.1"]))
}

#[tokio::test]
async fn a_feed_has_the_addresses_of_its_list_and_those_that_are_always_allowed() {
    let feed = feed("203.0.113.0/24\n198.51.100.0/24\n");
    let layer = AddressLayer::new(feed.addresses());
    let inside = async |peer: &str| send(&layer, from(peer)).await.status() == StatusCode::OK;
    assert!(inside("10.0.0.1:1").await && inside("203.0.113.7:1").await && !inside("192.0.2.1:1").await);
    assert_eq!(feed.offer(b"203.0.113.0/24\n192.0.2.0/24\n"), Ok(Taken::New));
    assert!(inside("10.0.0.1:1").await && inside("192.0.2.1:1").await && !inside("198.51.100.1:1").await);
    assert_eq!(feed.offer(b"203.0.113.0/24\n"), Ok(Taken::New));
    assert_eq!(feed.offer(b"203.0.113.7\n"), Err(TakeError::Shrunk { ranges: 1, before: 2 }));
    assert!(inside("10.0.0.1:1").await && inside("203.0.113.8:1").await);
}

#[test]
fn a_feed_knows_the_age_of_its_list() {
    let hour = Duration::from_secs(3600);
    let read = Timestamp::from(std::time::SystemTime::now() - hour);
    let list = AddressList::read(ListFormat::Lines, b"203.0.113.0/24\n", read).unwrap();
    let feed = AddressFeed::new(list, AddressSet::default());
    assert!(feed.age() >= hour);
    assert_eq!(feed.offer(b"203.0.113.0/24\n192.0.2.0/24\n"), Ok(Taken::New));
    assert!(feed.age() < hour);
}

#[tokio::test(start_paused = true)]
async fn a_feed_outlives_every_failure_of_its_source() {
    let answers = Arc::new(Mutex::new(vec![
        Ok("203.0.113.0/24\n192.0.2.0/24\n"),
        Err(io::ErrorKind::ConnectionRefused),
        Ok("<html>"),
        Ok("203.0.113.1\n"),
    ]));
    let feed = feed("203.0.113.0/24\n");
    let fetch = {
        let answers = Arc::clone(&answers);
        move || {
            let answer = answers.lock().unwrap().pop();
            async move {
                match answer {
                    Some(answer) => answer.map_err(io::Error::from),
                    None => std::future::pending().await,
                }
            }
        }
    };
    let refresh = tokio::spawn(feed.clone().refresh(Duration::from_secs(3600), fetch));
    let ranges = || feed.addresses().snapshot().len();
    for expected in [2, 2, 2, 3, 3, 3] {
        tokio::time::sleep(Duration::from_secs(3661)).await;
        assert_eq!(ranges(), expected);
    }
    assert!(!refresh.is_finished());
    refresh.abort();
}

#[tokio::test(start_paused = true)]
async fn a_list_is_parsed_on_a_blocking_thread() {
    /// Takes a while to be read: until the test says so, which runs on the only thread that serves requests.
    struct Long(Mutex<mpsc::Receiver<()>>);
    impl AsRef<[u8]> for Long {
        fn as_ref(&self) -> &[u8] {
            let told = self.0.lock().unwrap().recv_timeout(Duration::from_secs(5));
            told.expect("the thread that serves requests waits for the list");
            b"203.0.113.0/24\n192.0.2.0/24\n"
        }
    }
    let (go_on, told) = mpsc::channel();
    let (feed, mut content) = (feed("203.0.113.0/24\n"), Some(Long(Mutex::new(told))));
    let fetch = move || ready(content.take().ok_or("it is fetched once"));
    let refresh = tokio::spawn(feed.clone().refresh(Duration::from_secs(1), fetch));
    tokio::time::sleep(Duration::from_secs(1)).await;
    go_on.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(feed.addresses().snapshot().len(), 3);
    refresh.abort();
}

#[test]
fn a_feed_s_age_can_be_read_while_a_long_list_is_parsed() {
    let feed = feed("203.0.113.0/24\n");
    let long = "203.0.113.0/24\n".repeat(200_000);
    let reading = std::thread::spawn({
        let feed = feed.clone();
        move || {
            let begun = Instant::now();
            assert_eq!(feed.offer(long.as_bytes()), Ok(Taken::Same));
            begun.elapsed()
        }
    });
    let mut longest = Duration::ZERO;
    while !reading.is_finished() {
        let asked = Instant::now();
        feed.age();
        longest = longest.max(asked.elapsed());
    }
    let took = reading.join().unwrap();
    assert!(longest < took / 2, "the age came after {longest:?}, and the list was read in {took:?}");
}

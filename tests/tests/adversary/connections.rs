//! Crowds of idle or slow connections, and clients that send requests without reading the answers.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign_tests::target::{Gateway, Server, allow_open_files, delivery, each, soon, twice};

/// How many connections send nothing.
const MANY: usize = 10_000;

/// How many connections send something. There are fewer, since each takes time.
const FEWER: usize = 1_000;

/// Allows one crowd at a time: two would need more open files than many systems allow a process.
static ONE_CROWD: Mutex<()> = Mutex::new(());

/// Opens `count` connections, sends `bytes` on each, and sends good deliveries meanwhile. Returns how many of those.
fn crowd(server: &dyn Server, count: usize, bytes: &[u8]) -> (Vec<TcpStream>, usize) {
    let mut crowd = Vec::new();
    let mut delivered = 0;
    for at in 0..count {
        // The listener's queue may be full for a moment.
        let stream = connect(server.address());
        let _ = (&stream).write_all(bytes);
        crowd.push(stream);
        if at % 250 == 0 {
            assert_eq!(server.status_of(&delivery()), 200, "behind {at} connections");
            delivered += 1;
        }
    }
    (crowd, delivered)
}

/// Runs a test against each kind of server, while no other test has a crowd.
fn each_crowded(test: impl Fn(&dyn Server)) {
    let _alone: MutexGuard<'_, ()> = ONE_CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    allow_open_files(MANY + 500);
    each(test);
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut connected = None;
    assert!(soon(|| {
        connected = TcpStream::connect(address).ok();
        connected.is_some()
    }));
    connected.unwrap()
}

#[test]
fn e5_ten_thousand_idle_connections_keep_nobody_out() {
    each_crowded(|server| {
        twice(server, || {
            let (crowd, delivered) = crowd(server, MANY, b"");
            for _ in 0..20 {
                assert_eq!(server.status_of(&delivery()), 200, "{}", server.name());
            }
            drop(crowd);
            delivered + 20
        });
    });
}

#[test]
fn e5_a_thousand_unfinished_heads_keep_nobody_out_and_no_memory() {
    each_crowded(|server| {
        let head = delivery().with("x-a", vec![b'a'; 4000]).head();
        twice(server, || {
            let (crowd, delivered) = crowd(server, FEWER, &head[..head.len() - 2]);
            drop(crowd);
            delivered
        });
    });
}

#[test]
fn e5_a_thousand_unfinished_bodies_keep_nobody_out() {
    each_crowded(|server| {
        let message = delivery().set("content-length", "60000");
        let bytes = [message.head(), vec![b'a'; 4000]].concat();
        twice(server, || {
            let (crowd, delivered) = crowd(server, FEWER, &bytes);
            drop(crowd);
            delivered
        });
    });
}

#[test]
fn e5_a_few_places_are_enough_for_clients_that_send_their_requests() {
    let server = Gateway::start_with(
        "connections = 8",
        "[[endpoint]]\npath = \"/github\"\nprovider = \"github\"\nsecrets = [\"env:SECRET\"]\n",
    );
    let crowd: Vec<_> = (0..100).map(|_| server.connect()).collect();
    assert_eq!(server.status_of(&delivery()), 200);
    // The oldest connections were closed for newer ones.
    let is_open = |connection: &countersign_tests::target::Connection| {
        connection.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        connection.stream().read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let open = crowd.iter().filter(|connection| is_open(connection)).count();
    assert!(open <= 8, "{open} connections have a place");
    drop(crowd);
    server.is_unharmed(1);
}

#[test]
fn e4_pipelined_requests_are_answered_in_their_order() {
    each(|server| {
        let mut connection = server.connect();
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for at in 0..300 {
            let (message, status) = match at % 3 {
                0 => (delivery(), 200),
                1 => (delivery().set("x-hub-signature-256", format!("sha256={}", "0".repeat(64))), 401),
                _ => (delivery().chunked(""), 200),
            };
            bytes.extend(message.bytes());
            expected.push(status);
        }
        connection.write(&bytes);
        let statuses: Vec<u16> = expected.iter().map(|_| connection.answer().unwrap().status).collect();
        assert_eq!(statuses, expected, "{}", server.name());
        drop(connection);
        server.is_unharmed(200);
    });
}

#[test]
fn e5_answers_that_nobody_reads_are_not_kept() {
    let server = Gateway::start();
    let unknown = b"POST /nowhere HTTP/1.1\r\n\r\n".repeat(1000);
    let mut stream = connect(server.address());
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let is_full = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    // The system buffers some megabytes of unread answers. After that, the server has to wait.
    assert!(soon(|| stream.write(&unknown).is_err_and(|error| is_full(&error))), "it takes requests without end");
    let given_up = || match stream.write(&unknown) {
        Ok(_) => false,
        Err(error) => !is_full(&error),
    };
    assert!(soon(given_up), "it waits for ever");
    server.is_unharmed(0);
}

//! `countersign audit` against receivers that do not hold below the signature, or with requests at once.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use axum::{Router, body::Body, routing::any};
use bytes::Bytes;
use countersign::providers;
use countersign_tests::target::Served;
use http::{HeaderValue, Request, StatusCode, request::Parts};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::audit::{audit, not_passed, verdict};

#[test]
fn an_audit_finds_a_receiver_without_limits() {
    async fn receive(request: Request<Body>) -> StatusCode {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST };
        verdict(providers::GITHUB, &parts, &body).err().map_or(StatusCode::OK, |rejection| rejection.status())
    }
    let server = Served::new(Router::new().route("/github", any(receive)), Arc::default());
    let rows = not_passed(&audit(server.address(), providers::GITHUB, &[]));
    for how in ["in chunks", "with a length"] {
        let is_read = |row: &String| row.contains(how) && row.contains("all was read");
        assert!(rows["E4"].iter().any(is_read), "{rows:#?}");
    }
    let slow = "a body of a byte a second";
    assert!(rows["E5"].iter().any(|row| row.contains(slow) && row.contains("still open")), "{rows:#?}");
}

#[test]
fn an_audit_finds_that_of_two_equal_requests_none_is_handled() {
    let seen: Arc<Mutex<BTreeMap<Bytes, usize>>> = Arc::default();
    let serve = move |stream: TcpStream| {
        let mut reader = BufReader::new(stream);
        let Some((parts, body)) = request(&mut reader)? else { return Ok(()) };
        if verdict(providers::GITHUB, &parts, &body).is_err() {
            return answer(&mut reader, 401);
        }
        let count = || seen.lock().unwrap().get(&body).copied().unwrap_or_default();
        *seen.lock().unwrap().entry(body.clone()).or_default() += 1;
        thread::sleep(Duration::from_millis(300));
        answer(&mut reader, if count() > 1 { 409 } else { 200 })
    };
    let rows = not_passed(&audit(listening(serve), providers::GITHUB, &[]));
    assert!(rows["D4"].len() == 1 && rows["D4"][0].contains("no 2xx"), "{rows:#?}");
}

#[test]
fn an_audit_finds_a_receiver_that_goes_by_the_length_where_there_are_chunks() {
    let serve = |stream: TcpStream| {
        let mut reader = BufReader::new(stream);
        while let Some((parts, body)) = request(&mut reader)? {
            let status = verdict(providers::GITHUB, &parts, &body).map_or(401, |()| 200);
            answer(&mut reader, status)?;
            if parts.headers.contains_key("connection") {
                break;
            }
        }
        Ok(())
    };
    let rows = not_passed(&audit(listening(serve), providers::GITHUB, &[]));
    let check = "what stands in the chunk of such a request";
    assert!(rows["E4"].iter().any(|row| row.contains(check) && row.contains("\"read\"")), "{rows:#?}");
}

#[test]
fn an_audit_passes_a_receiver_that_reads_what_is_too_large_and_says_so() {
    async fn receive(request: Request<Body>) -> StatusCode {
        let (parts, body) = request.into_parts();
        let whole = timeout(Duration::from_secs(2), kept(body)).await;
        let Ok(Ok(kept)) = whole else { return StatusCode::REQUEST_TIMEOUT };
        let Some(body) = kept else { return StatusCode::PAYLOAD_TOO_LARGE };
        verdict(providers::GITHUB, &parts, &body).err().map_or(StatusCode::OK, |rejection| rejection.status())
    }
    /// Reads a body to its end, and keeps it if it is small.
    async fn kept(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
        let (mut kept, mut is_small) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            let data = frame?.into_data().unwrap_or_default();
            is_small = is_small && kept.len() + data.len() <= 1024 * 1024;
            if is_small {
                kept.extend_from_slice(&data);
            }
        }
        Ok(is_small.then(|| kept.into()))
    }
    let server = Served::new(Router::new().route("/github", any(receive)), Arc::default());
    let rows = not_passed(&audit(server.address(), providers::GITHUB, &[]));
    assert!(!rows.contains_key("E4"), "{rows:#?}");
}

/// The address of a receiver that handles each connection with `serve`.
fn listening(serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// Reads a request whose body has a length; `None` if there is none, or one that is malformed.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(Parts, Bytes)>> {
    let mut request = Request::post("/");
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':') {
            request = request.header(name, value.trim());
        }
        line.clear();
    }
    let Ok((parts, ())) = request.body(()).map(Request::into_parts) else { return Ok(None) };
    let number = |value: &HeaderValue| value.to_str().ok()?.parse().ok();
    let Some(length) = parts.headers.get("content-length").and_then(number) else { return Ok(None) };
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body)?;
    Ok(Some((parts, body.into())))
}

fn answer(reader: &mut BufReader<TcpStream>, status: u16) -> io::Result<()> {
    write!(reader.get_mut(), "HTTP/1.1 {status} Judged\r\ncontent-length: 0\r\n\r\n")
}

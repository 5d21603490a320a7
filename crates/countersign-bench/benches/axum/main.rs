//! An axum app behind the layer that verifies, and behind the stack of all layers, against the same app without, over
//! loopback.
//!
//! The server has one core, the load generator another. Both apps listen for the whole run and are loaded in turns, so
//! that other work on the machine affects both.

mod app;
mod load;
mod server;
mod store;

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{ConfigError, Provider, Signer, Verifier, providers};
use countersign_bench::{Mode, bytes, median};
use countersign_tower::VerifyLayer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower_layer::Layer;

use load::Load;
use server::Server;

/// Signs only the body: the event's key is a hash of the body.
const SIGNED_BODY: (Provider, &str) = (providers::GITHUB, "a-secret-of-thirty-two-characters");

/// Signs an id.
const SIGNED_ID: (Provider, &str) = (providers::STANDARD_WEBHOOKS, "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWhlcmUh");

/// The measurements of one app in one round.
struct Turn {
    requests_per_second: f64,
    cpu_nanos_per_request: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::from_args();
    let (rounds, slice) = match mode.rounds {
        0 => (1, Duration::from_millis(20)),
        rounds => (rounds.min(15), Duration::from_secs(1)),
    };
    let plain = Server::start("without", server::plain())?;
    let layer = |scheme| Ok::<_, ConfigError>(VerifyLayer::new(verifier(scheme)?));
    let stack = |scheme| app::stack(verifier(scheme)?);
    let layered = [
        ("", SIGNED_BODY, Server::start("with", server::plain().layer(layer(SIGNED_BODY)?))?),
        (" around the app", SIGNED_BODY, Server::start("with-app", layer(SIGNED_BODY)?.layer(server::plain()))?),
        (", the stack", SIGNED_BODY, Server::start("stack", server::plain().layer(stack(SIGNED_BODY)?))?),
        (
            " around the app, the stack",
            SIGNED_BODY,
            Server::start("stack-app", stack(SIGNED_BODY)?.layer(server::plain()))?,
        ),
        (", the stack, a signed id", SIGNED_ID, Server::start("id", server::plain().layer(stack(SIGNED_ID)?))?),
        (
            " around the app, the stack, a signed id",
            SIGNED_ID,
            Server::start("id-app", stack(SIGNED_ID)?.layer(server::plain()))?,
        ),
    ];
    for size in [1024, 100 * 1024] {
        for (what, scheme, server) in &layered {
            let title = format!("axum, {}{what}", bytes(size));
            if mode.chooses(&title) {
                let request = signed_request(*scheme, size)?;
                let mut turns = Vec::new();
                for round in 0..rounds {
                    turns.push(in_turns(round, || turn(&plain, &request, slice), || turn(server, &request, slice))?);
                }
                if mode.rounds > 0 {
                    report(&title, &turns, hash_nanos(size)?);
                }
            }
        }
    }
    plain.stop()?;
    layered.into_iter().try_for_each(|(_, _, server)| server.stop())
}

fn verifier((provider, secret): (Provider, &str)) -> Result<Verifier, ConfigError> {
    Verifier::new(provider, secret)
}

/// Runs both, in the opposite order in every other round.
fn in_turns<T, E>(
    round: usize,
    first: impl FnOnce() -> Result<T, E>,
    second: impl FnOnce() -> Result<T, E>,
) -> Result<(T, T), E> {
    if round.is_multiple_of(2) {
        let first = first()?;
        return Ok((first, second()?));
    }
    let second = second()?;
    Ok((first()?, second))
}

fn turn(server: &Server, request: &Bytes, slice: Duration) -> Result<Turn, Box<dyn Error>> {
    let before = server.cpu_time()?;
    let Load { requests, took } = load::run(server.address(), request, slice)?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    Ok(Turn {
        requests_per_second: f64::from(requests) / took.as_secs_f64(),
        cpu_nanos_per_request: cpu.as_secs_f64() * 1e9 / f64::from(requests),
    })
}

fn report(title: &str, turns: &[(Turn, Turn)], hash_nanos: f64) {
    let of = |pick: fn(&(Turn, Turn)) -> f64| median(turns.iter().map(pick));
    let added = of(|(plain, verified)| verified.cpu_nanos_per_request - plain.cpu_nanos_per_request);
    println!("\n### {title}\n\n| | without | with | |\n|---|---:|---:|---:|");
    println!(
        "| requests/s | {:.0} | {:.0} | × {:.3} |",
        of(|turns| turns.0.requests_per_second),
        of(|turns| turns.1.requests_per_second),
        of(|(plain, verified)| verified.requests_per_second / plain.requests_per_second),
    );
    println!(
        "| server CPU, ns/request | {:.0} | {:.0} | × {:.3} |",
        of(|turns| turns.0.cpu_nanos_per_request),
        of(|turns| turns.1.cpu_nanos_per_request),
        of(|(plain, verified)| verified.cpu_nanos_per_request / plain.cpu_nanos_per_request),
    );
    println!("| added CPU ÷ bare HMAC of the body | {hash_nanos:.0} | {added:.0} | × {:.3} |", added / hash_nanos);
}

/// A signed request, as bytes.
fn signed_request((provider, secret): (Provider, &str), size: usize) -> Result<Bytes, Box<dyn Error>> {
    let unsigned = http::Request::post("/hooks")
        .header("host", "localhost")
        .header("user-agent", "Example-Hookshot/044aadd")
        .header("accept", "*/*")
        .header("content-type", "application/json")
        .header("content-length", size)
        .header("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W")
        .body(Bytes::from(vec![b' '; size]))?;
    let (head, body) = Signer::new(provider, secret)?.sign(unsigned, SystemTime::now())?.into_parts();
    let mut bytes = b"POST /hooks HTTP/1.1\r\n".to_vec();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", &body[..]].concat());
    Ok(bytes.into())
}

/// The time of the bare HMAC of a body, measured on the server's core.
fn hash_nanos(size: usize) -> Result<f64, Box<dyn Error>> {
    let keyed = Hmac::<Sha256>::new_from_slice(SIGNED_BODY.1.as_bytes())?;
    let body = vec![b' '; size];
    let hash = move || {
        server::pin(server::CORE);
        median((0..41).map(|_| {
            let start = std::time::Instant::now();
            for _ in 0..20 {
                std::hint::black_box(keyed.clone().chain_update(&body).finalize());
            }
            start.elapsed().as_secs_f64() * 1e9 / 20.0
        }))
    };
    std::thread::spawn(hash).join().map_err(|_| "the hash panicked".into())
}

//! The whole verification against the bare HMAC of the same bytes, and against other crates.

mod endpoint;
#[cfg(feature = "peers")]
mod peers;

use std::{
    error::Error,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use countersign::{Key, Rejection, Secret, Timestamp, Verifier, providers};
use countersign_bench::{Group, Mode, bytes};

use endpoint::{ENDPOINTS, Endpoint, Request, STANDARD_WEBHOOKS};

const SIZES: [usize; 5] = [256, 1024, 10 * 1024, 100 * 1024, 1024 * 1024];

fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::from_args();
    for size in SIZES {
        for endpoint in &ENDPOINTS {
            accept(endpoint, size, &mode)?;
        }
    }
    refuse(&mode)?;
    rotate(&mode)?;
    finish(&mode)
}

fn accept(endpoint: &Endpoint, size: usize, mode: &Mode) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from(SystemTime::now());
    let request = endpoint.request(size, now)?;
    let verifier = Verifier::new(endpoint.provider, endpoint.secret)?;
    verifier.verify(&request.head, &request.body, now)?;
    let (floor, signed) = (endpoint.keyed_hash()?, endpoint.signed(&request.body, now));
    let group = Group::new(format!("accept {}, {}", endpoint.name, bytes(size)))
        .case("bare HMAC", || endpoint::hash(&floor, &signed))
        .case("countersign", || verifier.verify(&request.head, &request.body, now));
    #[cfg(feature = "peers")]
    let group = peers::add(group, endpoint, &request)?;
    group.measure(mode);
    Ok(())
}

/// The time of each refusal, against an accepted body of 1 KiB.
fn refuse(mode: &Mode) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from(SystemTime::now());
    let late = Timestamp::from_unix_seconds(now.unix_seconds() + 3600);
    for endpoint in &ENDPOINTS {
        let verifier = Verifier::new(endpoint.provider, endpoint.secret)?;
        let accepted = endpoint.request(1024, now)?;
        let requests = [1024, 100 * 1024].map(|size| endpoint.request(size, now));
        let mut group = Group::new(format!("refuse {}", endpoint.name))
            .case("accept 1 KiB", || verifier.verify(&accepted.head, &accepted.body, now));
        for good in requests {
            let good = good?;
            let size = bytes(good.body.len());
            let (malformed, forged) = (good.malformed(endpoint), good.tampered());
            if endpoint.provider != providers::GITHUB {
                group = refusal(group, format!("stale, {size}"), &verifier, good, late, "timestamp_too_old");
            }
            group = refusal(group, format!("malformed, {size}"), &verifier, malformed, now, "malformed_signature");
            group = refusal(group, format!("forged, {size}"), &verifier, forged, now, "signature");
        }
        group.measure(mode);
    }
    Ok(())
}

fn refusal<'a>(
    group: Group<'a>,
    name: String,
    verifier: &'a Verifier,
    request: Request,
    now: Timestamp,
    code: &'static str,
) -> Group<'a> {
    let verdict = verifier.verify(&request.head, &request.body, now).map(drop);
    assert_eq!(verdict.as_ref().map_err(Rejection::code), Err(code), "{name}");
    group.case(name, move || verifier.verify(&request.head, &request.body, now).map(drop))
}

/// The time with a second key, as during a rotation.
fn rotate(mode: &Mode) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from(SystemTime::now());
    let endpoint = &STANDARD_WEBHOOKS;
    let one = Verifier::new(endpoint.provider, endpoint.secret)?;
    let key = |label: &'static str, secret: &str| Secret::new(secret).map(|secret| Key::new(label, secret));
    let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let two = Verifier::builder(endpoint.provider).key(key("new", other)?).key(key("old", endpoint.secret)?).build()?;
    for size in [1024, 10 * 1024, 100 * 1024] {
        let request = endpoint.request(size, now)?;
        assert_eq!(two.verify(&request.head, &request.body, now)?.key_label(), "old");
        Group::new(format!("rotate, {}", bytes(size)))
            .case("one key", || one.verify(&request.head, &request.body, now))
            .case("two keys", || two.verify(&request.head, &request.body, now))
            .measure(mode);
    }
    Ok(())
}

/// The time from the last chunk of a 100 KiB body to the verdict, against hashing the whole body then.
fn finish(mode: &Mode) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from(SystemTime::now());
    for endpoint in &ENDPOINTS {
        let request = endpoint.request(100 * 1024, now)?;
        let verifier = Verifier::new(endpoint.provider, endpoint.secret)?;
        let (floor, signed) = (endpoint.keyed_hash()?, endpoint.signed(&request.body, now));
        let tail = last_kib(&verifier, &request, now);
        assert!(tail.is_ok(), "{tail:?}");
        Group::new(format!("last 1 KiB of 100 KiB, {}", endpoint.name))
            .case("hash it all", || endpoint::hash(&floor, &signed))
            .timed("update and finish", |times| {
                (0..times).filter_map(|_| last_kib(&verifier, &request, now).ok()).sum()
            })
            .measure(mode);
    }
    Ok(())
}

fn last_kib(verifier: &Verifier, request: &Request, now: Timestamp) -> Result<Duration, Rejection> {
    let (before, last) = request.body.split_at(request.body.len() - 1024);
    let mut pending = verifier.begin(&request.head, now)?;
    before.chunks(16 * 1024).for_each(|chunk| pending.update(chunk));
    let start = Instant::now();
    pending.update(last);
    let verdict = pending.finish();
    let took = start.elapsed();
    verdict.map(|_| took)
}

/// A body that looks like JSON.
fn body(size: usize) -> Bytes {
    br#"{"id":"evt_1","type":"invoice.paid"} "#.iter().copied().cycle().take(size).collect()
}

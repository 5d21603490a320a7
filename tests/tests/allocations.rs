//! What is judged costs no allocation: not when accepted, and above all not when refused.
//!
//! One test, because the counter counts for the whole process.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use countersign::{
    Key, Secret, Timestamp, Verifier,
    address::{AddressSet, ClientHeader, IpNet, TrustedProxies, parse_network, proxy_protocol::parse},
};
use countersign_tests::endpoint::{Endpoint, NOW};
use http::{HeaderMap, HeaderName, Request};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `work` makes. The least of a few runs: other threads of the process allocate too.
fn allocations<T>(work: impl Fn() -> T) -> usize {
    let once = |_| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let result = black_box(work());
        let count = ALLOCATIONS.load(Ordering::Relaxed) - before;
        drop(result);
        count
    };
    (0..5).map(once).min().unwrap()
}

fn streamed(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> bool {
    let Ok(mut pending) = verifier.begin(request, now) else { return false };
    request.body().chunks(100).for_each(|chunk| pending.update(chunk));
    pending.finish().is_ok()
}

fn with_header(request: &Request<Bytes>, name: &str, value: &str) -> Request<Bytes> {
    let mut request = request.clone();
    request.headers_mut().insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    request
}

/// Where a request comes from is asked before anything else, of everybody.
fn an_address_costs_no_allocation() {
    let ranges = (0..10_000_u32).map(|number| IpNet::new(Ipv4Addr::from(number << 13).into(), 20).unwrap());
    let set: AddressSet = ranges.chain([parse_network("2001:db8::/32").unwrap()]).collect();
    for address in ["0.0.0.0", "3.1.2.3", "255.1.1.1", "::ffff:3.1.2.3", "2001:db8::1", "::1"] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(allocations(|| set.contains(address)), 0, "{address}");
    }
    for (header, line) in [
        (ClientHeader::XForwardedFor, "198.51.100.1, [2001:db8::1]:443, 10.0.0.2"),
        (ClientHeader::XForwardedFor, "198.51.100.1, junk"),
        (ClientHeader::Forwarded, "for=_x;host=\"a, b\", for=\"[2001:db8::1]:443\";proto=https, for=10.0.0.2"),
        (ClientHeader::Forwarded, "for=198.51.100.1, for=\"junk\""),
    ] {
        let proxies = TrustedProxies::new(AddressSet::parse(["10.0.0.0/8"]).unwrap(), header);
        let headers = HeaderMap::from_iter([(header.name(), line.parse().unwrap())]);
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(allocations(|| proxies.client(peer, &headers)), 0, "{line}");
    }
    assert_eq!(allocations(|| parse(b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n")), 0);
}

#[test]
fn a_verdict_costs_no_allocation() {
    assert!(allocations(|| vec![1_u8]) > 0, "the counter does not count");
    an_address_costs_no_allocation();
    for id in ["github", "stripe", "slack", "standard-webhooks", "shopify", "zoom", "paddle", "orb"] {
        let endpoint = Endpoint::find(id);
        let other = |label: &str| Key::new(label, Secret::new(endpoint.other_secret).unwrap());
        let one_key = endpoint.verifier();
        let two_keys = endpoint.builder().key(other("old")).key(endpoint.key("new")).build().unwrap();
        let wrong_key = endpoint.other_verifier();
        let signed = endpoint.sample();
        let header = endpoint.reading.signature_header().unwrap();
        let text = signed.headers()[&header].to_str().unwrap().to_owned();
        let late = Timestamp::from_unix_seconds(NOW.unix_seconds() + 100_000);

        let mut forged = signed.clone();
        *forged.body_mut() = Bytes::from_static(b"{\"forged\":true}");
        let cases: Vec<(&str, &Verifier, Request<Bytes>, Timestamp, bool)> = vec![
            ("accepted", &one_key, signed.clone(), NOW, true),
            ("accepted by the second key", &two_keys, signed.clone(), NOW, true),
            ("of another key", &wrong_key, signed.clone(), NOW, false),
            ("with another body", &one_key, forged.clone(), NOW, false),
            ("with another body for two keys", &two_keys, forged, NOW, false),
            ("late", &one_key, signed.clone(), late, endpoint.scheme.tolerance().is_none()),
            ("early", &one_key, signed.clone(), Timestamp::from_unix_seconds(0), endpoint.scheme.tolerance().is_none()),
            ("malformed", &one_key, with_header(&signed, &header, "junk"), NOW, false),
            ("cut off", &one_key, with_header(&signed, &header, &text[..text.len() - 1]), NOW, false),
            ("too long", &one_key, with_header(&signed, &header, &"a".repeat(10_000)), NOW, false),
            ("unsigned", &one_key, Request::post("/").body(Bytes::from("{}")).unwrap(), NOW, false),
        ];
        for (what, verifier, request, now, accepted) in cases {
            let verdict = || verifier.verify(&request, request.body(), now);
            assert_eq!(verdict().is_ok(), accepted, "{id}: {what}");
            assert_eq!(allocations(verdict), 0, "{id}: verify, {what}");
            assert_eq!(streamed(verifier, &request, now), accepted, "{id}: {what}");
            assert_eq!(allocations(|| streamed(verifier, &request, now)), 0, "{id}: streamed, {what}");
        }
    }
}

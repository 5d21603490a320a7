#![no_main]
//! Any lines of `Forwarded` and `X-Forwarded-For`: no panic, and whatever is on the left, the address that a trusted
//! proxy appends on the right is the client.

use std::{net::IpAddr, sync::LazyLock};

use countersign::address::{AddressProblem, AddressSet, ClientHeader, TrustedProxies};
use countersign_fuzz::choose;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

static PROXIES: LazyLock<AddressSet> =
    LazyLock::new(|| AddressSet::parse(["10.0.0.0/8", "2001:db8:a::/48"]).expect("they are ranges"));

const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// The header, and how a proxy writes these two clients.
const HEADERS: [(ClientHeader, [&[u8]; 2]); 2] = [
    (ClientHeader::Forwarded, [b"for=\"[2001:db8::7]:443\";proto=https", b"for=203.0.113.7"]),
    (ClientHeader::XForwardedFor, [b"2001:db8::7", b"203.0.113.7"]),
];

const CLIENTS: [&str; 2] = ["2001:db8::7", "203.0.113.7"];

fuzz_target!(|data: &[u8]| {
    let Some(((header, hops), text)) = choose(&HEADERS, data) else { return };
    // The lines that a server would pass on.
    let lines: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').filter(|line| HeaderValue::from_bytes(line).is_ok()).collect();
    let proxies = TrustedProxies::new(PROXIES.clone(), *header);
    if let Ok(client) = proxies.client(PROXY, &headers(*header, &lines)) {
        assert!(!PROXIES.contains(client), "{client} is a proxy");
        assert_eq!(client, client.to_canonical());
    }
    for (hop, client) in hops.iter().zip(CLIENTS) {
        for lines in appended(&lines, hop) {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            match proxies.client(PROXY, &headers(*header, &lines)) {
                Ok(found) => assert_eq!(found.to_string(), client),
                Err(AddressProblem::Malformed { .. } | AddressProblem::TooLong { .. }) => {}
                Err(problem) => panic!("{problem}"),
            }
        }
    }
});

/// The lines behind a proxy, which appends the hop as a new line, or to the last line.
fn appended(lines: &[&[u8]], hop: &[u8]) -> [Vec<Vec<u8>>; 2] {
    let mut own_line: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
    let mut same_line = own_line.clone();
    own_line.push(hop.to_vec());
    match same_line.last_mut() {
        Some(last) => last.extend([b", ", hop].concat()),
        None => same_line.push(hop.to_vec()),
    }
    [own_line, same_line]
}

fn headers(header: ClientHeader, lines: &[&[u8]]) -> HeaderMap {
    let values = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (header.name(), value)).collect()
}

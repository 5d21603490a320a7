//! The client behind trusted proxies.

use std::net::IpAddr;

use countersign::{
    Rejection,
    address::{AddressProblem, AddressSet, ClientHeader, MAX_HEADER_BYTES, MAX_HOPS, TrustedProxies},
};
use http::{HeaderMap, HeaderValue};
use proptest::{collection::vec, prelude::*};

use crate::{address, ip};

const PROXIES: [&str; 2] = ["10.0.0.0/8", "2001:db8:a::/48"];

fn proxies(header: ClientHeader) -> TrustedProxies {
    TrustedProxies::new(AddressSet::parse(PROXIES).unwrap(), header)
}

fn lines(name: &str, lines: &[&str]) -> HeaderMap {
    let name = http::HeaderName::try_from(name).unwrap();
    lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
}

/// The client by `X-Forwarded-For`, and by `Forwarded` with each hop as a `for`; both must agree. `Err` names the
/// problem.
fn client(peer: &str, hops: &[&str]) -> Result<String, &'static str> {
    let plain = proxies(ClientHeader::XForwardedFor).client(ip(peer), &lines("X-Forwarded-For", hops));
    let element = |hop: &str| match hop.matches(':').count() {
        _ if hop.is_empty() => String::new(),
        0 | 1 => format!("for=\"{hop}\""),
        _ => format!("for=\"[{hop}]\""),
    };
    let line = |line: &&str| line.split(", ").map(element).collect::<Vec<_>>().join(", ");
    let rfc_lines: Vec<String> = hops.iter().map(line).collect();
    let rfc_lines: Vec<&str> = rfc_lines.iter().map(String::as_str).collect();
    let rfc = proxies(ClientHeader::Forwarded).client(ip(peer), &lines("Forwarded", &rfc_lines));
    let word = |client: Result<IpAddr, AddressProblem>| match client {
        Ok(client) => Ok(client.to_string()),
        Err(AddressProblem::Hidden { .. }) => Err("hidden"),
        Err(AddressProblem::Malformed { .. }) => Err("malformed"),
        Err(AddressProblem::MissingHeader { .. }) => Err("missing"),
        Err(AddressProblem::OnlyProxies { .. }) => Err("only proxies"),
        Err(AddressProblem::TooLong { .. }) => Err("too long"),
        Err(other) => panic!("{other}"),
    };
    let (plain, rfc) = (word(plain), word(rfc));
    assert_eq!(plain, rfc, "{hops:?}");
    plain
}

#[test]
fn the_client_is_the_right_most_untrusted_hop() {
    let table: [(&str, &[&str], Result<&str, &str>); 29] = [
        // The headers of an untrusted peer are ignored, even malformed ones.
        ("203.0.113.7", &[], Ok("203.0.113.7")),
        ("203.0.113.7", &["198.51.100.1"], Ok("203.0.113.7")),
        ("203.0.113.7", &["junk"], Ok("203.0.113.7")),
        ("::ffff:203.0.113.7", &["198.51.100.1"], Ok("203.0.113.7")),
        // One proxy.
        ("10.0.0.1", &["203.0.113.7"], Ok("203.0.113.7")),
        ("::ffff:10.0.0.1", &["203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["198.51.100.1, 203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["10.0.0.2, 203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["unknown, _x, 203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["::ffff:203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["2001:db8::1"], Ok("2001:db8::1")),
        // Two and three proxies, with one or several lines.
        ("10.0.0.1", &["198.51.100.1, 203.0.113.7, 10.0.0.2"], Ok("203.0.113.7")),
        ("10.0.0.1", &["198.51.100.1, 203.0.113.7, 2001:db8:a::1, ::ffff:10.9.9.9"], Ok("203.0.113.7")),
        ("2001:db8:a::2", &["198.51.100.1", "203.0.113.7", "10.0.0.2"], Ok("203.0.113.7")),
        ("10.0.0.1", &["10.0.0.3, 203.0.113.7", "10.0.0.2"], Ok("203.0.113.7")),
        // If a trusted proxy does not give the client, it is not guessed.
        ("10.0.0.1", &[], Err("missing")),
        ("10.0.0.1", &["10.0.0.2"], Err("only proxies")),
        ("10.0.0.1", &["10.0.0.3", "10.0.0.2"], Err("only proxies")),
        ("10.0.0.1", &["203.0.113.7, unknown"], Err("hidden")),
        ("10.0.0.1", &["203.0.113.7, _hidden, 10.0.0.2"], Err("hidden")),
        // A malformed hop anywhere makes the header malformed.
        ("10.0.0.1", &[""], Err("malformed")),
        ("10.0.0.1", &["junk, 203.0.113.7"], Err("malformed")),
        ("10.0.0.1", &["203.0.113.7", "junk"], Err("malformed")),
        // So is an empty element, unless the client is to the right of it: the proxy that wrote it may be hiding its client.
        ("10.0.0.1", &[", 203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["", "203.0.113.7"], Ok("203.0.113.7")),
        ("10.0.0.1", &["198.51.100.1, , 203.0.113.7, 10.0.0.2"], Ok("203.0.113.7")),
        ("10.0.0.1", &["203.0.113.7", "", "10.0.0.2"], Err("malformed")),
        ("10.0.0.1", &["203.0.113.7, "], Err("malformed")),
        ("10.0.0.1", &["203.0.113.7", ", "], Err("malformed")),
    ];
    for (peer, hops, expected) in table {
        assert_eq!(client(peer, hops), expected.map(str::to_owned), "{peer} {hops:?}");
    }
}

#[test]
fn only_the_chosen_header_is_read() {
    let mut both = lines("Forwarded", &["for=203.0.113.7"]);
    both.extend(lines("X-Forwarded-For", &["198.51.100.1"]));
    both.extend(lines("X-Real-IP", &["198.51.100.2"]));
    let client = |header| proxies(header).client(ip("10.0.0.1"), &both);
    assert_eq!(client(ClientHeader::Forwarded), Ok(ip("203.0.113.7")));
    assert_eq!(client(ClientHeader::XForwardedFor), Ok(ip("198.51.100.1")));
    both.remove("forwarded");
    let missing = proxies(ClientHeader::Forwarded).client(ip("10.0.0.1"), &both);
    assert_eq!(missing, Err(AddressProblem::MissingHeader { header: ClientHeader::Forwarded }));
}

#[test]
fn a_header_is_named_as_it_is_written() {
    let names = [ClientHeader::Forwarded, ClientHeader::XForwardedFor].map(|header| header.to_string());
    assert_eq!(names, ["`Forwarded`", "`X-Forwarded-For`"]);
}

#[test]
fn the_number_of_hops_and_bytes_is_limited() {
    let most = vec!["203.0.113.7"; MAX_HOPS].join(", ");
    assert_eq!(client("10.0.0.1", &[&most]), Ok("203.0.113.7".to_owned()));
    assert_eq!(client("10.0.0.1", &[&most, "203.0.113.8"]), Err("too long"));
    assert_eq!(client("10.0.0.1", &vec!["203.0.113.8"; MAX_HOPS + 1]), Err("too long"));
    let long = "_".repeat(MAX_HEADER_BYTES);
    assert_eq!(client("10.0.0.1", &[&long, "203.0.113.7"]), Err("too long"));
    let just = |header: ClientHeader, start: &str, end: &str, length: usize| {
        let line = format!("{start}{}{end}", "_".repeat(length - start.len() - end.len()));
        proxies(header).client(ip("10.0.0.1"), &lines(header.name().as_str(), &[&line]))
    };
    for (header, start, end) in
        [(ClientHeader::XForwardedFor, "", ",203.0.113.7"), (ClientHeader::Forwarded, "for=", ",for=203.0.113.7")]
    {
        assert_eq!(just(header, start, end, MAX_HEADER_BYTES), Ok(ip("203.0.113.7")));
        assert_eq!(just(header, start, end, MAX_HEADER_BYTES + 1), Err(AddressProblem::TooLong { header }));
    }
}

#[test]
fn a_header_that_is_not_text_is_refused() {
    for (header, line) in [
        (ClientHeader::XForwardedFor, &b"203.0.113.7\xff"[..]),
        (ClientHeader::XForwardedFor, b"\xff, 203.0.113.7"),
        (ClientHeader::Forwarded, b"for=203.0.113.7\xff"),
        (ClientHeader::Forwarded, b"for=\"\xff\", for=203.0.113.7"),
    ] {
        let headers = HeaderMap::from_iter([(header.name(), HeaderValue::from_bytes(line).unwrap())]);
        let client = proxies(header).client(ip("10.0.0.1"), &headers);
        assert!(matches!(client, Err(AddressProblem::Malformed { .. })), "{client:?}");
    }
}

#[test]
fn a_stranger_is_refused_with_403_and_a_server_without_peers_with_500() {
    let stranger = Rejection::from(AddressProblem::NotAllowed { client: ip("203.0.113.7") });
    assert_eq!((stranger.code(), stranger.status().as_u16()), ("address", 403));
    assert!(stranger.to_string().contains("203.0.113.7"));
    let unknown = Rejection::from(AddressProblem::NoPeer);
    assert_eq!((unknown.code(), unknown.status().as_u16()), ("address", 500));
}

/// An address that is not a proxy's.
fn client_address() -> impl Strategy<Value = IpAddr> {
    let proxies = AddressSet::parse(PROXIES).unwrap();
    address().prop_map(|address| address.to_canonical()).prop_filter("a proxy", move |it| !proxies.contains(*it))
}

/// A node of RFC 7239 section 6, those of proxies included.
fn node() -> impl Strategy<Value = String> {
    let proxy = any::<u8>().prop_map(|last| IpAddr::from([10, 0, 0, last]));
    let address = prop_oneof![address(), proxy].prop_map(|address| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    let name = prop_oneof![4 => address, 1 => Just("unknown".to_owned()), 1 => "_[a-z.-]{1,8}"];
    let port =
        prop_oneof![Just(String::new()), any::<u16>().prop_map(|port| format!(":{port}")), Just(":_x".to_owned())];
    (name, port).prop_map(|(name, port)| name + &port)
}

fn hop(header: ClientHeader, node: &str) -> String {
    match header {
        ClientHeader::Forwarded => format!("for=\"{node}\""),
        _ => node.to_owned(),
    }
}

/// The client that is found if a proxy appends `client` to the header it received, in the same line or in one of its
/// own.
fn behind(header: ClientHeader, got: &str, is_one_line: bool, client: IpAddr) -> Result<IpAddr, AddressProblem> {
    let own = match client {
        IpAddr::V4(address) => hop(header, &address.to_string()),
        IpAddr::V6(address) => hop(header, &format!("[{address}]")),
    };
    let values = if is_one_line { vec![format!("{got}, {own}")] } else { vec![got.to_owned(), own] };
    // A value that cannot be a header does not reach the reader.
    let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
    let headers: HeaderMap = values.map(|value| (header.name(), value)).collect();
    proxies(header).client(ip("10.0.0.1"), &headers)
}

proptest! {
    /// Whatever hops a client writes, the hop that the proxy appends decides.
    #[test]
    fn hops_left_of_the_client_never_matter(
        left in vec(node(), 1..MAX_HOPS),
        is_one_line in any::<bool>(),
        client in client_address(),
    ) {
        for header in [ClientHeader::Forwarded, ClientHeader::XForwardedFor] {
            let written: Vec<String> = left.iter().map(|node| hop(header, node)).collect();
            let found = behind(header, &written.join(", "), is_one_line, client);
            prop_assert_eq!(found, Ok(client), "{:?}", &written);
        }
    }

    /// The same for text that is no hop, except by chance.
    #[test]
    fn junk_left_of_the_client_is_malformed_or_never_matters(
        left in "((for=)?\"?[0-9a-f.:_\\[\\]]{0,20}\"?[,;] ?){0,4}|\\PC{0,40}",
        is_one_line in any::<bool>(),
        client in client_address(),
    ) {
        for header in [ClientHeader::Forwarded, ClientHeader::XForwardedFor] {
            match behind(header, &left, is_one_line, client) {
                Ok(found) => prop_assert_eq!(found, client),
                Err(problem) => prop_assert!(matches!(problem, AddressProblem::Malformed { .. }), "{}", problem),
            }
        }
    }

    #[test]
    fn no_header_makes_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        for header in [ClientHeader::Forwarded, ClientHeader::XForwardedFor] {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(header.name(), value)]);
                let _ = proxies(header).client(ip("10.0.0.1"), &headers);
            }
        }
    }
}

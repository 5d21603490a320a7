//! Where requests come from: sets against a plain search, the client behind proxies, the PROXY protocol.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use countersign::{
    Rejection, Timestamp,
    address::{
        AddressList, AddressProblem, AddressSet, ClientHeader, IpNet, ListError, ListFormat, MAX_HEADER_BYTES,
        MAX_HOPS, MAX_LIST_BYTES, MAX_LIST_RANGES, TakeError, TrustedProxies, parse_network,
        proxy_protocol::{Header, HeaderError, MAX_LENGTH, Progress, parse},
    },
};
use http::{HeaderMap, HeaderValue};
use proptest::{collection::vec, prelude::*, sample::Index};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies(header: ClientHeader) -> TrustedProxies {
    TrustedProxies::new(AddressSet::parse(PROXIES).unwrap(), header)
}

const PROXIES: [&str; 2] = ["10.0.0.0/8", "2001:db8:a::/48"];

fn lines(name: &str, lines: &[&str]) -> HeaderMap {
    let name = http::HeaderName::try_from(name).unwrap();
    lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
}

/// The client by `X-Forwarded-For` and, each hop a `for`, by `Forwarded`; both must agree. `Err` is the word of the problem.
fn client(peer: &str, hops: &[&str]) -> Result<String, &'static str> {
    let plain = proxies(ClientHeader::XForwardedFor).client(ip(peer), &lines("X-Forwarded-For", hops));
    let element = |hop: &str| {
        format!("for=\"{}\"", if hop.matches(':').count() > 1 { format!("[{hop}]") } else { hop.to_owned() })
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
fn the_client_is_the_right_most_hop_that_nobody_trusts() {
    let table: [(&str, &[&str], Result<&str, &str>); 24] = [
        // No header is believed of a stranger, not even a malformed one.
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
        // What a trusted proxy does not tell is not guessed.
        ("10.0.0.1", &[], Err("missing")),
        ("10.0.0.1", &["10.0.0.2"], Err("only proxies")),
        ("10.0.0.1", &["10.0.0.3", "10.0.0.2"], Err("only proxies")),
        ("10.0.0.1", &["203.0.113.7, unknown"], Err("hidden")),
        ("10.0.0.1", &["203.0.113.7, _hidden, 10.0.0.2"], Err("hidden")),
        // Malformed anywhere is malformed.
        ("10.0.0.1", &[""], Err("malformed")),
        ("10.0.0.1", &["junk, 203.0.113.7"], Err("malformed")),
        ("10.0.0.1", &["203.0.113.7", "junk"], Err("malformed")),
        ("10.0.0.1", &["203.0.113.7", "", "10.0.0.2"], Err("malformed")),
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
fn the_work_is_bounded() {
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
fn bytes_that_are_no_text_are_refused() {
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

#[test]
fn a_set_counts_its_ranges_of_both_kinds() {
    for (networks, count) in [
        (&[][..], 0),
        (&["203.0.113.0/24"], 1),
        (&["2001:db8::/32"], 1),
        (&["203.0.113.0/24", "2001:db8::/32", "2001:db9:1::/48"], 3),
    ] {
        let set = AddressSet::parse(networks).unwrap();
        assert_eq!((set.len(), set.is_empty()), (count, count == 0), "{networks:?}");
    }
}

#[test]
fn a_list_may_be_as_long_and_as_wide_as_it_says() {
    let read = |text: &str| ListFormat::Lines.read(text.as_bytes()).map(|set| set.len());
    let of_bytes = |length: usize| {
        let address = "203.0.113.7\n";
        read(&format!("{address}{}", "#".repeat(length - address.len())))
    };
    assert_eq!([MAX_LIST_BYTES, MAX_LIST_BYTES + 1].map(of_bytes), [Ok(1), Err(ListError::TooLong)]);
    let of_ranges = |count: usize| read(&"::\n".repeat(count));
    assert_eq!([MAX_LIST_RANGES, MAX_LIST_RANGES + 1].map(of_ranges), [Ok(1), Err(ListError::TooLong)]);
    // Every other one, so that none is merged with its neighbour.
    let v4 = |at: u8| format!("{}.0.0.0/8", 2 * at);
    let v6 = |at: u8| format!("{:x}00::/16", 0x20 + 2 * at);
    for network in [v4, v6] {
        let of_networks = |count: u8| read(&(0..count).map(network).collect::<Vec<_>>().join("\n"));
        assert_eq!([16, 17].map(of_networks), [Ok(16), Err(ListError::TooWideTogether)]);
    }
}

#[test]
fn a_list_that_lost_most_of_its_ranges_is_not_taken_however_few_addresses_they_had() {
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    for [wide, narrow @ ..] in [
        ["198.51.0.0/16", "203.0.113.0", "203.0.113.2", "203.0.113.4"],
        ["2001:db8::/32", "2a00::", "2a00::2", "2a00::4"],
    ] {
        let all = [&[wide][..], &narrow].concat().join("\n");
        let mut list = AddressList::read(ListFormat::Lines, all.as_bytes(), now).unwrap();
        assert_eq!(list.take(wide.as_bytes(), now), Err(TakeError::Shrunk { ranges: 1, before: 4 }));
        assert_eq!(list.set(), &AddressSet::parse(all.lines()).unwrap());
        let half = [wide, narrow[0]].join("\n");
        assert_eq!(list.take(half.as_bytes(), now), Ok(true), "{wide}");
        assert_eq!(list.set(), &AddressSet::parse(half.lines()).unwrap());
    }
}

#[test]
fn what_is_wrong_with_addresses_is_said() {
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let lines = |text: &str| ListFormat::Lines.read(text.as_bytes()).unwrap_err().to_string();
    let json = |text: &str| "json:/hooks".parse::<ListFormat>().unwrap().read(text.as_bytes()).unwrap_err().to_string();
    let proxy = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
    let mut list = AddressList::read(ListFormat::Lines, b"203.0.113.7\n203.0.113.9\n203.0.113.11", now).unwrap();
    let mut offered = |text: &str| list.take(text.as_bytes(), now).unwrap_err().to_string();
    for (said, fragments) in [
        ("text".parse::<ListFormat>().unwrap_err().to_string(), &["`lines`", "`json:/hooks`"][..]),
        (lines(""), &["the list is empty"]),
        (lines("203.0.113.7\n203.0.113.8/24"), &["line 2: ", "bits behind the prefix", "`203.0.113.0/24`"]),
        (lines("203.0.113.0/33"), &["line 1: ", "not the length of a prefix"]),
        (lines("localhost"), &["line 1: ", "not an address"]),
        (lines("3.0.0.0/7"), &["line 1: ", "bits behind the prefix"]),
        (lines("2.0.0.0/7"), &["2.0.0.0/7 is wider than /8"]),
        (json("{"), &["not JSON"]),
        (json("{}"), &["nothing at `/hooks`"]),
        (json(r#"{"hooks": 1}"#), &["neither text nor an array of texts at `/hooks`"]),
        (json(r#"{"hooks": "localhost"}"#), &["at `/hooks`: ", "not an address"]),
        (offered("203.0.113.7"), &["has 1 ranges", "had 3"]),
        (offered("localhost"), &["line 1: ", "not an address"]),
        (ClientHeader::Forwarded.to_string(), &["`Forwarded`"]),
        (ClientHeader::XForwardedFor.to_string(), &["`X-Forwarded-For`"]),
        (proxy(b"GET "), &["does not begin with a PROXY header"]),
        (proxy(b"PROXY TCP4 a b 1 1\r\n"), &["malformed: expected an IPv4 address"]),
        (proxy(&v2(0x20, 0x00, &[0; MAX_LENGTH])), &["longer than 4096 bytes"]),
    ] {
        for fragment in fragments {
            assert!(said.contains(fragment), "`{fragment}` is not in: {said}");
        }
    }
}

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[command, family], &length, rest].concat()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What the header says, and that reading it byte by byte, or only what it asks for, says the same.
fn header(bytes: &[u8]) -> Result<Header, HeaderError> {
    let whole = parse(&[bytes, b"GET / HTTP/1.1\r\n"].concat())?;
    let Progress::Done { length, header } = whole else { panic!("{whole:?} for {bytes:?}") };
    assert_eq!(length, bytes.len());
    for end in 0..length {
        let Ok(Progress::Needs(more)) = parse(&bytes[..end]) else { panic!("{:?}", parse(&bytes[..end])) };
        assert!(more > 0 && end + more <= length, "after {end} of {length} bytes it wants {more}");
    }
    Ok(header)
}

#[test]
fn headers_of_both_versions_are_read() {
    let v4 = Header::Proxied { source: socket("203.0.113.7:56324"), destination: socket("192.0.2.1:443") };
    let v6 = Header::Proxied { source: socket("[2001:db8::1]:65535"), destination: socket("[2001:db8::2]:0") };
    assert_eq!(header(b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"), Ok(v4));
    assert_eq!(header(b"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 56324 443\r\n"), Ok(v4));
    assert_eq!(header(b"PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 65535 0\r\n"), Ok(v6));
    assert!(header(b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n").is_ok());
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!((longest.len(), header(longest.as_bytes())), (107, Ok(Header::Unknown)));
    assert_eq!(header(b"PROXY UNKNOWN\r\n"), Ok(Header::Unknown));
    assert_eq!(header(b"PROXY UNKNOWN \xff\r \x00 \r\n"), Ok(Header::Unknown));

    let addresses = [203, 0, 113, 7, 192, 0, 2, 1, 0xdc, 0x04, 0x01, 0xbb];
    assert_eq!(header(&v2(0x21, 0x11, &addresses)), Ok(v4));
    assert_eq!(header(&v2(0x21, 0x11, &[&addresses[..], b"\x03\0\x04abcd junk"].concat())), Ok(v4), "with TLVs");
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let long = [&octets("2001:db8::1")[..], &octets("2001:db8::2"), &[0xff, 0xff, 0, 0]].concat();
    assert_eq!(header(&v2(0x21, 0x21, &long)), Ok(v6));
    assert_eq!(header(&v2(0x20, 0x00, b"")), Ok(Header::Local));
    assert_eq!(header(&v2(0x20, 0x11, b"too short")), Ok(Header::Local));
    assert_eq!(header(&v2(0x21, 0x00, b"anything")), Ok(Header::Unknown));
    assert!(header(&v2(0x21, 0x11, &[0; MAX_LENGTH - 16])).is_ok());
}

#[test]
fn so_many_bytes_are_asked_for_as_the_shortest_header_of_the_kind_still_lacks() {
    let needs = |received: &[u8]| {
        let progress = parse(received);
        let Ok(Progress::Needs(more)) = progress else { panic!("{progress:?} for {}", received.escape_ascii()) };
        more
    };
    let v1 = [
        ("", 15),
        ("PROXY ", 9),
        ("PROXY TCP", 6),
        ("PROXY TCP4", 22),
        ("PROXY TCP4 203.0.113.7", 10),
        ("PROXY TCP4 203.0.113.7 192.0.2.1", 2),
        ("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r", 1),
        ("PROXY TCP6", 12),
        ("PROXY TCP6 2001:db8::1", 2),
        ("PROXY UNKNOWN", 2),
        ("PROXY UNKNOWN\r", 1),
    ];
    for (received, more) in v1 {
        assert_eq!(needs(received.as_bytes()), more, "{received}");
    }
    let v2 = v2(0x21, 0x11, &[0; 12]);
    for end in 1..v2.len() {
        let known = if end < 16 { 16 } else { v2.len() };
        assert_eq!(needs(&v2[..end]), known - end, "{end}");
    }
}

#[test]
fn what_is_no_header_is_an_error() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"P0",
        b"PROXX",
        b"proxy TCP4 203.0.113.7 192.0.2.1 56324 443\r\n",
        b" PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n",
        b"PROXY  TCP4 203.0.113.7 192.0.2.1 56324 443\r\n",
        b"PROXY TCP4  203.0.113.7 192.0.2.1 56324 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 \r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 1\r\n",
        b"PROXY TCP4 203.0.113.07 192.0.2.1 56324 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 056324 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 +1 443\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 -1 443\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 443\r\n",
        b"PROXY TCP6 203.0.113.7 192.0.2.1 1 443\r\n",
        b"PROXY TCP6 [2001:db8::1] 2001:db8::2 1 443\r\n",
        b"PROXY TCP6 fe80::1%1 2001:db8::2 1 443\r\n",
        b"PROXY TCP5 203.0.113.7 192.0.2.1 56324 443\r\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.1 56324 443\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY unknown\r\n",
        b"PROXY TCP4 \xff 192.0.2.1 56324 443\r\n",
        &[&b"PROXY UNKNOWN "[..], &[b'x'; 93], b"\r\n"].concat(),
        b"\r\n\r\n\0\r\nQUIX",
        b"\r\n\r\n\0\r\nQUIT\n\x11",
        &v2(0x22, 0x11, &[0; 12]),
        &v2(0x31, 0x11, &[0; 12]),
        &v2(0x01, 0x11, &[0; 12]),
        &v2(0x21, 0x11, &[0; 11]),
        &v2(0x21, 0x21, &[0; 35]),
        &v2(0x21, 0x12, &[0; 12]),
        &v2(0x21, 0x22, &[0; 36]),
        &v2(0x21, 0x31, &[0; 216]),
        &v2(0x21, 0x01, &[0; 12]),
        &v2(0x21, 0x10, &[0; 12]),
        &v2(0x21, 0xff, &[0; 12]),
        &v2(0x20, 0x00, &[0; MAX_LENGTH - 15]),
    ] {
        let read = parse(bytes);
        assert!(read.is_err(), "{read:?} for {}", bytes.escape_ascii());
    }
}

/// Addresses that are close to each other, so that they meet.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![any::<u32>(), (0..1024_u32).prop_map(|low| 0xcb00_7000 | low), Just(0), Just(u32::MAX)];
    let v4 = v4.prop_map(Ipv4Addr::from).boxed();
    let v6 = prop_oneof![
        any::<u128>(),
        (0..1024_u128).prop_map(|low| 0x2001_0db8 << 96 | low),
        (0..1024_u128).prop_map(|low| 0xffff_cb00_7000 | low),
        (0..1024_u128),
        Just(u128::MAX),
    ];
    prop_oneof![
        v4.clone().prop_map(IpAddr::V4),
        v4.prop_map(|address| IpAddr::V6(address.to_ipv6_mapped())),
        v6.prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), any::<Index>(), any::<bool>()).prop_map(|(address, prefix, small)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let least = if small { bits - 12 } else { 0 };
        IpNet::new(address, u8::try_from(least + prefix.index(bits - least + 1)).unwrap()).unwrap().trunc()
    })
}

/// Whether one of the networks contains the address, by comparing each in the form that it was written in.
fn plainly(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| match (network, address.to_canonical()) {
        (IpNet::V4(network), IpAddr::V4(address)) => network.contains(&address),
        (IpNet::V6(network), IpAddr::V6(address)) => network.contains(&address),
        (IpNet::V6(network), IpAddr::V4(address)) => {
            network.prefix_len() >= 96 && network.contains(&address.to_ipv6_mapped())
        }
        (IpNet::V4(_), IpAddr::V6(_)) => false,
    })
}

/// An address that is none of the proxies'.
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

/// The client that is found if a proxy appends `client` to what it got, in the same line or in one of its own.
fn behind(header: ClientHeader, got: &str, is_one_line: bool, client: IpAddr) -> Result<IpAddr, AddressProblem> {
    let own = match client {
        IpAddr::V4(address) => hop(header, &address.to_string()),
        IpAddr::V6(address) => hop(header, &format!("[{address}]")),
    };
    let values = if is_one_line { vec![format!("{got}, {own}")] } else { vec![got.to_owned(), own] };
    // What is no header does not come so far.
    let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
    let headers: HeaderMap = values.map(|value| (header.name(), value)).collect();
    proxies(header).client(ip("10.0.0.1"), &headers)
}

proptest! {
    #[test]
    fn a_set_agrees_with_a_plain_search(networks in vec(network(), 0..40), others in vec(address(), 1..40)) {
        let set: AddressSet = networks.iter().copied().collect();
        let ends = networks.iter().flat_map(|network| [network.network(), network.broadcast()]);
        let beside = ends.clone().flat_map(|address| match address {
            IpAddr::V4(address) => [
                IpAddr::V4(address.to_bits().wrapping_sub(1).into()),
                IpAddr::V4(address.to_bits().wrapping_add(1).into()),
            ],
            IpAddr::V6(address) => [
                IpAddr::V6(address.to_bits().wrapping_sub(1).into()),
                IpAddr::V6(address.to_bits().wrapping_add(1).into()),
            ],
        });
        for address in ends.clone().chain(beside).chain(others) {
            prop_assert_eq!(set.contains(address), plainly(&networks, address), "{} in {:?}", address, &networks);
        }
        prop_assert!(set.ranges().all(|(first, last)| first <= last));
    }

    #[test]
    fn the_order_and_the_number_of_times_do_not_matter(networks in vec(network(), 1..20), at in any::<Index>()) {
        let set: AddressSet = networks.iter().copied().collect();
        let (left, right) = networks.split_at(at.index(networks.len()));
        let turned: AddressSet = right.iter().chain(left).chain(right).copied().collect();
        prop_assert_eq!(&set, &turned);
        let halves = [left, right].map(|half| half.iter().copied().collect::<AddressSet>());
        prop_assert_eq!(set, halves[0].union(&halves[1]));
    }

    #[test]
    fn a_network_that_is_printed_is_read_again(network in network()) {
        prop_assert_eq!(parse_network(&network.to_string()), Ok(network));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,60}", bytes in vec(any::<u8>(), 0..200)) {
        let _ = parse_network(&text);
        let _ = text.parse::<ListFormat>();
        let _ = ListFormat::Lines.read(&bytes);
        let _ = "json:/a/*/b".parse::<ListFormat>().unwrap().read(&bytes);
        for (name, header) in [("forwarded", ClientHeader::Forwarded), ("x-forwarded-for", ClientHeader::XForwardedFor)] {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), value)]);
                let _ = proxies(header).client(ip("10.0.0.1"), &headers);
            }
        }
    }

    /// Whatever hops a client writes, what the proxy appends decides.
    #[test]
    fn what_stands_left_of_the_client_never_matters(
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

    /// What is no hop, or happens to be one, helps no more.
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
    fn a_proxy_header_that_is_printed_is_read_again(source in address(), destination in address(), ports in any::<(u16, u16)>()) {
        let (v4, v6) = match (source.to_canonical(), destination.to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let line = format!("PROXY TCP4 {source} {destination} {} {}\r\n", ports.0, ports.1);
                (line, [&source.octets()[..], &destination.octets()].concat())
            }
            (source, destination) => {
                let wide = |address| match address {
                    IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address),
                    IpAddr::V6(address) => address,
                };
                let (source, destination) = (wide(source), wide(destination));
                let line = format!("PROXY TCP6 {source} {destination} {} {}\r\n", ports.0, ports.1);
                (line, [&source.octets()[..], &destination.octets()].concat())
            }
        };
        let family = if v6.len() == 8 { 0x11 } else { 0x21 };
        let binary = v2(0x21, family, &[&v6[..], &ports.0.to_be_bytes(), &ports.1.to_be_bytes()].concat());
        let expected = Header::Proxied {
            source: SocketAddr::new(source.to_canonical(), ports.0),
            destination: SocketAddr::new(destination.to_canonical(), ports.1),
        };
        prop_assert_eq!(header(v4.as_bytes()), Ok(expected));
        prop_assert_eq!(header(&binary), Ok(expected));
    }

    #[test]
    fn a_proxy_header_never_panics_and_never_asks_for_too_much(
        start in prop_oneof![Just(&b""[..]), Just(&b"PROXY "[..]), Just(&b"PROXY TCP4 1.1.1.1 "[..]), Just(V2), Just(&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"[..])],
        rest in vec(any::<u8>(), 0..150),
    ) {
        let bytes = [start, &rest].concat();
        match parse(&bytes) {
            Ok(Progress::Done { length, .. }) => prop_assert!((15..=MAX_LENGTH.min(bytes.len())).contains(&length)),
            Ok(Progress::Needs(more)) => prop_assert!(more > 0 && bytes.len() + more <= MAX_LENGTH),
            Err(_) => {}
        }
    }
}

//! The header of the PROXY protocol, in both versions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use countersign::address::proxy_protocol::{Header, HeaderError, MAX_LENGTH, Progress, parse};
use proptest::{collection::vec, prelude::*};

use crate::address;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[command, family], &length, rest].concat()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The header in `bytes`. Checks that reading byte by byte, or only as many bytes as asked for, gives the same result.
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
fn a_partial_header_asks_for_the_bytes_that_the_shortest_one_still_needs() {
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
fn bytes_that_are_no_header_are_an_error() {
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

#[test]
fn an_error_says_what_is_wrong_with_a_header() {
    let said = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
    for (said, fragment) in [
        (said(b"GET "), "does not begin with a PROXY header"),
        (said(b"PROXY TCP4 a b 1 1\r\n"), "malformed: expected an IPv4 address"),
        (said(&v2(0x20, 0x00, &[0; MAX_LENGTH])), "longer than 4096 bytes"),
    ] {
        assert!(said.contains(fragment), "`{fragment}` is not in: {said}");
    }
}

proptest! {
    #[test]
    fn a_header_that_is_printed_is_read_again(source in address(), destination in address(), ports in any::<(u16, u16)>()) {
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
    fn a_header_never_panics_and_never_asks_for_too_much(
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

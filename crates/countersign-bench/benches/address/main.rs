//! Looks up addresses among 10,000 ranges, and finds the client behind proxies.
//!
//! Every case looks up another address each time, so that the CPU cannot predict the branches.

use std::{
    collections::BTreeMap,
    error::Error,
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use countersign::address::{AddressSet, ClientHeader, IpNet, TrustedProxies};
use countersign_bench::{Group, Mode};
use http::HeaderMap;

const RANGES: u32 = 10_000;
const LOOK_UPS: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::from_args();
    look_up(&mode)?;
    client(&mode)
}

/// Each lookup includes a step of a random generator and an address made from it. The first case measures only these.
fn look_up(mode: &Mode) -> Result<(), Box<dyn Error>> {
    let (v4, v6) = (ranges(v4)?, ranges(v6)?);
    let both: AddressSet = v4.iter().chain(&v6).copied().collect();
    assert_eq!(both.len(), 2 * RANGES as usize);
    let small: AddressSet = v4.iter().take(10).copied().collect();
    let (v4_in, v4_out) = (addresses(&v4, false), addresses(&v4, true));
    let (v6_in, v6_out) = (addresses(&v6, false), addresses(&v6, true));
    assert!(v4_in.iter().chain(&v6_in).all(|address| both.contains(*address)));
    assert!(!v4_out.iter().chain(&v6_out).any(|address| both.contains(*address)));
    let tree = tree(&v4);
    let case = |addresses: Vec<IpAddr>| {
        let mut at = 0;
        move || {
            at = (at + 1) % LOOK_UPS;
            black_box(addresses[at])
        }
    };
    let set = &both;
    let (mut bare, mut first, mut second) = (case(v4_in.clone()), case(v4_in.clone()), case(v4_out));
    let (mut third, mut fourth, mut few, mut other) = (case(v6_in), case(v6_out), case(v4_in.clone()), case(v4_in));
    Group::new("look-up among 10,000 ranges of IPv4 and 10,000 of IPv6")
        .case("nothing", &mut bare)
        .case("IPv4, inside", move || set.contains(first()))
        .case("IPv4, outside", move || set.contains(second()))
        .case("IPv6, inside", move || set.contains(third()))
        .case("IPv6, outside", move || set.contains(fourth()))
        .case("IPv4, among 10", || small.contains(few()))
        .case("`BTreeMap` of 10,000 ranges of IPv4", || is_in(&tree, other()))
        .measure(mode);
    Ok(())
}

fn client(mode: &Mode) -> Result<(), Box<dyn Error>> {
    let allowed: AddressSet = ranges(v4)?.into_iter().collect();
    let client = IpAddr::V4(v4(7));
    let peer = IpAddr::from([10, 0, 0, 1]);
    let proxies = |header| Ok::<_, Box<dyn Error>>(TrustedProxies::new(AddressSet::parse(["10.0.0.0/8"])?, header));
    let (plain, rfc) = (proxies(ClientHeader::XForwardedFor)?, proxies(ClientHeader::Forwarded)?);
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", format!("198.51.100.1, {client}, 10.0.0.2").parse()?);
    headers.insert("forwarded", format!("for=198.51.100.1, for={client};proto=https, for=10.0.0.2").parse()?);
    let judge = |proxies: &TrustedProxies| proxies.client(peer, &headers).is_ok_and(|client| allowed.contains(client));
    assert!(judge(&plain) && judge(&rfc));
    Group::new("the client behind two proxies")
        .case("the look-up alone", || allowed.contains(black_box(client)))
        .case("X-Forwarded-For", || judge(&plain))
        .case("Forwarded", || judge(&rfc))
        .measure(mode);
    Ok(())
}

/// Every second `/20`, so that none merge, from all over the address space.
fn v4(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0b00_0000 + (number << 13) * 3)
}

fn v6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from((0x2001_u128 << 112) | (u128::from(number) << 81))
}

fn ranges<A: Into<IpAddr>>(first: fn(u32) -> A) -> Result<Vec<IpNet>, Box<dyn Error>> {
    let range = |number| {
        let first = first(number).into();
        Ok(IpNet::new(first, if first.is_ipv4() { 20 } else { 48 })?.trunc())
    };
    (0..RANGES).map(range).collect()
}

/// Addresses in ranges chosen at random, or just after them.
fn addresses(ranges: &[IpNet], outside: bool) -> Vec<IpAddr> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    let address = |range: &IpNet| match range.broadcast() {
        IpAddr::V4(last) => IpAddr::V4((last.to_bits() + u32::from(outside)).into()),
        IpAddr::V6(last) => IpAddr::V6((last.to_bits() + u128::from(outside)).into()),
    };
    (0..LOOK_UPS).map(|_| address(&ranges[next() % ranges.len()])).collect()
}

/// The obvious way with the standard library: the last range that begins at or before the address.
fn tree(ranges: &[IpNet]) -> BTreeMap<IpAddr, IpAddr> {
    ranges.iter().map(|range| (range.network(), range.broadcast())).collect()
}

fn is_in(tree: &BTreeMap<IpAddr, IpAddr>, address: IpAddr) -> bool {
    tree.range(..=address).next_back().is_some_and(|(_, last)| address <= *last)
}

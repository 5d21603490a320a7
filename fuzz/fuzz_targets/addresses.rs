#![no_main]
//! Any text as a published list of addresses: the set has the addresses of its lines, and no others.

use std::{net::IpAddr, sync::LazyLock};

use countersign::{
    Timestamp,
    address::{AddressList, AddressSet, IpNet, ListFormat, parse_network},
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

static JSON: LazyLock<ListFormat> =
    LazyLock::new(|| "json:/a json:/prefixes/*/ip json:/b/*/*/c~1d".parse().expect("they are pointers"));

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = JSON.read(data) {
        assert!(!set.is_empty());
        well_formed(&set);
    }
    let Ok(set) = ListFormat::Lines.read(data) else { return };
    let text = std::str::from_utf8(data).expect("a list is text");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let networks: Vec<IpNet> =
        lines.filter(|line| !line.is_empty()).map(|line| parse_network(line).expect("all lines are right")).collect();
    well_formed(&set);
    for address in networks.iter().take(50).flat_map(probes) {
        assert_eq!(set.contains(address), networks.iter().any(|network| holds(network, address)), "{address}");
    }
    halves(&networks, &set);
    follow(data, &set, &networks);
});

/// The ends of a range, the addresses before and after it, and all of these in the other form.
fn probes(network: &IpNet) -> Vec<IpAddr> {
    let (first, last) = (network.network(), network.broadcast());
    let all = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1), first + (last - first) / 2];
            all.iter()
                .flat_map(|bits| {
                    [IpAddr::V4((*bits).into()), IpAddr::V6(std::net::Ipv4Addr::from(*bits).to_ipv6_mapped())]
                })
                .collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1), first + (last - first) / 2];
            all.iter().map(|bits| IpAddr::V6((*bits).into())).collect::<Vec<_>>()
        }
        _ => unreachable!("a range is of one kind"),
    };
    all
}

/// The documented behaviour of the set, one range at a time.
fn holds(network: &IpNet, address: IpAddr) -> bool {
    let mapped = |address: IpAddr| address.to_canonical();
    match (mapped(network.network()), mapped(network.broadcast()), mapped(address)) {
        (IpAddr::V4(first), IpAddr::V4(last), IpAddr::V4(address)) => first <= address && address <= last,
        (IpAddr::V4(_), IpAddr::V4(_), IpAddr::V6(_)) => false,
        (_, _, IpAddr::V4(_)) => false,
        (_, _, IpAddr::V6(address)) => network.contains(&IpAddr::V6(address)),
    }
}

/// Checks that ranges are in order, and none touches the next.
fn well_formed(set: &AddressSet) {
    let ranges: Vec<_> = set.ranges().collect();
    assert_eq!(ranges.len(), set.len());
    // A range of IPv6 that reaches over the mapped addresses does not contain them.
    let has = |address: &IpAddr| set.contains(*address) || *address != address.to_canonical();
    for (first, last) in &ranges {
        assert!(first <= last && has(first) && has(last));
    }
    for pair in ranges.windows(2) {
        let touches = match (pair[0].1, pair[1].0) {
            (IpAddr::V4(last), IpAddr::V4(first)) => {
                last.to_bits().checked_add(1).is_none_or(|next| next >= first.to_bits())
            }
            (IpAddr::V6(last), IpAddr::V6(first)) => {
                last.to_bits().checked_add(1).is_none_or(|next| next >= first.to_bits())
            }
            _ => false,
        };
        assert!(!touches, "{pair:?}");
    }
}

/// Checks that it does not matter how a set is built.
fn halves(networks: &[IpNet], set: &AddressSet) {
    let (one, other) = networks.split_at(networks.len() / 2);
    let sets = [one, other].map(|networks| networks.iter().copied().collect::<AddressSet>());
    assert!(sets[0].union(&sets[1]) == *set && sets[1].union(&sets[0]) == *set);
}

/// Checks that a refresh keeps the old list, or takes the whole new one.
fn follow(data: &[u8], set: &AddressSet, networks: &[IpNet]) {
    let known: AddressSet = networks.iter().take(networks.len().div_ceil(2) + 1).copied().collect();
    let mut list = AddressList::known(ListFormat::Lines, known.clone(), NOW);
    match list.take(data, NOW) {
        Ok(_) => assert!(list.set() == set),
        Err(_) => assert!(*list.set() == known),
    }
    assert!(list.take(b"", NOW).is_err() && list.take(b"junk", NOW).is_err(), "a list that is none is taken");
}

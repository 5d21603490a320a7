//! Sets of addresses, and the lists that providers publish.

use std::net::IpAddr;

use countersign::{
    Timestamp,
    address::{
        AddressList, AddressSet, IpNet, ListError, ListFormat, MAX_LIST_BYTES, MAX_LIST_RANGES, TakeError, Taken,
        parse_network,
    },
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::address;

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
fn a_list_may_be_as_long_and_as_wide_as_the_limits_allow() {
    let read = |text: &str| ListFormat::Lines.read(text.as_bytes()).map(|set| set.len());
    let of_bytes = |length: usize| {
        let address = "203.0.113.7\n";
        read(&format!("{address}{}", "#".repeat(length - address.len())))
    };
    assert_eq!([MAX_LIST_BYTES, MAX_LIST_BYTES + 1].map(of_bytes), [Ok(1), Err(ListError::TooLong)]);
    let of_ranges = |count: usize| read(&"::\n".repeat(count));
    assert_eq!([MAX_LIST_RANGES, MAX_LIST_RANGES + 1].map(of_ranges), [Ok(1), Err(ListError::TooLong)]);
    // Every other range, so that none is merged with its neighbour.
    let v4 = |at: u8| format!("{}.0.0.0/8", 2 * at);
    let v6 = |at: u8| format!("{:x}00::/16", 0x20 + 2 * at);
    for network in [v4, v6] {
        let of_networks = |count: u8| read(&(0..count).map(network).collect::<Vec<_>>().join("\n"));
        assert_eq!([16, 17].map(of_networks), [Ok(16), Err(ListError::TooWideTogether)]);
    }
}

#[test]
fn a_list_that_lost_most_of_its_ranges_is_refused_however_small_they_were() {
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
        assert_eq!(list.take(half.as_bytes(), now), Ok(Taken::New), "{wide}");
        assert_eq!(list.set(), &AddressSet::parse(half.lines()).unwrap());
    }
}

#[test]
fn an_error_says_what_is_wrong_with_a_list() {
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let lines = |text: &str| ListFormat::Lines.read(text.as_bytes()).unwrap_err().to_string();
    let json = |text: &str| "json:/hooks".parse::<ListFormat>().unwrap().read(text.as_bytes()).unwrap_err().to_string();
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
    ] {
        for fragment in fragments {
            assert!(said.contains(fragment), "`{fragment}` is not in: {said}");
        }
    }
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), any::<Index>(), any::<bool>()).prop_map(|(address, prefix, small)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let least = if small { bits - 12 } else { 0 };
        IpNet::new(address, u8::try_from(least + prefix.index(bits - least + 1)).unwrap()).unwrap().trunc()
    })
}

/// Whether one of the networks contains the address, by a linear search in each form of the address.
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
    fn order_and_repetition_of_ranges_do_not_matter(networks in vec(network(), 1..20), at in any::<Index>()) {
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
    }
}

//! Request addresses: sets against a linear search, the client behind proxies, the PROXY protocol.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

mod client;
mod proxy_protocol;
mod sets;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Addresses that are close to each other, so that ranges overlap.
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

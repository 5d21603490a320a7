//! Which addresses are public.

use std::{net::IpAddr, sync::LazyLock};

use countersign::address::AddressSet;

/// Whether an address is public. Others could be machines inside the receiver's network, or the metadata service of a cloud.
pub(super) fn is_public(address: IpAddr) -> bool {
    match (&*NOT_PUBLIC, &*GLOBAL_V6) {
        (Some(not_public), Some(global)) => {
            !not_public.contains(address) && (is_v4(address) || global.contains(address))
        }
        _ => false,
    }
}

fn is_v4(address: IpAddr) -> bool {
    matches!(address.to_canonical(), IpAddr::V4(_))
}

/// Reserved by IANA: the special-purpose registries of RFC 6890, multicast (RFC 5771), and the rest of class E. They include
/// the IPv6 ranges that embed IPv4 addresses (RFC 3056, RFC 4380).
static NOT_PUBLIC: LazyLock<Option<AddressSet>> = LazyLock::new(|| {
    AddressSet::parse([
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ])
    .ok()
});

/// All IPv6 unicast space that is assigned: RFC 4291 section 2.4, and the registry of global unicast addresses.
static GLOBAL_V6: LazyLock<Option<AddressSet>> = LazyLock::new(|| AddressSet::parse(["2000::/3"]).ok());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "fd00:ec2::254",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}

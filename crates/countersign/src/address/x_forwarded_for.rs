//! The parser of the `X-Forwarded-For` header, as proxies write it: no standard defines it.

use std::net::Ipv6Addr;

use super::hop::{Hop, Hops, Refused, node};
use crate::scheme::trim_ows;

/// Parses one line: hops separated by commas. Each is an address, with or without a port, or `unknown`, or an
/// obfuscated id, or empty. IPv6 addresses are in brackets or, without a port, bare.
pub(super) fn read(line: &[u8], hops: &mut Hops) -> Result<(), Refused> {
    for element in line.split(|byte| *byte == b',') {
        let element = trim_ows(element);
        let hop = if element.is_empty() { Some(Hop::Empty) } else { bare_ipv6(element).or_else(|| node(element)) };
        hops.push(hop.ok_or(Refused::Malformed)?)?;
    }
    Ok(())
}

fn bare_ipv6(text: &[u8]) -> Option<Hop> {
    let address: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Hop::Address(address.to_canonical()))
}

pub(super) const EXPECTED: &str = "addresses between commas, such as `203.0.113.7, 2001:db8::1`";

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(line: &str) -> Option<Vec<String>> {
        let mut hops = Hops::new();
        read(line.as_bytes(), &mut hops).ok()?;
        Some(hops.texts())
    }

    #[test]
    fn the_forms_that_proxies_write_are_accepted() {
        assert_eq!(hops("203.0.113.7"), Some(vec!["203.0.113.7".to_owned()]));
        let many = "203.0.113.7:4711 ,\t[2001:db8::1]:443,2001:db8::1, [2001:db8::1],unknown, ::ffff:203.0.113.7,_x";
        let read = ["203.0.113.7", "2001:db8::1", "2001:db8::1", "2001:db8::1", "-", "203.0.113.7", "-"];
        assert_eq!(hops(many), Some(read.map(str::to_owned).to_vec()));
    }

    #[test]
    fn empty_elements_are_kept() {
        let read = [("", vec![""]), (" ", vec![""]), (", 203.0.113.7", vec!["", "203.0.113.7"]), (",", vec!["", ""])];
        for (line, expected) in read {
            assert_eq!(hops(line).unwrap(), expected, "{line:?}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for line in [
            "203.0.113.7 203.0.113.8",
            "203.0.113.7;203.0.113.8",
            "203.0.113.07",
            "203.0.113.7:",
            "203.0.113.7:x",
            "203.0.113.7:65536",
            "203.0.113.7:000080",
            "203.0.113.7:-1",
            "203.0.113.0/24",
            "[203.0.113.7]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]443",
            "[2001:db8::1]:",
            "[]",
            "[2001:db8::1%1]",
            "fe80::1%eth0",
            "\"203.0.113.7\"",
            "for=203.0.113.7",
            "localhost",
            "_",
            "unknown:",
            "203.0.113.7\u{a0}",
            "１.1.1.1",
            "203.0.113.7\0",
        ] {
            assert_eq!(hops(line), None, "{line:?}");
        }
    }
}

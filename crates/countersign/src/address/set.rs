//! Sets of addresses, with fast lookups.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

use super::{
    network::{NetworkError, parse_network},
    ranges::{Ranges, size},
};

/// A set of addresses: ranges, merged and sorted once. A lookup takes logarithmic time and does not allocate.
///
/// ```
/// use countersign::address::AddressSet;
///
/// let set = AddressSet::parse(["203.0.113.0/25", "203.0.113.128/25", "2001:db8::1"])?;
/// assert_eq!(set.len(), 2);
/// assert!(set.contains("203.0.113.200".parse()?));
/// assert!(set.contains("::ffff:203.0.113.200".parse()?)); // the same address, as a dual-stack socket writes it
/// assert!(!set.contains("2001:db8::2".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Ranges within `::ffff:0:0/96` are the IPv4 ranges that they map. A wider IPv6 range, such as `::/0`, contains no
/// IPv4 address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AddressSet {
    /// A set of these addresses and ranges, as [`parse_network`] reads them.
    ///
    /// # Errors
    ///
    /// If a text is not an address or a range.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NetworkError> {
        texts.into_iter().map(|text| parse_network(text.as_ref())).collect()
    }

    /// Whether this address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// How many ranges it has after merging.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether it has no addresses.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The merged ranges, each from its first address to its last.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self.v4.iter().map(|(first, last)| (Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into()));
        v4.chain(self.v6.iter().map(|(first, last)| (Ipv6Addr::from(first).into(), Ipv6Addr::from(last).into())))
    }

    /// The addresses of both sets.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            v4: Ranges::new(self.v4.iter().chain(other.v4.iter()).collect()),
            v6: Ranges::new(self.v6.iter().chain(other.v6.iter()).collect()),
        }
    }

    /// How many IPv4 and IPv6 addresses it has.
    pub(super) fn addresses(&self) -> (u128, u128) {
        (self.v4.overlap(0, u32::MAX), self.v6.overlap(0, u128::MAX))
    }

    /// Whether this set lacks more than half of `old`: of its ranges, its IPv4 or its IPv6 addresses.
    pub(super) fn lost_most_of(&self, old: &Self) -> bool {
        let v4 = Loss::of(&old.v4, &self.v4);
        let v6 = Loss::of(&old.v6, &self.v6);
        2 * (v4.lost_ranges + v6.lost_ranges) > old.len() || v4.is_most() || v6.is_most()
    }
}

/// What a new set lacks of an old one.
struct Loss {
    /// Ranges that lost more than half of their addresses.
    lost_ranges: usize,
    addresses: u128,
    lost_addresses: u128,
}

impl Loss {
    fn of<T: Copy + Ord + Into<u128>>(old: &Ranges<T>, new: &Ranges<T>) -> Self {
        let none = Self { lost_ranges: 0, addresses: 0, lost_addresses: 0 };
        old.iter().fold(none, |mut loss, (first, last)| {
            let (had, has) = (size(first, last), new.overlap(first, last));
            let lost = had - has;
            loss.lost_ranges += usize::from(lost > has);
            loss.addresses = loss.addresses.saturating_add(had);
            loss.lost_addresses = loss.lost_addresses.saturating_add(lost);
            loss
        })
    }

    fn is_most(&self) -> bool {
        self.lost_addresses > self.addresses - self.lost_addresses
    }
}

impl FromIterator<IpNet> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match (network.network().to_canonical(), network.broadcast().to_canonical()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                // A range that is not entirely within the mapped addresses counts as IPv6.
                _ => {
                    if let (IpAddr::V6(first), IpAddr::V6(last)) = (network.network(), network.broadcast()) {
                        v6.push((first.to_bits(), last.to_bits()));
                    }
                }
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }
}

impl fmt::Debug for AddressSet {
    /// Only the number of ranges: there may be thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressSet").field("v4", &self.v4.len()).field("v6", &self.v6.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> AddressSet {
        AddressSet::parse(texts).unwrap()
    }

    fn has(set: &AddressSet, address: &str) -> bool {
        set.contains(address.parse().unwrap())
    }

    #[test]
    fn mapped_addresses_and_ranges_are_ipv4() {
        let plain = set(&["203.0.113.0/24"]);
        assert_eq!(set(&["::ffff:203.0.113.0/120"]), plain);
        assert!(has(&plain, "::ffff:203.0.113.7") && has(&plain, "::ffff:cb00:7107"));
        assert_eq!(set(&["::ffff:0:0/96"]), set(&["0.0.0.0/0"]));
    }

    #[test]
    fn other_forms_with_an_ipv4_address_inside_are_not_that_address() {
        let v4 = set(&["0.0.0.0/0"]);
        for address in [
            "::203.0.113.7",                     // IPv4-compatible
            "::ffff:0:203.0.113.7",              // IPv4-translated, RFC 2765
            "2002:cb00:7107::1",                 // 6to4
            "2001:0:cb00:7107:0:ffff:34ff:8ef8", // Teredo
            "64:ff9b::203.0.113.7",              // NAT64
            "64:ff9b:1::203.0.113.7",            // NAT64, local use
            "fe80::5efe:203.0.113.7",            // ISATAP
        ] {
            assert!(!has(&v4, address), "{address}");
            assert!(has(&set(&["::/0"]), address), "{address}");
            assert!(has(&set(&[address]), address), "{address}");
        }
    }

    #[test]
    fn the_whole_of_ipv6_contains_no_ipv4_address() {
        let v6 = set(&["::/0"]);
        assert!(!has(&v6, "203.0.113.7") && !has(&v6, "::ffff:203.0.113.7"));
        assert!(!has(&set(&["::fffe:0:0/95"]), "0.0.0.1"));
    }

    #[test]
    fn a_single_address_admits_only_itself() {
        let one = set(&["2001:db8::1", "203.0.113.7"]);
        assert!(has(&one, "2001:db8::1") && has(&one, "203.0.113.7"));
        for other in ["2001:db8::", "2001:db8::2", "2001:db8:1::1", "203.0.113.6", "203.0.113.8"] {
            assert!(!has(&one, other), "{other}");
        }
        assert!(!has(&AddressSet::default(), "203.0.113.7"));
    }

    #[test]
    fn a_union_has_what_either_has() {
        let both = set(&["203.0.113.0/25", "2001:db8::/32"]).union(&set(&["203.0.113.128/25"]));
        assert_eq!(both, set(&["203.0.113.0/24", "2001:db8::/32"]));
        let ranges: Vec<String> = both.ranges().map(|(first, last)| format!("{first}-{last}")).collect();
        assert_eq!(ranges, ["203.0.113.0-203.0.113.255", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]);
    }
}

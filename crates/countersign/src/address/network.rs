//! The parser of addresses and ranges.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

/// Why a text is not an address or a range. It does not quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError {
    problem: &'static str,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected an address or a range such as `203.0.113.0/24` or `2001:db8::/32`", self.problem)
    }
}

impl std::error::Error for NetworkError {}

/// Parses an address (`203.0.113.7`, a range of one) or a range (`203.0.113.0/24`).
///
/// # Errors
///
/// If it is not exactly one of these: a leading zero, a zone id, white space, a prefix that is too long, or bits behind
/// the prefix (`203.0.113.7/24`, which could mean the range or the address).
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    let fail = |problem| Err(NetworkError { problem });
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    // The standard library refuses leading zeros and zone ids.
    let Ok(address) = address.parse::<IpAddr>() else {
        return fail("this is not an address");
    };
    let Some(prefix) = prefix else {
        return Ok(address.into());
    };
    let is_plain = prefix.bytes().all(|byte| byte.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    let Some(network) = prefix.parse().ok().filter(|_| is_plain).and_then(|len| IpNet::new(address, len).ok()) else {
        return fail("the text after the slash is not the length of a prefix");
    };
    if network.network() != address {
        return fail("the address has bits behind the prefix: it is not the first of its range");
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["0.0.0.0/0", "203.0.113.0/24", "203.0.113.7/32", "::/0", "2001:db8::/32", "2001:db8::1/128"] {
            assert_eq!(parse_network(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_network("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
    }

    #[test]
    fn an_ambiguous_or_invalid_address_is_refused() {
        for text in [
            "",
            " 203.0.113.7",
            "203.0.113.7 ",
            "203.0.113.07",
            "0313.0.113.7",
            "0x7f.0.0.1",
            "203.0.113",
            "203.0.113.7.1",
            "203.0.113.256",
            "203.0.113.*",
            "203.0.113.7/24",
            "203.0.113.0/33",
            "203.0.113.0/024",
            "203.0.113.0/+24",
            "203.0.113.0/",
            "203.0.113.0/24/24",
            "203.0.113.0/255.255.255.0",
            "203.0.113.0-203.0.113.9",
            "203.0.113.7:443",
            "2001:db8::1/32",
            "2001:db8::/129",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "2001:db8:::1",
            "2001:db8::00001",
            "::ffff:203.0.113.07",
            "１.1.1.1",
            "localhost",
        ] {
            assert!(parse_network(text).is_err(), "{text}");
        }
    }
}

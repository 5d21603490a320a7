//! A hop: what a proxy says about the client that connected to it.

use std::net::IpAddr;

use super::proxies::MAX_HOPS;

/// The client of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    Address(IpAddr),
    /// An empty element of the list.
    Empty,
    /// `unknown`, obfuscated, or not given.
    Hidden,
}

/// Why a line of hops was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Malformed,
    TooMany,
}

/// The hops of a request, from the client's side to ours. On the stack, because they are read before the request is
/// authenticated.
pub(super) struct Hops {
    hops: [Hop; MAX_HOPS],
    len: usize,
}

impl Hops {
    pub(super) fn new() -> Self {
        Self { hops: [Hop::Hidden; MAX_HOPS], len: 0 }
    }

    pub(super) fn push(&mut self, hop: Hop) -> Result<(), Refused> {
        *self.hops.get_mut(self.len).ok_or(Refused::TooMany)? = hop;
        self.len += 1;
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[Hop] {
        &self.hops[..self.len]
    }

    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |hop: &Hop| match hop {
            Hop::Address(address) => address.to_string(),
            Hop::Empty => String::new(),
            Hop::Hidden => "-".to_owned(),
        };
        self.as_slice().iter().map(text).collect()
    }
}

/// Parses the `node` of RFC 7239 section 6: an IPv4 address, an IPv6 address in brackets, `unknown` or an obfuscated
/// id, each with or without a port.
pub(super) fn node(text: &[u8]) -> Option<Hop> {
    let text = std::str::from_utf8(text).ok()?;
    let (hop, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
        (Hop::Address(IpAddr::V6(address.parse().ok()?).to_canonical()), port)
    } else {
        let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
        (named(name)?, port)
    };
    port.is_none_or(is_port).then_some(hop)
}

fn named(name: &str) -> Option<Hop> {
    if is_obfuscated(name) || name.eq_ignore_ascii_case("unknown") {
        return Some(Hop::Hidden);
    }
    // The standard library refuses leading zeros.
    name.parse().ok().map(|address| Hop::Address(IpAddr::V4(address)))
}

fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number && text.parse::<u16>().is_ok() || is_obfuscated(text)
}

/// RFC 7239 section 6.3.
fn is_obfuscated(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_allowed))
}

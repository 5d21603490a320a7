//! The client behind trusted proxies.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{
    AddressProblem, AddressSet, forwarded,
    hop::{Hop, Hops, Refused},
    x_forwarded_for,
};

/// The header in which the trusted proxies tell for whom they speak. Just one: whoever believes both can be told two
/// stories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientHeader {
    /// `Forwarded`, RFC 7239.
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// The proxies in front of this server, and the header that they write.
///
/// Every one of them must *append* to the header, or replace it, for each request; a proxy that hands on what it got would
/// let the client choose its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    proxies: AddressSet,
    header: ClientHeader,
}

/// The most hops that are read from the header of a request: more proxies in a row than there are anywhere.
pub const MAX_HOPS: usize = 32;

/// The longest that the header may be, in bytes, all of its lines together.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

impl TrustedProxies {
    /// Trusts what the proxies at these addresses write into this header.
    pub fn new(proxies: AddressSet, header: ClientHeader) -> Self {
        Self { proxies, header }
    }

    /// The client of a request that came from `peer`.
    ///
    /// That is the peer itself, unless it is a trusted proxy; no header is believed of anybody else. Then it is the
    /// right-most hop in the header that is no trusted proxy: the last one that somebody trusted has seen. Several lines of
    /// the header are one list, in their order.
    ///
    /// The whole header must be well formed, the parts that nobody believes included. Who spoils them spoils their own
    /// request only.
    ///
    /// # Errors
    ///
    /// If the header is missing, malformed or too long, tells no address for the client, or only those of trusted proxies.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, AddressProblem> {
        let peer = peer.to_canonical();
        if !self.proxies.contains(peer) {
            return Ok(peer);
        }
        let header = self.header;
        let hops = self.hops(headers)?;
        if hops.as_slice().is_empty() {
            return Err(AddressProblem::MissingHeader { header });
        }
        for hop in hops.as_slice().iter().rev() {
            match hop {
                Hop::Address(address) if self.proxies.contains(*address) => {}
                Hop::Address(address) => return Ok(*address),
                Hop::Hidden => return Err(AddressProblem::Hidden { header }),
            }
        }
        Err(AddressProblem::OnlyProxies { header })
    }

    fn hops(&self, headers: &HeaderMap) -> Result<Hops, AddressProblem> {
        let header = self.header;
        let lines = || headers.get_all(header.name());
        if lines().iter().map(HeaderValue::len).fold(0, usize::saturating_add) > MAX_HEADER_BYTES {
            return Err(AddressProblem::TooLong { header });
        }
        let mut hops = Hops::new();
        for line in lines() {
            let read = match header {
                ClientHeader::Forwarded => forwarded::read(line.as_bytes(), &mut hops),
                ClientHeader::XForwardedFor => x_forwarded_for::read(line.as_bytes(), &mut hops),
            };
            read.map_err(|refused| match refused {
                Refused::Malformed { expected } => AddressProblem::Malformed { header, expected },
                Refused::TooMany => AddressProblem::TooLong { header },
            })?;
        }
        Ok(hops)
    }
}

impl ClientHeader {
    /// The header's name.
    pub fn name(self) -> HeaderName {
        match self {
            Self::Forwarded => FORWARDED,
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        }
    }
}

impl fmt::Display for ClientHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forwarded => "`Forwarded`",
            Self::XForwardedFor => "`X-Forwarded-For`",
        })
    }
}

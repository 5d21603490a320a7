//! Trusted proxies, and the client that their header names.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{
    AddressProblem, AddressSet, forwarded,
    hop::{Hop, Hops, Refused},
    x_forwarded_for,
};

/// The header in which the trusted proxies name the client. Only one is read: a client could send the other one with
/// another address.
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
/// Each of them must *append* to the header, or replace it, on every request. A proxy that forwards the header
/// unchanged lets the client choose its address, and so does a range of proxies that has clients in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    proxies: AddressSet,
    header: ClientHeader,
}

/// The most hops that are read from the header of a request: more than any chain of proxies has.
pub const MAX_HOPS: usize = 32;

/// The longest header that is read, in bytes, all of its lines together.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

impl TrustedProxies {
    /// Trusts the proxies at these addresses, and the given header of their requests.
    pub fn new(proxies: AddressSet, header: ClientHeader) -> Self {
        Self { proxies, header }
    }

    /// The client of a request that came from `peer`.
    ///
    /// If `peer` is not a trusted proxy, it is the client, and the header is ignored. If it is, the client is the
    /// right-most hop in the header that is not a trusted proxy: the last hop that a trusted proxy reported. Several
    /// lines of the header are one list, in their order.
    ///
    /// The whole header must be well formed, including the hops that are not trusted. A client that sends malformed
    /// hops only makes its own request fail. An empty element is ignored (RFC 9110 section 5.6.1.2) to the left of the
    /// client, such as before the comma that a proxy adds to an empty header. To the right of it, it is malformed: a
    /// trusted proxy says nothing about its client.
    ///
    /// # Errors
    ///
    /// If the header is missing, malformed or too long, has no address for the client, or only addresses of trusted
    /// proxies.
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
                Hop::Empty => return Err(header.malformed()),
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
                Refused::Malformed => header.malformed(),
                Refused::TooMany => AddressProblem::TooLong { header },
            })?;
        }
        Ok(hops)
    }
}

impl ClientHeader {
    /// The name of the header.
    pub fn name(self) -> HeaderName {
        match self {
            Self::Forwarded => FORWARDED,
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        }
    }

    fn malformed(self) -> AddressProblem {
        let expected = match self {
            Self::Forwarded => forwarded::EXPECTED,
            Self::XForwardedFor => x_forwarded_for::EXPECTED,
        };
        AddressProblem::Malformed { header: self, expected }
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

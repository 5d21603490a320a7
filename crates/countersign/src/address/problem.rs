//! Why a request's address is refused.

use std::{fmt, net::IpAddr};

use super::{
    ClientHeader,
    proxies::{MAX_HEADER_BYTES, MAX_HOPS},
};

/// What is wrong with where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressProblem {
    /// A trusted proxy knows the client but does not tell: its hop is `unknown`, obfuscated or names no address.
    Hidden {
        /// Where it should stand.
        header: ClientHeader,
    },
    /// The trusted proxy's header is not as its grammar wants it.
    Malformed {
        /// The header.
        header: ClientHeader,
        /// What was expected.
        expected: &'static str,
    },
    /// The peer is a trusted proxy, and does not say for whom it speaks.
    MissingHeader {
        /// The header that it should send.
        header: ClientHeader,
    },
    /// Nobody told the address of the socket's peer.
    NoPeer,
    /// The client's address is in no allowed range.
    NotAllowed {
        /// The client.
        client: IpAddr,
    },
    /// The trusted proxy's PROXY header tells no address of the client.
    PeerHidden,
    /// Every hop is a trusted proxy, so that none is the client.
    OnlyProxies {
        /// The header with the hops.
        header: ClientHeader,
    },
    /// The header has more hops or bytes than any chain of proxies writes.
    TooLong {
        /// The header.
        header: ClientHeader,
    },
}

impl fmt::Display for AddressProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden { header } => write!(f, "{header} does not give the client's address"),
            Self::Malformed { header, expected } => write!(f, "{header} is malformed: expected {expected}"),
            Self::MissingHeader { header } => write!(f, "the peer is a trusted proxy, but sent no {header}"),
            Self::NoPeer => f.write_str("the address of the peer is not known"),
            Self::PeerHidden => f.write_str("the PROXY header does not give the client's address"),
            Self::NotAllowed { client } => write!(f, "the client's address {client} is in no allowed range"),
            Self::OnlyProxies { header } => write!(f, "every hop in {header} is a trusted proxy: none is the client"),
            Self::TooLong { header } => {
                write!(f, "{header} has more than {MAX_HOPS} hops or {MAX_HEADER_BYTES} bytes")
            }
        }
    }
}

impl std::error::Error for AddressProblem {}

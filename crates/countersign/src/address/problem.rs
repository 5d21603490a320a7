//! Why a request is refused for its address.

use std::{fmt, net::IpAddr};

use super::{
    ClientHeader,
    proxies::{MAX_HEADER_BYTES, MAX_HOPS},
};

/// What is wrong with the address of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressProblem {
    /// A trusted proxy hides the client: its hop is `unknown`, obfuscated or contains no address.
    Hidden {
        /// The header that should contain the address.
        header: ClientHeader,
    },
    /// The trusted proxy's header is malformed.
    Malformed {
        /// The header.
        header: ClientHeader,
        /// What was expected.
        expected: &'static str,
    },
    /// The peer is a trusted proxy, but did not send the header with the client's address.
    MissingHeader {
        /// The header that it should send.
        header: ClientHeader,
    },
    /// The address of the socket's peer is not known.
    NoPeer,
    /// The client's address is in no allowed range.
    NotAllowed {
        /// The client.
        client: IpAddr,
    },
    /// The trusted proxy's PROXY header contains no client address.
    PeerHidden,
    /// Every hop is a trusted proxy, so none is the client.
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

//! Where a request comes from: sets of addresses, the client behind trusted proxies, and the address lists of
//! providers.
//!
//! An address check comes in addition to the signature and does not replace it. It refuses strangers before anything is
//! hashed, but others than the provider can send from a provider's network.
//!
//! ```
//! use countersign::address::{AddressSet, ClientHeader, TrustedProxies};
//! use http::HeaderMap;
//!
//! let allowed = AddressSet::parse(["203.0.113.0/24", "2001:db8:7::/48"])?;
//! let proxies = TrustedProxies::new(AddressSet::parse(["10.0.0.0/8"])?, ClientHeader::XForwardedFor);
//!
//! // A client can write any hops on the left; our own proxy appends its hop on the right.
//! let mut headers = HeaderMap::new();
//! headers.insert("x-forwarded-for", "203.0.113.7, 198.51.100.66".parse()?);
//!
//! let client = proxies.client("10.0.0.1".parse()?, &headers)?;
//! assert_eq!(client.to_string(), "198.51.100.66");
//! assert!(!allowed.contains(client));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One address, one form
//!
//! An IPv4-mapped IPv6 address (`::ffff:203.0.113.7`, RFC 4291 section 2.5.5.2) is how a dual-stack socket writes an
//! IPv4 address; here it is equal to that address. The other forms that contain an IPv4 address (IPv4-compatible, 6to4,
//! Teredo, the NAT64 prefixes) are *not*: anybody can write any IPv4 address into them. They are plain IPv6 addresses,
//! allowed only by a range that contains them.
//!
//! Text is parsed strictly: no leading zeros in IPv4 (some parsers read those as octal), no zone ids, no host bits in a
//! range.

mod format;
mod forwarded;
mod hop;
mod list;
mod network;
mod problem;
mod proxies;
pub mod proxy_protocol;
mod ranges;
mod set;
mod x_forwarded_for;

pub use format::{ListError, ListFormat, ListFormatError, ListPointer, MAX_LIST_BYTES, MAX_LIST_RANGES};
pub use ipnet::IpNet;
pub use list::{AddressList, TakeError, Taken};
pub use network::{NetworkError, parse_network};
pub use problem::AddressProblem;
pub use proxies::{ClientHeader, MAX_HEADER_BYTES, MAX_HOPS, TrustedProxies};
pub use set::AddressSet;

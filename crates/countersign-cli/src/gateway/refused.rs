//! Why a connection is closed before a request reaches an endpoint.

use std::{error::Error, fmt, io};

use countersign::address::proxy_protocol::HeaderError;
use countersign_tower::metrics::CONNECTIONS_REFUSED;

use super::proxy_protocol::HEADER_TIME;

/// Why a connection is closed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its peer is not a trusted proxy.
    Stranger,
    Header(HeaderError),
    Late,
    Broken(io::Error),
    /// It was opened under another `proxy_protocol` or `trusted_proxies`.
    Outdated,
    /// What came is not an HTTP/1.1 request, or its head is too long.
    NotHttp(hyper::Error),
}

impl Refused {
    /// Codes for the log. There is no rejection, since there is no request yet.
    pub(crate) const PROXY_PROTOCOL: &str = "proxy_protocol";
    pub(crate) const NOT_HTTP: &str = "not_http";

    /// Why a connection ended; `None` if the client only closed it.
    pub(super) fn of(error: hyper::Error) -> Option<Self> {
        error.is_parse().then_some(Self::NotHttp(error))
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotHttp(_) => Self::NOT_HTTP,
            _ => Self::PROXY_PROTOCOL,
        }
    }

    pub(super) fn count(&self) {
        let reason = match self {
            Self::Stranger => "stranger",
            Self::Header(_) => "header",
            Self::Late => "late",
            Self::Broken(_) => "broken",
            Self::Outdated => "outdated",
            Self::NotHttp(_) => Self::NOT_HTTP,
        };
        metrics::counter!(CONNECTIONS_REFUSED, "reason" => reason).increment(1);
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the peer is not in `trusted_proxies`"),
            Self::Header(error) => error.fmt(f),
            Self::Late => write!(f, "the PROXY header did not arrive within {HEADER_TIME:?}"),
            Self::Broken(error) => write!(f, "the connection ended in the PROXY header: {error}"),
            Self::Outdated => {
                f.write_str("`proxy_protocol` or `trusted_proxies` have changed since the connection was opened")
            }
            Self::NotHttp(error) => write!(f, "what came cannot be read as an HTTP/1.1 request: {error}"),
        }
    }
}

impl Error for Refused {}

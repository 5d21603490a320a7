//! How a document of keys is fetched: the trait for it, and what comes of it.

use std::{error::Error, fmt, future::Future, time::Duration};

use bytes::Bytes;
use countersign::KeyAddress;

/// Gets a document of keys from where the provider publishes it.
///
/// With the feature `fetch` there is one, `HttpsFetch`. One of your own, over the HTTP client that you have, must keep to
/// what the keys are believed for: just this URL, over TLS, and no redirect. It should also bound what it reads, and not
/// connect to addresses inside your network. It need not bound its time: [`FetchedKeys`](crate::FetchedKeys) does.
pub trait Fetch: Send + Sync + 'static {
    /// Gets the document at an address.
    fn fetch(&self, address: &KeyAddress) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// A document, and for how long it may be kept.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its bytes.
    pub document: Bytes,
    /// The `max-age` with which it came, less the `Age` that it had (RFC 9111 section 4.2), if it had one.
    pub max_age: Option<Duration>,
}

/// Why there is no document.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// It cannot be had just now.
    Failed(Box<dyn Error + Send + Sync>),
    /// The provider says that there is none: 404 or 410.
    NotThere,
}

impl FetchError {
    /// It cannot be had just now, for this reason.
    pub fn failed(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => reason.fmt(f),
            Self::NotThere => f.write_str("the provider has no such document"),
        }
    }
}

impl Error for FetchError {
    /// What is behind the reason, whose own text is the error's already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(reason) => reason.source(),
            Self::NotThere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct NotSent(io::Error);

    impl fmt::Display for NotSent {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the request could not be sent")
        }
    }

    impl Error for NotSent {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn what_is_behind_a_failure_can_be_told() {
        let error = FetchError::failed(NotSent(io::ErrorKind::ConnectionRefused.into()));
        let behind = error.source().map(ToString::to_string);
        assert_eq!(error.to_string(), "the request could not be sent");
        assert_eq!(behind.as_deref(), Some("connection refused"));
        assert!(FetchError::NotThere.source().is_none());
    }
}

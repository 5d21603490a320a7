//! The trait of clients that fetch documents of keys, and their results.

use std::{error::Error, fmt, future::Future, time::Duration};

use bytes::Bytes;
use countersign::KeyAddress;

/// Fetches a document of keys from the provider.
///
/// With the feature `fetch` there is one, `HttpsFetch`. An implementation of yours, over your HTTP client, must fetch exactly
/// this URL, over TLS, and follow no redirect: the keys are trusted because of their URL. It should also limit how much it
/// reads, and not connect to addresses inside your network. It needs no timeout: [`FetchedKeys`](crate::FetchedKeys) has one.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches the document at an address.
    fn fetch(&self, address: &KeyAddress) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// A document, and for how long it may be kept.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its bytes.
    pub document: Bytes,
    /// The `max-age` of the answer less its `Age` (RFC 9111 section 4.2), if it had a `max-age`.
    pub max_age: Option<Duration>,
}

/// Why there is no document.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// It could not be fetched.
    Failed(Box<dyn Error + Send + Sync>),
    /// The provider says that there is none: 404 or 410.
    NotThere,
}

impl FetchError {
    /// It could not be fetched, for this reason.
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
    /// The source of the reason: the reason itself is the text of this error.
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
    fn the_source_of_a_failure_is_the_source_of_its_reason() {
        let error = FetchError::failed(NotSent(io::ErrorKind::ConnectionRefused.into()));
        let behind = error.source().map(ToString::to_string);
        assert_eq!(error.to_string(), "the request could not be sent");
        assert_eq!(behind.as_deref(), Some("connection refused"));
        assert!(FetchError::NotThere.source().is_none());
    }
}

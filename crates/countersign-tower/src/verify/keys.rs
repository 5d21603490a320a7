use std::future::{Future, ready};

use countersign::{Rejection, Timestamp, Verifier};
use http::request::Parts;

use crate::tenants::TenantName;

/// Where the layer finds the verifier of a request: a [`Verifier`] for one endpoint, [`TenantKeys`](crate::TenantKeys) for
/// many, or [`FetchedKeys`](crate::FetchedKeys) for keys that the provider publishes. Sealed.
pub trait Keys: Clone + Send + Sync + 'static + sealed::Sealed {
    /// The verifier of the request with this head, or that its body must be there first.
    #[doc(hidden)]
    fn find(&self, head: &Parts, now: Timestamp) -> impl Future<Output = Result<Sought, Rejection>> + Send;

    /// The verifier of a request that is there as a whole; asked after [`Sought::InBody`].
    #[doc(hidden)]
    fn find_for_body(
        &self,
        _head: &Parts,
        _body: &[u8],
        _now: Timestamp,
    ) -> impl Future<Output = Result<Found, Rejection>> + Send {
        ready(Err(Rejection::UnknownKey))
    }

    /// The provider, if it is the same for every request: for the log.
    #[doc(hidden)]
    fn provider(&self) -> Option<&str> {
        None
    }
}

/// What the head of a request leads to.
#[derive(Debug)]
pub enum Sought {
    /// A verifier.
    Found(Found),
    /// The body, which names the key.
    InBody,
}

/// A verifier, and whether what it accepts may pass.
#[derive(Debug)]
pub struct Found {
    pub(crate) verifier: Verifier,
    /// The tenant is unknown: the work is done, so that it takes as long as for a known one, and then refused.
    pub(crate) is_decoy: bool,
    /// Whose verifier it is, if there are several.
    pub(crate) tenant: Option<TenantName>,
}

impl Keys for Verifier {
    fn find(&self, _: &Parts, _: Timestamp) -> impl Future<Output = Result<Sought, Rejection>> + Send {
        ready(Ok(Sought::Found(Found { verifier: self.clone(), is_decoy: false, tenant: None })))
    }

    fn provider(&self) -> Option<&str> {
        Some(self.scheme().id())
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl Sealed for countersign::Verifier {}
}

use std::future::{Future, ready};

use countersign::{Rejection, Verifier};
use http::request::Parts;

use crate::tenants::TenantName;

/// Where the layer finds the verifier of a request: a [`Verifier`] for one endpoint, or
/// [`TenantKeys`](crate::TenantKeys) for many. Sealed.
pub trait Keys: Clone + Send + Sync + 'static + sealed::Sealed {
    /// The verifier of the request with this head.
    #[doc(hidden)]
    fn find(&self, head: &Parts) -> impl Future<Output = Result<Found, Rejection>> + Send;
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
    fn find(&self, _: &Parts) -> impl Future<Output = Result<Found, Rejection>> + Send {
        ready(Ok(Found { verifier: self.clone(), is_decoy: false, tenant: None }))
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl Sealed for countersign::Verifier {}
}

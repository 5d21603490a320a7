//! Where the verifier of a request comes from.

use std::future::{Future, ready};

use countersign::{Rejection, Scheme, Timestamp, Tolerance, Verifier};
use http::request::Parts;

use crate::tenants::TenantName;

/// Where the layer finds the verifier of a request: a [`Verifier`] for one endpoint, [`TenantKeys`](crate::TenantKeys) for
/// many, or [`FetchedKeys`](crate::FetchedKeys) for keys that the provider publishes. Sealed.
pub trait Keys: Clone + Send + Sync + 'static + sealed::Sealed {
    /// The verifier of the request with this head, or that its body must be there first.
    #[doc(hidden)]
    fn find(&self, head: &Parts, now: Timestamp) -> impl Future<Output = Result<KeyLookup, Rejection>> + Send;

    /// The verifier of every request, if it is known without a look at one.
    #[doc(hidden)]
    fn fixed_verifier(&self) -> Option<&Verifier> {
        None
    }

    /// The verifier of a request that is there as a whole; asked after [`KeyLookup::NeedsBody`].
    #[doc(hidden)]
    fn find_for_body(
        &self,
        _head: &Parts,
        _body: &[u8],
        _now: Timestamp,
    ) -> impl Future<Output = Result<Found, Rejection>> + Send {
        ready(Err(Rejection::UnknownKey))
    }

    /// The scheme, if it is the same for every request. It has a say in how refusals are answered: that of a tenant has none,
    /// as the answer would tell tenants that exist from those that do not.
    #[doc(hidden)]
    fn scheme(&self) -> Option<&Scheme> {
        self.known().map(|known| known.scheme)
    }

    /// What is known at start-up; `None` if it is found out for each request.
    #[doc(hidden)]
    fn known(&self) -> Option<Known<'_>> {
        None
    }
}

/// By what every request of an endpoint is verified.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) tolerance: Option<Tolerance>,
    /// `None` while its keys are to be fetched.
    pub(crate) verifier: Option<&'a Verifier>,
}

impl<'a> From<&'a Verifier> for Known<'a> {
    fn from(verifier: &'a Verifier) -> Self {
        Self { scheme: verifier.scheme(), tolerance: verifier.tolerance(), verifier: Some(verifier) }
    }
}

/// What the head of a request leads to.
#[derive(Debug)]
pub enum KeyLookup {
    /// A verifier.
    Found(Found),
    /// The body, which names the key.
    NeedsBody,
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

impl From<Verifier> for Found {
    /// Of an endpoint that is nobody's in particular.
    fn from(verifier: Verifier) -> Self {
        Self { verifier, is_decoy: false, tenant: None }
    }
}

impl Keys for Verifier {
    fn find(&self, _: &Parts, _: Timestamp) -> impl Future<Output = Result<KeyLookup, Rejection>> + Send {
        ready(Ok(KeyLookup::Found(self.clone().into())))
    }

    fn fixed_verifier(&self) -> Option<&Verifier> {
        Some(self)
    }

    fn known(&self) -> Option<Known<'_>> {
        Some(self.into())
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl Sealed for countersign::Verifier {}
}

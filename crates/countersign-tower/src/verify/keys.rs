//! The trait `Keys`: how the layer finds the verifier of a request.

use std::future::{Future, ready};

use countersign::{Rejection, Scheme, Timestamp, Tolerance, Verifier};
use http::request::Parts;

use crate::tenants::TenantName;

/// The source of verifiers: a [`Verifier`] for one endpoint, [`TenantKeys`](crate::TenantKeys) for many tenants, or
/// [`FetchedKeys`](crate::FetchedKeys) for keys that the provider publishes. Sealed.
pub trait Keys: Clone + Send + Sync + 'static + sealed::Sealed {
    /// The verifier of the request with this head, or that its body must be read first.
    #[doc(hidden)]
    fn find(&self, head: &Parts, now: Timestamp) -> impl Future<Output = Result<KeyLookup, Rejection>> + Send;

    /// The verifier of every request, if all have the same.
    #[doc(hidden)]
    fn fixed_verifier(&self) -> Option<&Verifier> {
        None
    }

    /// The verifier of a request whose body was read, after [`KeyLookup::NeedsBody`].
    #[doc(hidden)]
    fn find_for_body(
        &self,
        _head: &Parts,
        _body: &[u8],
        _now: Timestamp,
    ) -> impl Future<Output = Result<Found, Rejection>> + Send {
        ready(Err(Rejection::UnknownKey))
    }

    /// The scheme, if all requests have the same. It can change the status of refusals. A tenant's scheme must not: the status
    /// would show which tenants exist.
    #[doc(hidden)]
    fn scheme(&self) -> Option<&Scheme> {
        self.known().map(|known| known.scheme)
    }

    /// What is known at start-up; `None` if each request has a verifier of its own.
    #[doc(hidden)]
    fn known(&self) -> Option<Known<'_>> {
        None
    }
}

/// What verifies every request of an endpoint.
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

/// The result of a lookup by the head of a request.
#[derive(Debug)]
pub enum KeyLookup {
    /// A verifier.
    Found(Found),
    /// The body must be read: it names the key.
    NeedsBody,
}

/// A verifier, and whether what it accepts may pass.
#[derive(Debug)]
pub struct Found {
    pub(crate) verifier: Verifier,
    /// Whether the tenant is unknown: the request is verified, so that this takes as long as for a known one, and then refused.
    pub(crate) is_decoy: bool,
    /// The tenant whose verifier it is, if there are tenants.
    pub(crate) tenant: Option<TenantName>,
}

impl From<Verifier> for Found {
    /// The verifier of an endpoint without tenants.
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

//! `AddressFilter`, the service of `AddressLayer`.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::layer::Settings;
use crate::{ResponseFuture, future::Step, refusal::refuse};

/// Calls the service `S` with requests from allowed addresses; made by [`AddressLayer`](super::AddressLayer).
#[derive(Clone, Debug)]
pub struct AddressFilter<S> {
    inner: S,
    settings: Settings,
}

impl<S> AddressFilter<S> {
    pub(super) fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for AddressFilter<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let step = match self.settings.check(request.headers(), request.extensions(), request.uri()) {
            Ok(()) => Step::Called { answer: self.inner.call(request) },
            Err(rejection) => {
                self.settings.count(&rejection);
                Step::answered(Ok(refuse(rejection, None)))
            }
        };
        step.into()
    }
}

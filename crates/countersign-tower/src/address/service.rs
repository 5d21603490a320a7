use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

use countersign::{Rejection, address::AddressProblem};
use http::{Request, Response};
use tower_service::Service;

use super::{ResponseFuture, layer::Settings};
use crate::refusal::refuse;

/// Lets requests from some addresses through to the service `S`; made by [`AddressLayer`](super::AddressLayer).
#[derive(Clone, Debug)]
pub struct Address<S> {
    inner: S,
    settings: Settings,
}

impl<S> Address<S> {
    pub(super) fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Address<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.settings.judge(request.headers(), request.extensions()) {
            Ok(()) => ResponseFuture::answer(self.inner.call(request)),
            Err(problem) => {
                report(problem, self.settings.peer(request.extensions()), request.uri().path());
                ResponseFuture::refusal(refuse(Rejection::from(problem)))
            }
        }
    }
}

/// Tells the operator why. The path helps to find the endpoint; its query may carry a credential and is left out.
fn report(problem: AddressProblem, peer: Option<SocketAddr>, path: &str) {
    if problem == AddressProblem::NoPeer {
        tracing::error!(
            target: "countersign",
            path,
            "refused: no peer is known. Put a `PeerAddr` into the requests' extensions where connections are accepted, or \
             name where the server puts it with `AddressLayer::with_peer` (for axum: `countersign_axum::connect_info`)"
        );
        return;
    }
    let rejection = Rejection::from(problem);
    tracing::warn!(
        target: "countersign",
        path,
        peer = peer.map(tracing::field::display),
        code = rejection.code(),
        status = rejection.status().as_u16(),
        reason = %rejection,
        "refused"
    );
}

//! What is done with one verified delivery.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use countersign::{Delivery, Rejection, ReplayStore};
use http::{Request, Response, Uri, request::Parts};
use tower_service::Service;

use super::{
    Answers, OperatorReplay,
    held::{Answer, Held, Shared},
};
use crate::{
    VerifiedBody,
    deadline::within,
    exchange::Exchange,
    refusal::{internal_error, refuse},
    tenants::TenantName,
};

/// One delivery, and what guards it.
pub(crate) struct Guarded<St, A> {
    pub(super) shared: Arc<Shared<St>>,
    pub(super) answers: A,
    delivery: Delivery,
    uri: Uri,
}

impl<St: ReplayStore, A> Guarded<St, A> {
    /// `None` if nothing verified the request, or somebody took the proof away.
    pub(crate) fn new(shared: Arc<Shared<St>>, answers: A, head: &Parts) -> Option<Self> {
        let Some(delivery) = head.extensions.get::<Delivery>().cloned() else {
            tracing::error!(
                target: "countersign",
                path = head.uri.path(),
                "the request has no `Delivery` in its extensions: put the `ReplayLayer` right behind the `VerifyLayer`"
            );
            return None;
        };
        Some(Self { shared, answers, delivery, uri: head.uri.clone() })
    }

    /// Claims the event, runs the service, settles the claim.
    pub(crate) async fn run<S, R>(&self, exchange: Exchange<S>) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<VerifiedBody>, Response = Response<R>>,
        A: Answers<R>,
        R: Default,
    {
        let scope = &self.shared.settings.scope;
        let key = match exchange.head().extensions.get::<TenantName>() {
            Some(tenant) => self.delivery.replay_key(&scope.within(tenant.as_bytes())),
            None => self.delivery.replay_key(scope),
        };
        match self.shared.claim(key).await {
            Ok(Answer::Fresh(held)) => self.run_held(held, exchange).await,
            Ok(Answer::InProgress) => Ok(self.refuse(Rejection::InProgress)),
            Ok(Answer::Done) => {
                if let Some(operator) = exchange.head().extensions.get::<OperatorReplay>() {
                    tracing::warn!(
                        target: "countersign",
                        provider = self.delivery.provider(),
                        path = self.uri.path(),
                        by = operator.by(),
                        "an event that was handled is let through again"
                    );
                    return self.run_freely(exchange).await;
                }
                let refused = self.refuse(Rejection::Replayed);
                let Some(mut again) = self.answers.repeat(key) else { return Ok(refused) };
                again.extensions_mut().insert(Rejection::Replayed);
                Ok(again)
            }
            Err(_) if self.shared.settings.fails_open => self.run_freely(exchange).await,
            Err(_) => Ok(self.refuse(Rejection::StoreUnavailable)),
        }
    }

    async fn run_held<S, R>(&self, held: Held<St>, exchange: Exchange<S>) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<VerifiedBody>, Response = Response<R>>,
        A: Answers<R>,
        R: Default,
    {
        let limit = self.shared.settings.handler_timeout;
        match self.call(exchange).await {
            Outcome::Answered(Ok(response)) if response.status().is_success() => {
                Ok(self.conclude(held, response).await)
            }
            Outcome::Answered(other) => {
                held.release().await;
                other
            }
            Outcome::TimedOut => {
                held.release().await;
                Ok(self.refuse(Rejection::HandlerTimeout { limit }))
            }
            Outcome::Panicked(panic) => {
                held.release().await;
                resume_unwind(panic)
            }
        }
    }

    /// Commits the claim of a handler that succeeded.
    async fn conclude<R>(&self, held: Held<St>, response: Response<R>) -> Response<R>
    where
        A: Answers<R>,
        R: Default,
    {
        let key = held.key();
        match held.commit(self.shared.settings.keep_for(&self.delivery)).await {
            Err(_) if !self.shared.settings.fails_open => return self.refuse(Rejection::StoreUnavailable),
            // Without a record there are no duplicates to answer.
            Err(_) => return response,
            Ok(()) => {}
        }
        // The event is done, whatever becomes of the answer's body now.
        let Ok((response, kept)) = self.answers.take(response).await else {
            tracing::error!(target: "countersign", path = self.uri.path(), "the handler's answer broke off");
            return internal_error();
        };
        if let Some(kept) = kept {
            self.answers.keep(key, kept);
        }
        response
    }

    /// Runs the service without a claim.
    async fn run_freely<S, R>(&self, exchange: Exchange<S>) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<VerifiedBody>, Response = Response<R>>,
        R: Default,
    {
        let limit = self.shared.settings.handler_timeout;
        match self.call(exchange).await {
            Outcome::Answered(answer) => answer,
            Outcome::TimedOut => Ok(self.refuse(Rejection::HandlerTimeout { limit })),
            Outcome::Panicked(panic) => resume_unwind(panic),
        }
    }

    async fn call<S, R>(&self, exchange: Exchange<S>) -> Outcome<Result<Response<R>, S::Error>>
    where
        S: Service<Request<VerifiedBody>, Response = Response<R>>,
    {
        let meter = &self.shared.settings.meter;
        let begun = meter.now();
        let end = call(exchange, self.shared.settings.handler_timeout).await;
        let outcome = match &end {
            Outcome::Answered(answer) => outcome(answer),
            Outcome::TimedOut => "timeout",
            Outcome::Panicked(_) => "panic",
        };
        meter.handled(begun, outcome);
        end
    }

    /// Answers, and tells the operator why. Duplicates are what providers send every day, so they are no warning.
    fn refuse<R: Default>(&self, rejection: Rejection) -> Response<R> {
        let (provider, path) = (self.delivery.provider(), self.uri.path());
        let (code, status) = (rejection.code(), rejection.status().as_u16());
        if matches!(rejection, Rejection::Replayed | Rejection::InProgress) {
            tracing::info!(target: "countersign", provider, path, code, status, reason = %rejection, "not handled again");
        } else {
            tracing::warn!(target: "countersign", provider, path, code, status, reason = %rejection, "refused");
        }
        refuse(rejection)
    }
}

/// What an answer counts as: whatever is no 2xx is to come again.
pub(crate) fn outcome<R, E>(answer: &Result<Response<R>, E>) -> &'static str {
    match answer {
        Ok(response) if response.status().is_success() => "success",
        _ => "failure",
    }
}

/// How a call of the service ended.
enum Outcome<T> {
    Answered(T),
    TimedOut,
    Panicked(Box<dyn Any + Send>),
}

async fn call<S: Service<Request<VerifiedBody>>>(
    exchange: Exchange<S>,
    limit: Duration,
) -> Outcome<Result<S::Response, S::Error>> {
    let mut answer = pin!(async move { exchange.call().await });
    // Whatever a panic leaves half-done is dropped before the panic goes on.
    let caught = pin!(poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll.map(Outcome::Answered),
        Err(panic) => Poll::Ready(Outcome::Panicked(panic)),
    }));
    within(limit, caught).await.unwrap_or(Outcome::TimedOut)
}

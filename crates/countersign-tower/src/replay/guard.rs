//! The replay guard's work on one delivery: claim, call the inner service, settle.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use countersign::{Delivery, Rejection, ReplayKey, ReplayStore, Timestamp, replay::ReplayScope};
use http::{Request, Response, StatusCode, uri::PathAndQuery};
use tokio::time::Instant;

use super::{
    Answers, NotHandled, OperatorReplay,
    claim::{ClaimAnswer, HeldClaim, StoreClient, StoreFailed},
    handling::{Handling, Outcome, Settled},
};
use crate::{
    VerifiedBody,
    deadline::within,
    future::Step,
    inner::{InnerService, take_ready},
    meter::Moment,
    refusal::{internal_error, refuse, status},
    tenants::TenantName,
    verify::sent,
};

/// One delivery and its replay guard.
pub(crate) struct Guarded<St, A> {
    pub(super) client: Arc<StoreClient<St>>,
    pub(super) answers: A,
    delivery: Delivery,
    /// The path that the client sent, for the log.
    path: Option<PathAndQuery>,
    /// When the inner service was called, by the clock of the claims: the handler's time begins here, not when it is first pending.
    /// This needs no second clock, which every delivery would pay for, although most never wait for their handler.
    called_at: Timestamp,
}

impl<St: ReplayStore, A> Guarded<St, A> {
    /// `None` if the request has no [`Delivery`] in its extensions.
    pub(crate) fn new(
        client: Arc<StoreClient<St>>,
        answers: A,
        request: &Request<VerifiedBody>,
        now: Timestamp,
    ) -> Option<Self> {
        let uri = sent::uri(request.uri(), request.extensions());
        let Some(delivery) = request.extensions().get::<Delivery>().cloned() else {
            tracing::error!(
                target: "countersign",
                endpoint = &*client.settings.endpoint,
                path = uri.path(),
                "the request has no `Delivery` in its extensions: put the `ReplayLayer` directly inside the `VerifyLayer`"
            );
            return None;
        };
        Some(Self { client, answers, delivery, path: uri.path_and_query().cloned(), called_at: now })
    }

    /// Claims the event and calls the inner service, which is ready; waits only if the store does.
    pub(crate) fn run<S, R>(mut self, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let Some(key) = self.delivery.replay_key(&self.scope(&request)) else { return self.call(None, inner, request) };
        if let Some(late) = self.too_late().filter(|_| request.extensions().get::<OperatorReplay>().is_none()) {
            return Step::answered(Ok(self.refuse(late)));
        }
        if let Some(answer) = self.client.claim_at_once(key, self.called_at) {
            let answer = self.client.record_claim(answer);
            return self.act_on_claim(key, answer, inner, request);
        }
        // Started here and not in the future, so that a claim whose request is dropped is still received, and released.
        let (made, claim) = (Instant::now(), self.client.run_detached(Arc::clone(&self.client).claim(key)));
        // The request is boxed: the future would otherwise reserve room for it twice, and copy it.
        let (mut inner, request) = (take_ready(inner), Box::new(request));
        Step::waits(async move {
            let answer = self.client.record_claim(self.client.refuse_late(made, claim.await));
            self.called_at = self.client.now();
            self.act_on_claim(key, answer, &mut inner, *request).await
        })
    }

    /// Calls the inner service, or answers, as the claim says.
    fn act_on_claim<S, R>(
        self,
        key: ReplayKey,
        answer: Result<ClaimAnswer<St>, StoreFailed>,
        inner: &mut S,
        request: Request<VerifiedBody>,
    ) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let instead = match answer {
            Ok(ClaimAnswer::Fresh(held)) => return self.call(Some(held), inner, request),
            Ok(ClaimAnswer::Done) if request.extensions().get::<OperatorReplay>().is_some() => {
                return self.run_for_operator(inner, request);
            }
            Err(StoreFailed) if self.client.settings.fails_open => return self.call(None, inner, request),
            Ok(ClaimAnswer::InProgress) => self.refuse(Rejection::InProgress),
            Ok(ClaimAnswer::Done) => self.answer_duplicate(key),
            Err(StoreFailed) => self.refuse(Rejection::StoreUnavailable),
        };
        Step::answered(Ok(instead))
    }

    /// Handles again an event that was handled before, for an operator. Its own key is done, so a second key is claimed: two
    /// operators must not run the event at the same time.
    fn run_for_operator<S, R>(mut self, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let scope = self.scope(&request).within(OPERATOR_SCOPE).within(OPERATOR_SCOPE);
        let Some(key) = self.delivery.replay_key(&scope) else { return self.call(None, inner, request) };
        let claim = Arc::clone(&self.client).claim(key);
        let (mut inner, request) = (take_ready(inner), Box::new(request));
        Step::waits(async move {
            let made = Instant::now();
            let claim = self.client.run_detached(claim).await;
            let held = match self.client.record_claim(self.client.refuse_late(made, claim)) {
                Ok(ClaimAnswer::Fresh(held)) => Some(held),
                Err(StoreFailed) if self.client.settings.fails_open => None,
                Ok(ClaimAnswer::InProgress | ClaimAnswer::Done) => return Ok(self.refuse(Rejection::InProgress)),
                Err(StoreFailed) => return Ok(self.refuse(Rejection::StoreUnavailable)),
            };
            self.log_operator_replay(&request);
            self.called_at = self.client.now();
            let answer = self.call(None, &mut inner, *request).await;
            if let Some(held) = held {
                held.release().await;
            }
            answer
        })
    }

    /// Calls the inner service, and settles the claim by the outcome.
    fn call<S, R>(self, held: Option<HeldClaim<St>>, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let begun = self.client.settings.meter.now();
        match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
            Ok(answer) => Step::waits(Handling::new(answer, self, held, begun)),
            Err(panic) => self.settle(held, begun, Outcome::Panicked(panic)).into(),
        }
    }

    /// Settles the claim by the outcome of the call.
    pub(super) fn settle<R, E>(
        self,
        held: Option<HeldClaim<St>>,
        begun: Moment,
        outcome: Outcome<Response<R>, E>,
    ) -> Settled<Result<Response<R>, E>>
    where
        A: Answers<R>,
        R: Default + Send + 'static,
        E: Send + 'static,
    {
        self.client.settings.meter.handled(begun, outcome.name());
        match (outcome, held) {
            (Outcome::Answered(Ok(response)), Some(held)) if has_handled(&response) => self.commit(held, response),
            (Outcome::Answered(answer), None) => Settled::Answered(answer),
            (outcome, held) => Settled::Waits(Box::pin(async move {
                if let Some(held) = held {
                    held.release().await;
                }
                match outcome {
                    Outcome::Answered(answer) => answer,
                    Outcome::TimedOut => {
                        Ok(self.refuse(Rejection::HandlerTimeout { limit: self.client.settings.handler_timeout }))
                    }
                    Outcome::Panicked(panic) => resume_unwind(panic),
                }
            })),
        }
    }

    /// Why the delivery is refused if it took too long to arrive: it may be a replay of an event that is forgotten by now.
    fn too_late(&self) -> Option<Rejection> {
        let (signed_at, tolerance) = self.delivery.timestamp().zip(self.delivery.tolerance())?;
        let (age, tolerance) = (self.called_at.since(signed_at)?, tolerance.past());
        let limit = tolerance.saturating_add(self.client.settings.longest_arrival());
        (age > limit).then_some(Rejection::TimestampTooOld { age, tolerance })
    }

    /// The rest of the handler's time. A clock that is set back does not shorten it.
    pub(super) fn time_left(&self) -> Duration {
        let taken = self.client.now().since(self.called_at).unwrap_or_default();
        self.client.settings.handler_timeout.saturating_sub(taken)
    }

    fn scope(&self, request: &Request<VerifiedBody>) -> ReplayScope {
        let scope = &self.client.settings.scope;
        match request.extensions().get::<TenantName>() {
            Some(tenant) => scope.within(tenant.as_bytes()),
            None => scope.clone(),
        }
    }

    fn endpoint(&self) -> &str {
        &self.client.settings.endpoint
    }

    fn path(&self) -> &str {
        self.path.as_ref().map_or("/", PathAndQuery::path)
    }

    fn log_operator_replay(&self, request: &Request<VerifiedBody>) {
        tracing::warn!(
            target: "countersign",
            endpoint = self.endpoint(),
            provider = self.delivery.provider(),
            path = self.path(),
            by = request.extensions().get::<OperatorReplay>().map(OperatorReplay::by),
            "an event that was handled is let through again for an operator"
        );
    }

    fn answer_duplicate<R>(&self, key: ReplayKey) -> Response<R>
    where
        A: Answers<R>,
        R: From<Bytes>,
    {
        let again = self.answers.repeat(key);
        let mut again = again.unwrap_or_else(|| self.delivery.acknowledgement().map(R::from));
        self.log(&Rejection::Replayed, again.status());
        again.extensions_mut().insert(Rejection::Replayed);
        // For outer layers that log which event it was.
        again.extensions_mut().insert(self.delivery.clone());
        again
    }

    /// Commits the claim after the handler succeeded.
    fn commit<R, E>(self, held: HeldClaim<St>, response: Response<R>) -> Settled<Result<Response<R>, E>>
    where
        A: Answers<R>,
        R: Default + Send + 'static,
        E: Send + 'static,
    {
        let (key, keep_for) = (held.key(), self.client.settings.keep_for(&self.delivery));
        match held.commit_at_once(keep_for) {
            Ok(Ok(())) if A::KEEPS => {
                Settled::Waits(Box::pin(async move { Ok(self.keep_answer(key, response).await) }))
            }
            Ok(Ok(())) => Settled::Answered(Ok(response)),
            Ok(Err(StoreFailed)) => Settled::Answered(Ok(self.answer_unrecorded(response))),
            Err(held) => Settled::Waits(Box::pin(async move {
                Ok(match held.commit(keep_for).await {
                    Ok(()) => self.keep_answer(key, response).await,
                    Err(StoreFailed) => self.answer_unrecorded(response),
                })
            })),
        }
    }

    /// The answer if the event was handled, but could not be recorded.
    fn answer_unrecorded<R: Default>(&self, response: Response<R>) -> Response<R> {
        if self.client.settings.fails_open { response } else { self.refuse(Rejection::StoreUnavailable) }
    }

    /// Keeps the first answer to an event that is done, and returns it. The event stays done if this fails.
    async fn keep_answer<R>(&self, key: ReplayKey, response: Response<R>) -> Response<R>
    where
        A: Answers<R>,
        R: Default,
    {
        let taken = within(self.client.settings.handler_timeout, pin!(self.answers.take(response))).await;
        let Some(Ok((response, kept))) = taken else {
            self.answers.forget(key);
            let (endpoint, provider, path) = (self.endpoint(), self.delivery.provider(), self.path());
            tracing::error!(
                target: "countersign",
                endpoint,
                provider,
                path,
                "the body of the handler's answer failed or did not end in time: it is answered 500, and the event stays handled"
            );
            return internal_error();
        };
        match kept.filter(|kept| kept.is_accepted_by(self.delivery.scheme().answers())) {
            Some(kept) => self.answers.keep(key, kept),
            None => self.answers.forget(key),
        }
        response
    }

    /// The answer to a refused delivery; logs the reason.
    fn refuse<R: Default>(&self, rejection: Rejection) -> Response<R> {
        let scheme = Some(self.delivery.scheme());
        self.log(&rejection, status(&rejection, scheme));
        refuse(rejection, scheme)
    }

    /// Duplicates are normal, so they are no warning.
    fn log(&self, rejection: &Rejection, status: StatusCode) {
        let (endpoint, provider, path) = (self.endpoint(), self.delivery.provider(), self.path());
        let (code, status) = (rejection.code(), status.as_u16());
        if matches!(rejection, Rejection::Replayed | Rejection::InProgress) {
            tracing::info!(target: "countersign", endpoint, provider, path, code, status, reason = %rejection, "not handled again");
        } else {
            tracing::warn!(target: "countersign", endpoint, provider, path, code, status, reason = %rejection, "refused");
        }
    }
}

/// The part of the scope for operators' replays. It is added twice: added once, it could be the name of a tenant.
const OPERATOR_SCOPE: &str = "operator";

/// Whether the event was handled, and so is committed.
fn has_handled<R>(answer: &Response<R>) -> bool {
    answer.status().is_success() && answer.extensions().get::<NotHandled>().is_none()
}

/// The label of an answer in metrics: anything but a 2xx is a failure.
pub(crate) fn outcome<R, E>(answer: &Result<Response<R>, E>) -> &'static str {
    match answer {
        Ok(response) if response.status().is_success() => "success",
        _ => "failure",
    }
}

//! What is done with one verified delivery.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use countersign::{Delivery, Rejection, ReplayKey, ReplayStore, Timestamp, replay::ReplayScope};
use http::{Request, Response, uri::PathAndQuery};
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

/// One delivery, and what guards it.
pub(crate) struct Guarded<St, A> {
    pub(super) shared: Arc<StoreClient<St>>,
    pub(super) answers: A,
    delivery: Delivery,
    /// That the client asked for, for the log.
    path: Option<PathAndQuery>,
    /// By the clock of the claims, when the service was called: what the first turn of a handler takes is of its time. To ask another
    /// clock would cost every delivery, and most are handled before anybody has to know.
    called_at: Timestamp,
}

impl<St: ReplayStore, A> Guarded<St, A> {
    /// `None` if nothing verified the request, or somebody took the proof away.
    pub(crate) fn new(
        shared: Arc<StoreClient<St>>,
        answers: A,
        request: &Request<VerifiedBody>,
        now: Timestamp,
    ) -> Option<Self> {
        let uri = sent::uri(request.uri(), request.extensions());
        let Some(delivery) = request.extensions().get::<Delivery>().cloned() else {
            tracing::error!(
                target: "countersign",
                path = uri.path(),
                "the request has no `Delivery` in its extensions: put the `ReplayLayer` right behind the `VerifyLayer`"
            );
            return None;
        };
        Some(Self { shared, answers, delivery, path: uri.path_and_query().cloned(), called_at: now })
    }

    /// Takes the event through the guard and to the service, which is ready, as far as it comes without waiting.
    pub(crate) fn run<S, R>(mut self, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let Some(key) = self.delivery.replay_key(&self.scope(&request)) else { return self.call(None, inner, request) };
        if let Some(answer) = self.shared.claim_at_once(key, self.called_at) {
            let answer = self.shared.claimed(Some(answer));
            return self.act_on_claim(key, answer, inner, request);
        }
        // Begun here, lest an answer that nobody waits for leaves the claim behind.
        let (made, claim) = (Instant::now(), self.shared.run_detached(Arc::clone(&self.shared).claim(key)));
        // In a box of its own: the future would make room for it twice, and copy it.
        let (mut inner, request) = (take_ready(inner), Box::new(request));
        Step::waits(async move {
            let answer = self.shared.claimed(self.shared.refuse_late(made, claim.await));
            self.called_at = self.shared.now();
            self.act_on_claim(key, answer, &mut inner, *request).await
        })
    }

    /// Does what the answer to the claim leads to.
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
            Err(StoreFailed) if self.shared.settings.fails_open => return self.call(None, inner, request),
            Ok(ClaimAnswer::InProgress) => self.refuse(Rejection::InProgress),
            Ok(ClaimAnswer::Done) => self.answer_duplicate(key),
            Err(StoreFailed) => self.refuse(Rejection::StoreUnavailable),
        };
        Step::answered(Ok(instead))
    }

    /// Has an event handled that was handled before, as the operator wants it. The event's own key is done, so a second
    /// key is claimed, lest two operators run the event at the same time.
    fn run_for_operator<S, R>(mut self, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let scope = self.scope(&request).within(OPERATOR_SCOPE).within(OPERATOR_SCOPE);
        let Some(key) = self.delivery.replay_key(&scope) else { return self.call(None, inner, request) };
        let claim = Arc::clone(&self.shared).claim(key);
        let (mut inner, request) = (take_ready(inner), Box::new(request));
        Step::waits(async move {
            let made = Instant::now();
            let claim = self.shared.run_detached(claim).await;
            let held = match self.shared.claimed(self.shared.refuse_late(made, claim)) {
                Ok(ClaimAnswer::Fresh(held)) => Some(held),
                Err(StoreFailed) if self.shared.settings.fails_open => None,
                Ok(ClaimAnswer::InProgress | ClaimAnswer::Done) => return Ok(self.refuse(Rejection::InProgress)),
                Err(StoreFailed) => return Ok(self.refuse(Rejection::StoreUnavailable)),
            };
            self.log_operator_replay(&request);
            self.called_at = self.shared.now();
            let answer = self.call(None, &mut inner, *request).await;
            if let Some(held) = held {
                held.release().await;
            }
            answer
        })
    }

    /// Calls the service, and settles the claim by what comes of it.
    fn call<S, R>(self, held: Option<HeldClaim<St>>, inner: &mut S, request: Request<VerifiedBody>) -> Step<S::Future>
    where
        S: InnerService<R>,
        A: Answers<R>,
        R: Default + From<Bytes> + Send + 'static,
    {
        let begun = self.shared.settings.meter.now();
        match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
            Ok(answer) => Step::waits(Handling::new(answer, self, held, begun)),
            Err(panic) => self.settle(held, begun, Outcome::Panicked(panic)).into(),
        }
    }

    /// Settles the claim by how a call of the service ended.
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
        self.shared.settings.meter.handled(begun, outcome.name());
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
                        Ok(self.refuse(Rejection::HandlerTimeout { limit: self.shared.settings.handler_timeout }))
                    }
                    Outcome::Panicked(panic) => resume_unwind(panic),
                }
            })),
        }
    }

    /// What is left of the handler's time. None of it is lost to a clock that is set back.
    pub(super) fn time_left(&self) -> Duration {
        let taken = self.shared.now().since(self.called_at).unwrap_or_default();
        self.shared.settings.handler_timeout.saturating_sub(taken)
    }

    fn scope(&self, request: &Request<VerifiedBody>) -> ReplayScope {
        let scope = &self.shared.settings.scope;
        match request.extensions().get::<TenantName>() {
            Some(tenant) => scope.within(tenant.as_bytes()),
            None => scope.clone(),
        }
    }

    fn path(&self) -> &str {
        self.path.as_ref().map_or("/", PathAndQuery::path)
    }

    fn log_operator_replay(&self, request: &Request<VerifiedBody>) {
        tracing::warn!(
            target: "countersign",
            provider = self.delivery.provider(),
            path = self.path(),
            by = request.extensions().get::<OperatorReplay>().map(OperatorReplay::by),
            "an event that was handled is let through again"
        );
    }

    fn answer_duplicate<R>(&self, key: ReplayKey) -> Response<R>
    where
        A: Answers<R>,
        R: From<Bytes>,
    {
        self.log(&Rejection::Replayed);
        let again = self.answers.repeat(key);
        let mut again = again.unwrap_or_else(|| self.delivery.acknowledgement().map(R::from));
        again.extensions_mut().insert(Rejection::Replayed);
        // For whoever logs which event it was.
        again.extensions_mut().insert(self.delivery.clone());
        again
    }

    /// Commits the claim of a handler that succeeded.
    fn commit<R, E>(self, held: HeldClaim<St>, response: Response<R>) -> Settled<Result<Response<R>, E>>
    where
        A: Answers<R>,
        R: Default + Send + 'static,
        E: Send + 'static,
    {
        let (key, keep_for) = (held.key(), self.shared.settings.keep_for(&self.delivery));
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

    /// The answer to an event that was handled and is not recorded.
    fn answer_unrecorded<R: Default>(&self, response: Response<R>) -> Response<R> {
        if self.shared.settings.fails_open { response } else { self.refuse(Rejection::StoreUnavailable) }
    }

    /// The first answer to an event that is done, whatever becomes of its body now.
    async fn keep_answer<R>(&self, key: ReplayKey, response: Response<R>) -> Response<R>
    where
        A: Answers<R>,
        R: Default,
    {
        let taken = within(self.shared.settings.handler_timeout, pin!(self.answers.take(response))).await;
        let Some(Ok((response, kept))) = taken else {
            let path = self.path();
            tracing::error!(target: "countersign", path, "the handler's answer broke off, or did not come in time");
            return internal_error();
        };
        if let Some(kept) = kept {
            self.answers.keep(key, kept);
        }
        response
    }

    /// Answers, and tells the operator why.
    fn refuse<R: Default>(&self, rejection: Rejection) -> Response<R> {
        self.log(&rejection);
        refuse(rejection, Some(self.delivery.scheme()))
    }

    /// Duplicates are what providers send every day, so they are no warning.
    fn log(&self, rejection: &Rejection) {
        let (provider, path) = (self.delivery.provider(), self.path());
        let (code, status) = (rejection.code(), status(rejection, Some(self.delivery.scheme())).as_u16());
        if matches!(rejection, Rejection::Replayed | Rejection::InProgress) {
            tracing::info!(target: "countersign", provider, path, code, status, reason = %rejection, "not handled again");
        } else {
            tracing::warn!(target: "countersign", provider, path, code, status, reason = %rejection, "refused");
        }
    }
}

/// The part of a scope for what is handled again. Twice, since once could be the name of a tenant.
const OPERATOR_SCOPE: &str = "operator";

/// Whether the event need not be handled again.
fn has_handled<R>(answer: &Response<R>) -> bool {
    answer.status().is_success() && answer.extensions().get::<NotHandled>().is_none()
}

/// What an answer counts as: whatever is no 2xx is to come again.
pub(crate) fn outcome<R, E>(answer: &Result<Response<R>, E>) -> &'static str {
    match answer {
        Ok(response) if response.status().is_success() => "success",
        _ => "failure",
    }
}

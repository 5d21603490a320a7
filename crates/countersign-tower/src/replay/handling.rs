//! The future that polls the inner service's answer while the claim is held, and then settles the claim.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use countersign::ReplayStore;
use http::Response;
use pin_project_lite::pin_project;
use tokio::{
    task::{coop::Unconstrained, coop::unconstrained},
    time::{Sleep, sleep},
};

use super::{
    Answers,
    claim::HeldClaim,
    guard::{Guarded, outcome},
};
use crate::{future::Step, meter::Moment};

pin_project! {
    /// The answer of the inner service, after the claim is settled.
    ///
    /// Written by hand: nested `async` blocks would copy the inner future once for each level.
    pub(super) struct Handling<F, St, A>
    where
        F: Future,
        St: ReplayStore,
    {
        // Dropped first, so that the claim is released after the handler has stopped.
        #[pin]
        answer: Option<F>,
        // Made when the answer is first pending, as most never are. Unconstrained: a handler that uses up the cooperative budget
        // of its task must not keep the deadline from firing.
        deadline: Option<Pin<Box<Unconstrained<Sleep>>>>,
        claim: Option<(Guarded<St, A>, Option<HeldClaim<St>>, Moment)>,
        settled: Option<Pin<Box<dyn Future<Output = F::Output> + Send>>>,
    }
}

/// How a call of the inner service ended.
pub(super) enum Outcome<T, E> {
    Answered(Result<T, E>),
    TimedOut,
    Panicked(Box<dyn Any + Send>),
}

/// The answer after the inner service has ended, or a future of it that waits for the store.
pub(super) enum Settled<T> {
    Answered(T),
    Waits(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<F: Future> From<Settled<F::Output>> for Step<F> {
    fn from(settled: Settled<F::Output>) -> Self {
        match settled {
            Settled::Answered(answer) => Self::answered(answer),
            Settled::Waits(answer) => Self::Waits { answer },
        }
    }
}

impl<F: Future, St: ReplayStore, A> Handling<F, St, A> {
    pub(super) fn new(answer: F, guarded: Guarded<St, A>, held: Option<HeldClaim<St>>, begun: Moment) -> Self {
        Self { answer: Some(answer), deadline: None, claim: Some((guarded, held, begun)), settled: None }
    }
}

impl<F, St, A, R, E> Future for Handling<F, St, A>
where
    F: Future<Output = Result<Response<R>, E>> + Send,
    St: ReplayStore,
    A: Answers<R>,
    R: Default + Send + 'static,
    E: Send + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let (Some(answer), Some((guarded, ..))) = (this.answer.as_mut().as_pin_mut(), &this.claim) {
            let outcome = match catch_unwind(AssertUnwindSafe(|| answer.poll(context))) {
                Ok(Poll::Ready(answer)) => Outcome::Answered(answer),
                Ok(Poll::Pending) => {
                    let start = || Box::pin(unconstrained(sleep(guarded.time_left())));
                    let deadline = this.deadline.get_or_insert_with(start);
                    ready!(deadline.as_mut().poll(context));
                    Outcome::TimedOut
                }
                Err(panic) => Outcome::Panicked(panic),
            };
            // What is left of the handler is dropped before the claim is released.
            this.answer.set(None);
            if let Some((guarded, held, begun)) = this.claim.take() {
                match guarded.settle(held, begun, outcome) {
                    Settled::Answered(answer) => return Poll::Ready(answer),
                    Settled::Waits(answer) => *this.settled = Some(answer),
                }
            }
        }
        match this.settled {
            Some(settled) => settled.as_mut().poll(context),
            // It has answered, and like every future must not be polled again.
            None => Poll::Pending,
        }
    }
}

impl<R, E> Outcome<Response<R>, E> {
    /// Its label in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Answered(answer) => outcome(answer),
            Self::TimedOut => "timeout",
            Self::Panicked(_) => "panic",
        }
    }
}

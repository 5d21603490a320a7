//! The inner service at its work, while the claim is held.

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
    /// The answer of the inner service, once the claim is settled by it.
    ///
    /// Polled by hand, since a future of futures would be moved once for each on its way to its place.
    pub(super) struct Handling<F, St, A>
    where
        F: Future,
        St: ReplayStore,
    {
        // Dropped first: the claim is released when nobody handles the event any more.
        #[pin]
        answer: Option<F>,
        // Made when the service has to be waited for, which most need not. Not held back by what the service uses of the
        // turn that tokio gives to both.
        deadline: Option<Pin<Box<Unconstrained<Sleep>>>>,
        claim: Option<(Guarded<St, A>, Option<HeldClaim<St>>, Moment)>,
        settled: Option<Pin<Box<dyn Future<Output = F::Output> + Send>>>,
    }
}

/// How a call of the service ended.
pub(super) enum Outcome<T, E> {
    Answered(Result<T, E>),
    TimedOut,
    Panicked(Box<dyn Any + Send>),
}

/// The answer of the inner service, now that it has ended.
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
            // Whatever is left half-done is dropped before the claim is released.
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
            // It has answered: like every future, it must not be asked again.
            None => Poll::Pending,
        }
    }
}

impl<R, E> Outcome<Response<R>, E> {
    /// As what it is counted.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Answered(answer) => outcome(answer),
            Self::TimedOut => "timeout",
            Self::Panicked(_) => "panic",
        }
    }
}

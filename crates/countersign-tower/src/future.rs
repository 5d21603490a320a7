//! `ResponseFuture`, the future of the layers' services, and the `Step` in it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::meter::{Pending, end};

pin_project! {
    /// How far a request got without waiting.
    #[project = Projected]
    pub(crate) enum Step<F>
    where
        F: Future,
    {
        /// It is answered; `None` after the answer is taken.
        Answered { answer: Option<F::Output> },
        /// The inner service was called.
        Called { #[pin] answer: F },
        /// It waits for something, in a box.
        Waits { answer: Pin<Box<dyn Future<Output = F::Output> + Send>> },
    }
}

impl<F: Future> Step<F> {
    pub(crate) fn answered(answer: F::Output) -> Self {
        Self::Answered { answer: Some(answer) }
    }

    pub(crate) fn waits(answer: impl Future<Output = F::Output> + Send + 'static) -> Self {
        Self::Waits { answer: Box::pin(answer) }
    }
}

impl<F, R, E> Step<F>
where
    F: Future<Output = Result<Response<R>, E>> + Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    /// The same, and counts the accepted request when it has ended.
    pub(crate) fn counted(self, pending: Pending) -> Self {
        if !pending.measures() {
            return self;
        }
        match self {
            Self::Answered { answer } => {
                Self::Answered { answer: answer.map(|answer| end(pending, "accepted", answer)) }
            }
            waits => Self::waits(async move { end(pending, "accepted", waits.await) }),
        }
    }
}

impl<F: Future> Future for Step<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            // It has answered, and like every future must not be polled again.
            Projected::Answered { answer } => answer.take().map_or(Poll::Pending, Poll::Ready),
            Projected::Called { answer } => answer.poll(context),
            Projected::Waits { answer } => answer.as_mut().poll(context),
        }
    }
}

pin_project! {
    /// The future of an answer: a refusal, or the answer of the inner service, whose future is `F`.
    pub struct ResponseFuture<F>
    where
        F: Future,
    {
        #[pin]
        step: Step<F>,
    }
}

impl<F: Future> From<Step<F>> for ResponseFuture<F> {
    fn from(step: Step<F>) -> Self {
        Self { step }
    }
}

impl<F: Future> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().step.poll(context)
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

//! The answers of the layers.

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
    /// How far a request came without waiting, and what its answer waits for.
    #[project = Projected]
    pub(crate) enum Step<F>
    where
        F: Future,
    {
        /// To its answer, until that is taken.
        Answered { answer: Option<F::Output> },
        /// To the inner service.
        Called { #[pin] answer: F },
        /// To where something has to be waited for.
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
    /// The same, and the accepted request is counted when it is over.
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
            // Once it has answered it must, like every future, not be asked again.
            Projected::Answered { answer } => answer.take().map_or(Poll::Pending, Poll::Ready),
            Projected::Called { answer } => answer.poll(context),
            Projected::Waits { answer } => answer.as_mut().poll(context),
        }
    }
}

pin_project! {
    /// The answer to come: a refusal, or that of the inner service, which answers by `F`.
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

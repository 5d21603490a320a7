//! The answers of the layers that verify.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::meter::{Pending, end};

/// How far a request came without waiting, and what its answer waits for.
pub(crate) enum Step<F: Future> {
    /// To its answer.
    Answered(F::Output),
    /// To the service behind.
    Called(F),
    /// To where something has to be waited for.
    Waits(Pin<Box<dyn Future<Output = F::Output> + Send>>),
}

impl<F: Future> Step<F> {
    /// The answer, for whoever can wait.
    pub(crate) async fn end(self) -> F::Output {
        match self {
            Self::Answered(answer) => answer,
            Self::Called(answer) => answer.await,
            Self::Waits(answer) => answer.await,
        }
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
            Self::Answered(answer) => Self::Answered(end(pending, "accepted", answer)),
            waits => Self::Waits(Box::pin(async move { end(pending, "accepted", waits.end().await) })),
        }
    }
}

pin_project! {
    /// The answer to come: a refusal, or that of the service behind, which answers by `F`.
    pub struct ResponseFuture<F>
    where
        F: Future,
    {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F>
    where
        F: Future,
    {
        Answered { answer: Option<F::Output> },
        Called { #[pin] answer: F },
        Waits { answer: Pin<Box<dyn Future<Output = F::Output> + Send>> },
    }
}

impl<F: Future> From<Step<F>> for ResponseFuture<F> {
    fn from(step: Step<F>) -> Self {
        let state = match step {
            Step::Answered(answer) => State::Answered { answer: Some(answer) },
            Step::Called(answer) => State::Called { answer },
            Step::Waits(answer) => State::Waits { answer },
        };
        Self { state }
    }
}

impl<F: Future> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // Once it has answered it must, like every future, not be asked again.
            Projected::Answered { answer } => answer.take().map_or(Poll::Pending, Poll::Ready),
            Projected::Called { answer } => answer.poll(context),
            Projected::Waits { answer } => answer.as_mut().poll(context),
        }
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

//! The answers of the layers that verify.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// A request that arrived, and what is to be done with it. Sealed.
pub trait Begin: Sized {
    /// The answer of the service behind.
    type Called: Future;

    /// Goes as far as it comes without waiting; called when the answer is asked for first.
    #[doc(hidden)]
    fn begin(self, context: &mut Context<'_>) -> Step<Self::Called>;
}

/// How far a request came without waiting.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "nobody outside this crate gets hold of one")]
pub enum Step<F: Future> {
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

pin_project! {
    /// The answer to come: a refusal, or that of the service behind.
    pub struct ResponseFuture<A>
    where
        A: Begin,
    {
        #[pin]
        state: State<A>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<A>
    where
        A: Begin,
    {
        Arrived { arrived: Option<A> },
        Called { #[pin] answer: A::Called },
        Waits { future: Pin<Box<dyn Future<Output = <A::Called as Future>::Output> + Send>> },
    }
}

impl<A: Begin> ResponseFuture<A> {
    pub(crate) fn new(arrived: A) -> Self {
        Self { state: State::Arrived { arrived: Some(arrived) } }
    }
}

impl<A: Begin> Future for ResponseFuture<A> {
    type Output = <A::Called as Future>::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let step = match state.as_mut().project() {
                Projected::Called { answer } => return answer.poll(context),
                Projected::Waits { future } => return future.as_mut().poll(context),
                Projected::Arrived { arrived } => match arrived.take() {
                    Some(arrived) => arrived.begin(context),
                    // It has answered: like every future, it must not be asked again.
                    None => return Poll::Pending,
                },
            };
            match step {
                Step::Answered(answer) => return Poll::Ready(answer),
                Step::Called(answer) => state.set(State::Called { answer }),
                Step::Waits(future) => state.set(State::Waits { future }),
            }
        }
    }
}

impl<A: Begin> fmt::Debug for ResponseFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

//! The answer to a request whose address was judged.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The answer to come: a refusal, or that of the service behind.
    pub struct ResponseFuture<F, R> {
        refusal: Option<Response<R>>,
        #[pin]
        answer: Option<F>,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) fn answer(future: F) -> Self {
        Self { refusal: None, answer: Some(future) }
    }

    pub(super) fn refusal(response: Response<R>) -> Self {
        Self { refusal: Some(response), answer: None }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(refusal) = this.refusal.take() {
            return Poll::Ready(Ok(refusal));
        }
        match this.answer.as_mut().as_pin_mut() {
            Some(answer) => {
                let answer = ready!(answer.poll(context));
                this.answer.set(None);
                Poll::Ready(answer)
            }
            // It has answered: like every future, it must not be asked again.
            None => Poll::Pending,
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

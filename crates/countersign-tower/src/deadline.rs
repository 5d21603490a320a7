//! Work under a limit in time.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::timeout;

/// What comes of `work` within `limit`; `None` if it takes longer. What is ready at once, as most is, costs no timer.
pub(crate) async fn within<T>(limit: Duration, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return Some(done);
    }
    // Boxed, so that what is ready at once makes no room for it.
    Box::pin(timeout(limit, work)).await.ok()
}

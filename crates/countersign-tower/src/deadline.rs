//! A timeout that makes no timer for a future that is ready at once.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::timeout;

/// The output of `work`; `None` if it takes longer than `limit`. Most futures are ready at once, and need no timer.
pub(crate) async fn within<T>(limit: Duration, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return Some(done);
    }
    // Boxed, so that the future has no room for a timer that it mostly does not need.
    Box::pin(timeout(limit, work)).await.ok()
}

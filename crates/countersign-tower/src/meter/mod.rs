//! What the layers tell of themselves in numbers. Without the feature `metrics`, nothing, and at no cost.

use countersign::Rejection;
use http::Response;

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, reason = "it is called as the one that measures")]
mod off;
#[cfg(feature = "metrics")]
mod on;

#[cfg(not(feature = "metrics"))]
pub(crate) use off::{Meter, Moment, Pending};
#[cfg(feature = "metrics")]
pub(crate) use on::{Meter, Moment, Pending};

/// Counts a request that is over. One reason, wherever it was found: by a check, by the guard, or by whoever reads the payload.
pub(crate) fn end<R, E>(
    pending: Pending,
    verdict: &'static str,
    answer: Result<Response<R>, E>,
) -> Result<Response<R>, E> {
    let rejection = answer.as_ref().ok().and_then(|response| response.extensions().get::<Rejection>());
    pending.end(rejection.map_or(verdict, Rejection::code));
    answer
}

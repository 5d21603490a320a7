//! The meter of an endpoint, by which the layers record their metrics. Without the feature `metrics` it does nothing.

use countersign::Rejection;
use http::Response;

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, reason = "its methods are those of the meter that measures")]
mod off;
#[cfg(feature = "metrics")]
mod on;

#[cfg(not(feature = "metrics"))]
pub(crate) use off::{Meter, Moment, Pending};
#[cfg(feature = "metrics")]
pub(crate) use on::{Meter, Moment, Pending};

/// Counts a request that has ended. Its reason is in the answer's extensions, whether a check, the guard or an extractor refused it.
pub(crate) fn end<R, E>(
    pending: Pending,
    verdict: &'static str,
    answer: Result<Response<R>, E>,
) -> Result<Response<R>, E> {
    let rejection = answer.as_ref().ok().and_then(|response| response.extensions().get::<Rejection>());
    pending.end(rejection.map_or(verdict, Rejection::code));
    answer
}

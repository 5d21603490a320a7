//! What the layers tell of themselves in numbers. Without the feature `metrics`, nothing, and at no cost.

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, reason = "it is called as the one that measures")]
mod off;
#[cfg(feature = "metrics")]
mod on;

#[cfg(not(feature = "metrics"))]
pub(crate) use off::{Meter, Pending};
#[cfg(feature = "metrics")]
pub(crate) use on::{Meter, Pending};

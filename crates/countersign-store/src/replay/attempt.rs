//! The attempts of a call.

/// The number of an attempt. A call makes at most two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// The first attempt may have succeeded, and its answer was lost.
    Second,
}

//! How often a call is made.

/// Which attempt at a call it is; there are two at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// The first may have been carried out, and its answer lost.
    Second,
}

//! What a table answers.

use countersign::replay::{Claim, Lease, Settlement};

/// What became of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It was done.
    Granted,
    /// Nothing was done, because somebody else holds the event.
    Held,
    /// Nothing was done: the event that was to be claimed is done, the lease that was to be settled is over.
    TooLate,
}

impl Reply {
    /// What it means to one who wanted to claim, whose lease would be this.
    pub(super) fn claim(self, lease: Lease) -> Claim {
        match self {
            Self::Granted => Claim::Fresh(lease),
            Self::Held => Claim::InProgress,
            Self::TooLate => Claim::Done,
        }
    }

    /// What it means to one who wanted to commit or release.
    pub(super) fn settlement(self) -> Settlement {
        match self {
            Self::Granted => Settlement::Settled,
            Self::Held | Self::TooLate => Settlement::Lapsed,
        }
    }
}

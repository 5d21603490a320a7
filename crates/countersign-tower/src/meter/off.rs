//! The meter without the feature `metrics`.

/// Measures nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {}

/// A request that has not ended.
pub(crate) struct Pending {}

/// A point in time, which is not measured.
#[derive(Clone, Copy)]
pub(crate) struct Moment {}

impl Meter {
    pub(crate) fn of(_: &str) -> Self {
        Self {}
    }

    pub(crate) fn begin(&self) -> Pending {
        Pending {}
    }

    pub(crate) fn now(&self) -> Moment {
        Moment {}
    }

    pub(crate) fn verified(&self, _: Moment, _: u64) {}

    pub(crate) fn handled(&self, _: Moment, _: &'static str) {}

    pub(crate) fn claimed(&self, _: &'static str) {}

    pub(crate) fn store_failed(&self, _: &'static str) {}
}

impl Pending {
    pub(crate) fn measures(&self) -> bool {
        false
    }

    pub(crate) fn end(self, _: &'static str) {}
}

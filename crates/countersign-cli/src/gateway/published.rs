//! The address ranges of providers in the catalogue, and their metrics.

use std::time::Duration;

use countersign::Scheme;
use countersign_tower::metrics::{ALLOWLIST_AGE, ALLOWLIST_RANGES};
use time::{Date, OffsetDateTime};

/// The ranges of a provider in the catalogue. They are updated only by a new release of the program.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublishedRanges {
    provider: String,
    read: Date,
    count: u32,
}

impl PublishedRanges {
    /// The ranges of a scheme; `None` if it does not say when they were read.
    pub(crate) fn of(scheme: &Scheme) -> Option<Self> {
        let addresses = scheme.addresses()?;
        let count = u32::try_from(addresses.ranges().len()).unwrap_or(u32::MAX);
        Some(Self { provider: scheme.id().to_owned(), read: addresses.read_on()?, count })
    }

    /// Sets the metrics of the ranges, their age and number, as list `catalogue:` and the provider's id.
    pub(crate) fn record(&self) {
        let age = OffsetDateTime::now_utc() - self.read.midnight().assume_utc();
        let age = Duration::try_from(age).unwrap_or_default();
        let name = format!("catalogue:{}", self.provider);
        metrics::gauge!(ALLOWLIST_AGE, "list" => name.clone()).set(age);
        metrics::gauge!(ALLOWLIST_RANGES, "list" => name).set(self.count);
    }
}

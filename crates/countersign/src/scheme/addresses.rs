//! `Addresses`: the address ranges from which a provider sends.

use ipnet::IpNet;
use time::Date;

use crate::address::ListFormat;

/// The address ranges that a provider publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    pub(crate) ranges: Vec<IpNet>,
    pub(crate) source: Option<String>,
    pub(crate) read: Option<Date>,
    pub(crate) list: Option<String>,
    pub(crate) format: ListFormat,
}

impl Addresses {
    /// Returns the ranges as of the day [`read_on`](Self::read_on). Empty if only a [list](Self::list) is known.
    pub fn ranges(&self) -> &[IpNet] {
        &self.ranges
    }

    /// Returns the page that lists the ranges.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Returns the day on which the ranges were read there.
    pub fn read_on(&self) -> Option<Date> {
        self.read
    }

    /// Returns the URL where the provider publishes the ranges for machines.
    pub fn list(&self) -> Option<&str> {
        self.list.as_deref()
    }

    /// Returns the format of that list.
    pub fn format(&self) -> &ListFormat {
        &self.format
    }
}

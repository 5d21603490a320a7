//! The addresses from which a provider sends, where it publishes them.

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
    /// The ranges as they were on the day of [`read`](Self::read_on); empty where only a [list](Self::list) is known.
    pub fn ranges(&self) -> &[IpNet] {
        &self.ranges
    }

    /// The page that lists them.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The day on which they were read there.
    pub fn read_on(&self) -> Option<Date> {
        self.read
    }

    /// Where the provider publishes them for machines.
    pub fn list(&self) -> Option<&str> {
        self.list.as_deref()
    }

    /// How that list is written.
    pub fn format(&self) -> &ListFormat {
        &self.format
    }
}

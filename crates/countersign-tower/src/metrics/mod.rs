//! The metrics of a [`Stack`](crate::Stack), and of single layers that have a name for them
//! ([`VerifyLayer::with_metrics`](crate::VerifyLayer::with_metrics) and so on). They go through the facade of the crate
//! [`metrics`] to the recorder that your program installs. Install it before the first request.
//!
#![doc = include_str!("series.md")]
//!
//! No label takes a value from a request: no path, event, tenant or address. `endpoint` is the name given to
//! [`Stack::builder`](crate::Stack::builder) or to the layer. There are as many verdicts as
//! [codes](countersign::Rejection::CODES), and four more.
//!
//! The gauges are not updated automatically: call [`record_store`] and [`record_list`] before they are read.

use countersign::replay::MemoryStore;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::AddressFeed;

/// Requests by their verdict.
pub const VERDICTS: &str = "countersign_verdicts_total";
/// The sizes of verified bodies.
pub const BODY_BYTES: &str = "countersign_body_bytes";
/// How long verification took.
pub const VERIFY_SECONDS: &str = "countersign_verify_seconds";
/// How long the inner service ran.
pub const HANDLER_SECONDS: &str = "countersign_handler_seconds";
/// Claims by the replay store's answer.
pub const CLAIMS: &str = "countersign_claims_total";
/// Calls to the replay store that failed.
pub const STORE_ERRORS: &str = "countersign_store_errors_total";
/// Events in a store in memory.
pub const STORE_ENTRIES: &str = "countersign_store_entries";
/// How many events a store in memory can hold.
pub const STORE_CAPACITY: &str = "countersign_store_capacity";
/// The memory of a store in memory, in bytes.
pub const STORE_BYTES: &str = "countersign_store_bytes";
/// The age of the last good copy of a list of addresses.
pub const ALLOWLIST_AGE: &str = "countersign_allowlist_age_seconds";
/// The number of address ranges in a list.
pub const ALLOWLIST_RANGES: &str = "countersign_allowlist_ranges";
/// Configurations that `countersign serve` took or refused.
pub const CONFIG_LOADS: &str = "countersign_config_loads_total";
/// The age of the configuration in use.
pub const CONFIG_AGE: &str = "countersign_config_age_seconds";
/// Open connections.
pub const CONNECTIONS: &str = "countersign_connections";
/// The limit of open connections.
pub const CONNECTIONS_CAPACITY: &str = "countersign_connections_capacity";
/// Connections that were closed at the limit of connections or of memory.
pub const CONNECTIONS_EVICTED: &str = "countersign_connections_evicted_total";
/// Connections that were closed before their first or next request was read.
pub const CONNECTIONS_REFUSED: &str = "countersign_connections_refused_total";
/// Requests to a path without an endpoint.
pub const UNROUTED: &str = "countersign_unrouted_total";
/// Log lines of `countersign serve` that were dropped because their reader was too slow.
pub const LINES_DROPPED: &str = "countersign_lines_dropped_total";

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Describes each metric and its unit to the recorder.
pub fn describe() {
    for (name, kind, unit, help) in series() {
        match kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}

/// Records the size and the limits of a store in memory, under this name.
pub fn record_store(name: &str, store: &MemoryStore) {
    #[expect(clippy::cast_precision_loss, reason = "no memory has room for 2⁵³ events")]
    let set = |gauge: metrics::Gauge, count: usize| gauge.set(count as f64);
    set(gauge!(STORE_ENTRIES, "store" => name.to_owned()), store.len());
    set(gauge!(STORE_CAPACITY, "store" => name.to_owned()), store.capacity());
    set(gauge!(STORE_BYTES, "store" => name.to_owned()), store.bytes());
}

/// Records the age and the length of a list of addresses, under this name.
pub fn record_list(name: &str, feed: &AddressFeed) {
    gauge!(ALLOWLIST_AGE, "list" => name.to_owned()).set(feed.age());
    #[expect(clippy::cast_precision_loss, reason = "a list has no 2⁵³ ranges")]
    gauge!(ALLOWLIST_RANGES, "list" => name.to_owned()).set(feed.addresses().snapshot().len() as f64);
}

/// The rows of `series.md`, so that docs and descriptions have one source.
fn series() -> impl Iterator<Item = (&'static str, Kind, Unit, &'static str)> {
    include_str!("series.md").lines().skip(2).filter_map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let name = cells.next()?.trim_matches('`');
        let kind = match cells.next()? {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            _ => Kind::Histogram,
        };
        let unit = match cells.next()? {
            "bytes" => Unit::Bytes,
            "seconds" => Unit::Seconds,
            _ => Unit::Count,
        };
        Some((name, kind, unit, cells.nth(1)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_name() {
        let names = [
            VERDICTS,
            BODY_BYTES,
            VERIFY_SECONDS,
            HANDLER_SECONDS,
            CLAIMS,
            STORE_ERRORS,
            STORE_ENTRIES,
            STORE_CAPACITY,
            STORE_BYTES,
            ALLOWLIST_AGE,
            ALLOWLIST_RANGES,
            CONFIG_LOADS,
            CONFIG_AGE,
            CONNECTIONS,
            CONNECTIONS_CAPACITY,
            CONNECTIONS_EVICTED,
            CONNECTIONS_REFUSED,
            UNROUTED,
            LINES_DROPPED,
        ];
        assert!(series().map(|(name, ..)| name).eq(names));
        for (name, kind, unit, help) in series() {
            assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            assert_eq!(unit == Unit::Bytes, name.ends_with("_bytes"), "{name}");
            assert!(!help.is_empty(), "{name}");
        }
    }
}

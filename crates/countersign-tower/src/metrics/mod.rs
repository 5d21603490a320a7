//! What a [`Stack`](crate::Stack) counts, and layers that stand alone if they are told to
//! ([`VerifyLayer::with_metrics`](crate::VerifyLayer::with_metrics) and its like), through the facade of the crate
//! [`metrics`]: whichever recorder the program installs gets it. Install it before the first request.
//!
#![doc = include_str!("series.md")]
//!
//! No label takes a value from a request: not the path, the event, the tenant, the address. An endpoint has the name that
//! [`Stack::builder`](crate::Stack::builder) or the layer was given, and there are as many verdicts as
//! [codes](countersign::Rejection::CODES) and four more.
//!
//! The gauges do not follow by themselves: call [`record_store`] and [`record_list`] when somebody is about to look.

use countersign::replay::MemoryStore;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::AddressFeed;

/// What requests came to.
pub const VERDICTS: &str = "countersign_verdicts_total";
/// How large verified bodies are.
pub const BODY_BYTES: &str = "countersign_body_bytes";
/// How long verifying took.
pub const VERIFY_SECONDS: &str = "countersign_verify_seconds";
/// How long the inner service ran.
pub const HANDLER_SECONDS: &str = "countersign_handler_seconds";
/// What the replay store said.
pub const CLAIMS: &str = "countersign_claims_total";
/// Calls to the replay store that failed.
pub const STORE_ERRORS: &str = "countersign_store_errors_total";
/// Events in a store in memory.
pub const STORE_ENTRIES: &str = "countersign_store_entries";
/// How many events a store in memory can hold.
pub const STORE_CAPACITY: &str = "countersign_store_capacity";
/// How much memory a store in memory takes, in bytes.
pub const STORE_BYTES: &str = "countersign_store_bytes";
/// The age of the last good copy of a list of addresses.
pub const ALLOWLIST_AGE: &str = "countersign_allowlist_age_seconds";
/// How many address ranges a list allows.
pub const ALLOWLIST_RANGES: &str = "countersign_allowlist_ranges";
/// Configurations that `countersign serve` took or refused.
pub const CONFIG_LOADS: &str = "countersign_config_loads_total";
/// The age of the configuration in use.
pub const CONFIG_AGE: &str = "countersign_config_age_seconds";
/// Open connections.
pub const CONNECTIONS: &str = "countersign_connections";
/// How many connections can be open.
pub const CONNECTIONS_CAPACITY: &str = "countersign_connections_capacity";
/// Connections that were closed because a place or memory was short.
pub const CONNECTIONS_EVICTED: &str = "countersign_connections_evicted_total";
/// Connections that were closed before a request was read, or before the next.
pub const CONNECTIONS_REFUSED: &str = "countersign_connections_refused_total";
/// Requests to a path that no endpoint has.
pub const UNROUTED: &str = "countersign_unrouted_total";
/// Lines of `countersign serve` that nobody read in time.
pub const LINES_DROPPED: &str = "countersign_lines_dropped_total";

/// What kind of series a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Tells the recorder what each series is for, and its unit.
pub fn describe() {
    for (name, kind, unit, help) in series() {
        match kind {
            Kind::Counter => describe_counter!(name, unit, help),
            Kind::Gauge => describe_gauge!(name, unit, help),
            Kind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}

/// Records how full a store in memory is, under this name.
pub fn record_store(name: &str, store: &MemoryStore) {
    #[expect(clippy::cast_precision_loss, reason = "no memory has room for 2⁵³ of anything")]
    let set = |gauge: metrics::Gauge, count: usize| gauge.set(count as f64);
    set(gauge!(STORE_ENTRIES, "store" => name.to_owned()), store.len());
    set(gauge!(STORE_CAPACITY, "store" => name.to_owned()), store.capacity());
    set(gauge!(STORE_BYTES, "store" => name.to_owned()), store.bytes());
}

/// Records how old a list of addresses is and how long, under this name.
pub fn record_list(name: &str, feed: &AddressFeed) {
    gauge!(ALLOWLIST_AGE, "list" => name.to_owned()).set(feed.age());
    #[expect(clippy::cast_precision_loss, reason = "a list has no 2⁵³ ranges")]
    gauge!(ALLOWLIST_RANGES, "list" => name.to_owned()).set(feed.addresses().snapshot().len() as f64);
}

/// The rows of the table above, so that there is one place for all.
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

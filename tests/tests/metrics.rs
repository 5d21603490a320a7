//! What a recorder gets beside the counts of requests: what a series is for, and the gauges of a store and a list.

use std::time::{Duration, SystemTime};

use countersign::{
    Timestamp,
    address::{AddressList, AddressSet, ListFormat},
    replay::{Claim, MemoryStore},
};
use countersign_tests::replay::key;
use countersign_tower::{
    AddressFeed,
    metrics::{
        ALLOWLIST_AGE, ALLOWLIST_RANGES, STORE_BYTES, STORE_CAPACITY, STORE_ENTRIES, describe, record_list,
        record_store,
    },
};
use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

#[derive(Debug, PartialEq)]
struct Gauge {
    name: String,
    labels: Vec<(String, String)>,
    unit: Option<Unit>,
    is_described: bool,
    value: f64,
}

/// The gauges that this records, once the recorder was told what they are for.
fn recorded(work: impl FnOnce()) -> Vec<Gauge> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        describe();
        work();
    });
    let series = recorder.snapshotter().snapshot().into_vec().into_iter();
    let mut gauges: Vec<_> = series
        .map(|(key, unit, description, value)| {
            let DebugValue::Gauge(value) = value else { panic!("{value:?}") };
            let key = key.key();
            let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
            let (name, is_described) = (key.name().to_owned(), description.is_some_and(|text| !text.is_empty()));
            Gauge { name, labels, unit, is_described, value: *value }
        })
        .collect();
    gauges.sort_by(|one, other| one.name.cmp(&other.name));
    gauges
}

fn gauge(name: &str, label: (&str, &str), unit: Unit, value: f64) -> Gauge {
    let labels = vec![(label.0.to_owned(), label.1.to_owned())];
    Gauge { name: name.to_owned(), labels, unit: Some(unit), is_described: true, value }
}

#[test]
fn a_store_in_memory_tells_how_full_it_is() {
    let store = MemoryStore::with_capacity(1000);
    for id in ["1", "2", "3"] {
        let claim = store.claim_at(key("metrics", id), Duration::from_secs(60), Timestamp::from_unix_seconds(0));
        assert!(matches!(claim, Ok(Claim::Fresh(_))));
    }
    let bytes = u32::try_from(store.bytes()).unwrap();
    let of_store = |name, unit, value| gauge(name, ("store", "memory"), unit, value);
    assert_eq!(
        recorded(|| record_store("memory", &store)),
        [
            of_store(STORE_BYTES, Unit::Bytes, bytes.into()),
            of_store(STORE_CAPACITY, Unit::Count, 1000.0),
            of_store(STORE_ENTRIES, Unit::Count, 3.0),
        ]
    );
}

#[test]
fn a_list_of_addresses_tells_its_age_and_its_length() {
    let an_hour_ago = Timestamp::from(SystemTime::now() - Duration::from_secs(3600));
    let list = AddressList::read(ListFormat::Lines, b"203.0.113.0/24\n198.51.100.0/24\n", an_hour_ago).unwrap();
    let feed = AddressFeed::new(list, AddressSet::parse(["10.0.0.0/8"]).unwrap());
    let gauges = recorded(|| record_list("allowed", &feed));
    let age = gauges[0].value;
    assert!((3600.0..4000.0).contains(&age), "{age}");
    let of_list = |name, unit, value| gauge(name, ("list", "allowed"), unit, value);
    assert_eq!(gauges, [of_list(ALLOWLIST_AGE, Unit::Seconds, age), of_list(ALLOWLIST_RANGES, Unit::Count, 3.0)]);
}

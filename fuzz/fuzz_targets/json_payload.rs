#![no_main]
//! Any bytes as a JSON payload: read as `serde_json` reads them, or refused with the path of what does not fit.

use std::collections::BTreeMap;

use countersign_axum::{countersign::Rejection, payload::json};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are there to be read into")]
struct Event {
    id: String,
    amount: Option<i64>,
    tags: Option<Vec<String>>,
    data: Option<BTreeMap<String, Event>>,
}

fuzz_target!(|body: &[u8]| {
    let direct = serde_json::from_slice::<Value>(body).ok();
    assert_eq!(json::read::<Value>(body).ok(), direct);
    if let Err(rejection) = json::read::<Event>(body) {
        assert!(matches!(rejection, Rejection::Payload { .. }));
        assert_eq!(rejection.status(), 422);
    }
});

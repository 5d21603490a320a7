#![no_main]
//! Any bytes as a form: names and values as they were written, or refused.

use countersign_axum::{countersign::Rejection, payload::form};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are there to be read into")]
struct Event {
    a: Option<String>,
    #[serde(default)]
    b: Vec<String>,
    n: Option<u32>,
}

fuzz_target!(|body: &[u8]| {
    match form::read::<Vec<(String, String)>>(body) {
        // U+FFFD is what a lossy reader would put for other bytes.
        Ok(pairs) => {
            let replaced = pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
            let text = String::from_utf8_lossy(body).to_lowercase();
            assert!(!replaced || text.contains("%ef") || text.contains("%bf") || body.contains(&0xef), "{pairs:?}");
        }
        Err(rejection) => assert!(matches!(rejection, Rejection::Payload { .. })),
    }
    if let Err(rejection) = form::read::<Event>(body) {
        assert_eq!(rejection.status(), 422);
    }
});

#![no_main]
//! Any bytes as XML: no document type, no entity, no depth without end.

use countersign_axum::{countersign::Rejection, payload::xml};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "the fields are there to be read into")]
struct Element {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(rename = "$text")]
    text: Option<String>,
    #[serde(default)]
    a: Vec<Element>,
    b: Option<Box<Element>>,
}

fuzz_target!(|body: &[u8]| {
    match xml::read::<Element>(body) {
        Ok(element) => {
            assert!(std::str::from_utf8(body).is_ok());
            assert!(format!("{element:?}").len() <= 200 * (body.len() + 10), "the document grew");
        }
        Err(rejection) => assert!(matches!(rejection, Rejection::Payload { .. })),
    }
});

//! Body mistakes: wrapped bodies, encoded bodies, compressed bodies and rewritten forms.

use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign::{BodyMistake, Mistake};
use flate2::{Compression, read::DeflateEncoder, read::GzEncoder, read::ZlibEncoder};

use crate::{ORDERS, hex, now, order, own, proven, setup, sign};

/// What is found where `came` was received and `signed` was signed.
fn of_body(signed: &[u8], came: impl Into<Bytes>) -> Vec<Mistake> {
    let scheme = own(ORDERS);
    let mut request = sign(&scheme, order(signed.to_vec()), now());
    *request.body_mut() = came.into();
    proven(&setup(&scheme), &request)
}

const EVENT: &[u8] = b"{\"id\":17}";

#[test]
fn a_wrapped_body_is_found_with_its_place() {
    let in_object = |name: &str| serde_json::json!({ name: "{\"id\":17}" });
    let in_lists =
        |depth: usize| (0..depth).fold(serde_json::json!("{\"id\":17}"), |json, _| serde_json::json!([json]));
    let behind = |texts: usize| {
        let names = (0..texts)
            .map(|at| (format!("{at:02}"), "another".into()))
            .chain([("99".to_owned(), "{\"id\":17}".into())]);
        serde_json::Value::Object(names.collect())
    };
    let (short, long) = ("n".repeat(38), "n".repeat(39));
    for (came, place) in [
        (in_object("body"), Some("/body")),
        (in_object("a/b_c-d.e9"), Some("/a/b_c-d.e9")),
        (in_object("a b"), Some("member")),
        (in_object(&short), Some(&*format!("/{short}"))),
        (in_object(&long), Some(&*format!("/{long}"))),
        (in_object(&"n".repeat(40)), Some("member")),
        (serde_json::json!({ "body": STANDARD.encode(EVENT) }), Some("/body")),
        (serde_json::json!({ "Records": [{ "body": "{\"id\":17}" }, {}] }), Some("/Records/0/body")),
        (serde_json::json!({ "Records": [{}, { "body": "{\"id\":17}" }] }), None),
        (serde_json::json!({ "a": { "b": { "c": in_object("d") } } }), Some("/a/b/c/d")),
        (serde_json::json!({ "a": { "b": { "c": { "d": in_object("e") } } } }), None),
        (in_lists(4), Some("/0/0/0/0")),
        (in_lists(5), None),
        (behind(31), Some("/99")),
        (behind(32), None),
    ] {
        let place = place.map(|place| Mistake::Body(BodyMistake::Wrapped { place: place.to_owned() }));
        assert_eq!(of_body(EVENT, came.to_string()), Vec::from_iter(place), "{came}");
    }
    let shortest = |text: &str| of_body(text.as_bytes(), serde_json::json!({ "body": text }).to_string());
    assert_eq!(shortest("ab"), [Mistake::Body(BodyMistake::Wrapped { place: "/body".to_owned() })]);
    assert_eq!(shortest("a"), []);
}

#[test]
fn a_body_in_another_encoding_is_found() {
    let hex = hex(EVENT);
    let nine = format!("{:09x}", EVENT.len());
    for (came, encoding) in [
        (serde_json::json!("{\"id\":17}").to_string(), Some("in a JSON string")),
        (STANDARD.encode(EVENT), Some("in base64")),
        (hex, Some("in hex")),
        ("b'{\"id\":17}'".to_owned(), Some("as Python prints bytes (`b'...'`)")),
        (format!("{nine}\r\n{{\"id\":17}}\r\n0\r\n\r\n"), Some("in chunked transfer coding")),
        ("4\r\n{\"id\r\n5\r\n\":17}\r\n0\r\n\r\n".to_owned(), Some("in chunked transfer coding")),
        ("4\r\n{\"id\r\n5\r\n\":17}\r\n0\r\n".to_owned(), None),
        (format!("0{nine}\r\n{{\"id\":17}}\r\n0\r\n\r\n"), None),
    ] {
        let found = encoding.map(|encoding| Mistake::Body(BodyMistake::Encoded { encoding }));
        assert_eq!(of_body(EVENT, came.clone()), Vec::from_iter(found), "{came}");
    }
    let in_string = serde_json::json!("{\"id\":17}").to_string();
    let found = Mistake::Body(BodyMistake::Encoded { encoding: "taken out of a JSON string" });
    assert_eq!(of_body(in_string.as_bytes(), EVENT), [found]);
    // Two encodings at once are not tried.
    assert_eq!(of_body(EVENT, serde_json::json!(STANDARD.encode(EVENT)).to_string()), []);
}

#[test]
fn a_body_that_is_still_compressed_is_found() {
    let mut packed = [Vec::new(), Vec::new(), Vec::new()];
    GzEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[0]).unwrap();
    ZlibEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[1]).unwrap();
    DeflateEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[2]).unwrap();
    // RFC 1951 section 3.2.4: a stored block whose unused bits make it look like zlib.
    let stored = [&[0x08, 9, 0, !9, !0][..], EVENT, &[1, 0, 0, !0, !0]].concat();
    for packed in packed.into_iter().chain([stored]) {
        assert_eq!(of_body(EVENT, packed.clone()), [Mistake::Body(BodyMistake::StillCompressed)], "{packed:x?}");
    }
}

#[test]
fn a_form_with_rewritten_escapes_is_found() {
    for (came, signed, digits) in [
        ("Name=AbC%3a%2fEf", "Name=AbC%3A%2FEf", "a form whose escapes have upper-case digits"),
        ("Name=AbC%3A%2FEf", "Name=AbC%3a%2fEf", "a form whose escapes have lower-case digits"),
    ] {
        let found = Mistake::Body(BodyMistake::Form { signed: digits });
        assert_eq!(of_body(signed.as_bytes(), came), [found], "{came}");
    }
}

#![no_main]
//! Multipart forms: a field is read as it was written, and no other bytes are taken for a field.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Scheme, Timestamp, Verifier};
use countersign_tests::verdict::each_way;
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const TOKEN: &str = "f3b1c0d1-5f6e-4d0c-9a55-3a1b7a5c7f3e";

const TOML: &str = r#"
name = "Form"
[signature]
algorithm = "token"
header = "token"
[event]
id = "{form:id}"
type = "{form:kind}"
"#;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let scheme = Scheme::from_toml("form", TOML).expect("the file is right");
    Verifier::new(&scheme, TOKEN).expect("the token fits")
});

const NAMES: [&str; 6] = ["id", "kind", "other", "file\"; x=\"", "file; name=id", "file\"; filename=\"name=kind"];

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    if kind % 2 == 0 { hostile(data) } else { written(data) }
});

/// The first line is the content type. The rest is the body.
fn hostile(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let Some((id, _)) = read(&data[..end], &data[end + 1..]) else { return };
    let body = String::from_utf8_lossy(&data[end + 1..]).into_owned();
    let is_form = !data[..end].to_ascii_lowercase().contains(&b';');
    assert!(is_form || body.contains(&id) || body.contains('%') || body.contains('+'), "{id} stands nowhere");
}

/// Fields, each with a byte for the name, a byte for the length, and the value.
fn written(mut data: &[u8]) {
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    while let [name, length, rest @ ..] = data {
        let (value, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        fields.push((NAMES[usize::from(*name) % NAMES.len()], value));
        data = rest;
    }
    let boundary = "xYzZY";
    // No writer chooses a boundary that occurs in a value.
    if fields.len() > 1000 || fields.iter().any(|(_, value)| value.windows(5).any(|part| part == boundary.as_bytes())) {
        return;
    }
    let mut body = Vec::new();
    for (name, value) in &fields {
        let name = name.replace('"', "%22");
        body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    let of = |wanted: &str| {
        let mut values = fields.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let first = values.next()?;
        values.all(|value| value == first).then(|| std::str::from_utf8(first).ok().map(str::to_owned)).flatten()
    };
    let content_type = format!("multipart/form-data; boundary={boundary}");
    for read in read(content_type.as_bytes(), &body).iter() {
        assert_eq!(Some(&read.0), of("id").as_ref());
        assert!(read.1.is_none() || read.1 == of("kind"));
    }
    if let Some(id) =
        of("id").filter(|id| !id.is_empty() && id.len() < 100 && id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        assert_eq!(read(content_type.as_bytes(), &body).map(|read| read.0), Some(id));
    }
}

/// The event's id, if there is one, and its type.
fn read(content_type: &[u8], body: &[u8]) -> Option<(String, Option<String>)> {
    let content_type = HeaderValue::from_bytes(content_type).ok()?;
    let request = Request::post("/").header("token", TOKEN).header("content-type", content_type);
    let request = request.body(Bytes::copy_from_slice(body)).expect("a request");
    let accepted = each_way(&VERIFIER, &request, NOW, &[3]).expect("the token is right");
    accepted.event_id.map(|(id, _)| (id, accepted.event_type.map(|(kind, _)| kind)))
}

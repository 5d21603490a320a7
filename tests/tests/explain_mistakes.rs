//! The mistakes that people make with headers, bodies, schemes, secrets, times and URLs, one of each kind: what is found, to
//! the letter, and what is said of it.

use std::{io::Read as _, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use bytes::Bytes;
use countersign::{
    BodyMistake, Cause, Certainty, Explanation, HeaderMistake, Mistake, Problem, ProviderMistake, Rejection,
    RuleMistake, Scheme, SecretError, SecretMistake, Setup, Signer, TimeMistake, Timestamp, UrlMistake, providers,
};
use countersign_tests::endpoint::Endpoint;
use flate2::{
    Compression,
    read::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, Request};
use sha2::Sha256;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_767_225_600;

/// A scheme of a time, an order number and the body.
const ORDERS: &str = r#"
name = "Acme"
[signature]
algorithm = "hmac-sha256"
header = "Acme-Signature"
value = "v1={hex}"
signs = "{timestamp}.{header:Acme-Order}.{body}"
[timestamp]
header = "Acme-Time"
format = "seconds"
tolerance = "5m"
"#;

/// A scheme of the URL and the body.
const URLS: &str = r#"
name = "Acme"
[signature]
algorithm = "hmac-sha256"
header = "Acme-Signature"
value = "{hex}"
signs = "{url}\n{body}"
"#;

fn own(file: &str) -> Scheme {
    Scheme::from_toml("acme", file).unwrap()
}

/// A scheme of a time in a format.
fn timed(format: &str, signs: &str) -> Scheme {
    own(&timed_file(format, signs))
}

fn timed_file(format: &str, signs: &str) -> String {
    format!(
        "name = 'Acme'\n[signature]\nalgorithm = 'hmac-sha256'\nheader = 'Acme-Signature'\nvalue = '{{hex}}'\n\
         signs = '{signs}'\n[timestamp]\nheader = 'Acme-Time'\nformat = '{format}'\ntolerance = '5m'\n"
    )
}

/// A scheme of these parts, without a time.
fn timeless(algorithm: &str, signs: &str) -> Scheme {
    own(&format!(
        "name = 'Acme'\n[signature]\nalgorithm = '{algorithm}'\nheader = 'Acme-Signature'\nvalue = '{{hex}}'\n\
         signs = \"{signs}\"\n"
    ))
}

fn order(body: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::post("/in").header("content-type", "application/json").header("acme-order", "17");
    request.header("acme-id", "evt-1").body(body.into()).unwrap()
}

fn sign(scheme: &Scheme, request: Request<Bytes>, at: Timestamp) -> Request<Bytes> {
    Signer::new(scheme, SECRET).unwrap().sign(request, at).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

fn setup(scheme: &Scheme) -> Setup {
    Setup::new(scheme).unwrap().secret("endpoint", SECRET)
}

fn with_another_secret(scheme: &Scheme) -> Setup {
    Setup::new(scheme).unwrap().secret("endpoint", "another secret of this test, altogether")
}

fn explain(setup: &Setup, request: &Request<Bytes>, now: Timestamp) -> Explanation {
    countersign::explain(setup, request, request.body(), now)
}

fn mistakes(explanation: &Explanation, certainty: Certainty) -> Vec<Mistake> {
    let causes = explanation.causes().iter().filter(|cause| cause.certainty() == certainty);
    causes.map(|cause| cause.mistake().clone()).collect()
}

fn proven(setup: &Setup, request: &Request<Bytes>) -> Vec<Mistake> {
    mistakes(&explain(setup, request, now()), Certainty::Proven)
}

fn indicated(setup: &Setup, request: &Request<Bytes>) -> Vec<Mistake> {
    let explanation = explain(setup, request, now());
    assert_eq!(mistakes(&explanation, Certainty::Proven), []);
    mistakes(&explanation, Certainty::Indicated)
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// Takes a header away and hands back its value.
fn taken(headers: &mut HeaderMap, header: &str) -> String {
    headers.remove(header).unwrap().to_str().unwrap().to_owned()
}

fn rename(headers: &mut HeaderMap, from: &'static str, to: &'static str) {
    let value = headers.remove(from).unwrap();
    headers.insert(to, value);
}

fn renamed(expected: &'static str, found: &'static str) -> Mistake {
    Mistake::Header(HeaderMistake::Renamed { expected: name(expected), found: name(found) })
}

#[test]
fn every_header_that_a_scheme_reads_is_found_under_another_name() {
    let scheme = own(ORDERS);
    for (own, other) in [
        ("acme-signature", "x-acme-signature"),
        ("acme-time", "http_acme_time"),
        ("acme-order", "x-original-acme-order"),
    ] {
        let mut request = sign(&scheme, order("{}"), now());
        rename(request.headers_mut(), own, other);
        assert_eq!(proven(&setup(&scheme), &request), [renamed(own, other)]);
        // With another secret nothing is proven, but the name tells.
        assert!(indicated(&with_another_secret(&scheme), &request).contains(&renamed(own, other)));
    }
}

#[test]
fn a_header_that_is_there_several_times_is_found() {
    let scheme = own(ORDERS);
    let header = name("acme-signature");
    let forged = format!("v1={:064}", 0);
    let several = |make: &dyn Fn(&str) -> Vec<String>| {
        let mut request = sign(&scheme, order("{}"), now());
        let tag = taken(request.headers_mut(), "acme-signature");
        for line in make(&tag) {
            request.headers_mut().append("acme-signature", line.parse().unwrap());
        }
        proven(&setup(&scheme), &request)
    };
    let repeated = [Mistake::Header(HeaderMistake::Repeated { header: header.clone() })];
    let joined = [Mistake::Header(HeaderMistake::Joined { header: header.clone() })];
    let layout = [Mistake::Header(HeaderMistake::Layout { header })];
    assert_eq!(several(&|tag| vec![forged.clone(), tag.into()]), repeated);
    assert_eq!(several(&|tag| vec![format!("{forged}, {tag}")]), joined);
    assert_eq!(several(&|tag| vec![format!("{forged},{forged},{tag}")]), joined);
    assert_eq!(several(&|tag| vec![tag["v1=".len()..].to_owned()]), layout);
}

#[test]
fn a_header_that_was_split_into_many_lines_is_found() {
    let scheme = providers::STRIPE.scheme().unwrap();
    let mut request = sign(&scheme, order("{}"), now());
    let value = taken(request.headers_mut(), "stripe-signature");
    for line in value.split(',').chain(["v0=00", "v0=01"]) {
        request.headers_mut().append("stripe-signature", line.parse().unwrap());
    }
    let split = HeaderMistake::Split { header: name("stripe-signature") };
    assert_eq!(proven(&setup(&scheme), &request), [Mistake::Header(split)]);
}

#[test]
fn as_many_headers_are_looked_at_as_servers_let_through() {
    let scheme = own(ORDERS);
    let mut request = sign(&scheme, order("{}"), now());
    rename(request.headers_mut(), "acme-signature", "x-acme-signature");
    for number in request.headers().len()..128 {
        request.headers_mut().insert(HeaderName::try_from(format!("x-{number}")).unwrap(), "1".parse().unwrap());
    }
    assert_eq!(proven(&setup(&scheme), &request), [renamed("acme-signature", "x-acme-signature")]);
    request.headers_mut().insert("x-128", "1".parse().unwrap());
    assert_eq!(proven(&setup(&scheme), &request), []);
}

/// What is found where `came` was received and `signed` was signed.
fn of_body(signed: &[u8], came: impl Into<Bytes>) -> Vec<Mistake> {
    let scheme = own(ORDERS);
    let mut request = sign(&scheme, order(signed.to_vec()), now());
    *request.body_mut() = came.into();
    proven(&setup(&scheme), &request)
}

const EVENT: &[u8] = b"{\"id\":17}";

#[test]
fn a_body_inside_of_a_document_is_found_with_its_place() {
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
        (format!("{nine}\r\n{{\"id\":17}}\r\n0\r\n\r\n"), Some("with the marks of its chunks")),
        ("4\r\n{\"id\r\n5\r\n\":17}\r\n0\r\n\r\n".to_owned(), Some("with the marks of its chunks")),
        ("4\r\n{\"id\r\n5\r\n\":17}\r\n0\r\n".to_owned(), None),
        (format!("0{nine}\r\n{{\"id\":17}}\r\n0\r\n\r\n"), None),
    ] {
        let found = encoding.map(|encoding| Mistake::Body(BodyMistake::Encoded { encoding }));
        assert_eq!(of_body(EVENT, came.clone()), Vec::from_iter(found), "{came}");
    }
    let in_string = serde_json::json!("{\"id\":17}").to_string();
    let found = Mistake::Body(BodyMistake::Encoded { encoding: "taken out of a JSON string" });
    assert_eq!(of_body(in_string.as_bytes(), EVENT), [found]);
    // One in the other is nobody's mistake.
    assert_eq!(of_body(EVENT, serde_json::json!(STANDARD.encode(EVENT)).to_string()), []);
}

#[test]
fn a_body_that_is_still_compressed_is_found() {
    let mut packed = [Vec::new(), Vec::new(), Vec::new()];
    GzEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[0]).unwrap();
    ZlibEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[1]).unwrap();
    DeflateEncoder::new(EVENT, Compression::best()).read_to_end(&mut packed[2]).unwrap();
    // RFC 1951 section 3.2.4: a block that is stored, behind bits that mean nothing and make it look like zlib.
    let stored = [&[0x08, 9, 0, !9, !0][..], EVENT, &[1, 0, 0, !0, !0]].concat();
    for packed in packed.into_iter().chain([stored]) {
        assert_eq!(of_body(EVENT, packed.clone()), [Mistake::Body(BodyMistake::StillCompressed)], "{packed:x?}");
    }
}

#[test]
fn a_form_whose_escapes_were_written_anew_is_found() {
    for (came, signed, digits) in [
        ("Name=AbC%3a%2fEf", "Name=AbC%3A%2FEf", "a form whose escapes have upper-case digits"),
        ("Name=AbC%3A%2FEf", "Name=AbC%3a%2fEf", "a form whose escapes have lower-case digits"),
    ] {
        let found = Mistake::Body(BodyMistake::Form { signed: digits });
        assert_eq!(of_body(signed.as_bytes(), came), [found], "{came}");
    }
}

#[test]
fn a_delivery_of_another_provider_is_found() {
    let github = providers::GITHUB.scheme().unwrap();
    let other = |ids: &[&'static str]| Mistake::Provider(ProviderMistake::Other { ids: ids.to_vec() });
    let stripe = sign(&providers::STRIPE.scheme().unwrap(), order("{}"), now());
    assert_eq!(proven(&setup(&github), &stripe), [other(&["stripe"])]);

    // Its key is made of the secret otherwise.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let request = Request::post("/in").header("webhook-id", "evt-1").body("{}").unwrap();
    let request = Signer::new(providers::STANDARD_WEBHOOKS, secret).unwrap().sign(request, now()).unwrap();
    let found = proven(&Setup::new(&github).unwrap().secret("endpoint", secret), &request);
    let [Mistake::Provider(ProviderMistake::Other { ids })] = &found[..] else { panic!("{found:?}") };
    assert!(ids.contains(&"standard-webhooks"), "{ids:?}");
}

#[test]
fn the_signature_headers_of_others_tell_which_providers_it_may_be() {
    let stripe = providers::STRIPE.scheme().unwrap();
    let request = Request::post("/in").header("X-Hub-Signature-256", format!("sha256={:064}", 0));
    let request = request.header("X-Line-Signature", "AAAA").body(Bytes::new()).unwrap();
    let found = indicated(&setup(&stripe), &request);
    let Some(Mistake::Provider(ProviderMistake::OtherHeader { header, ids })) = found.first() else {
        panic!("{found:?}")
    };
    // Several providers have this header, and the other one is not theirs.
    assert_eq!(header, "x-hub-signature-256");
    assert!(ids.contains(&"github") && ids.contains(&"facebook-meta") && !ids.contains(&"line"), "{ids:?}");

    // Everybody sends this one.
    let request = Request::post("/in").header("Authorization", format!("Bearer {SECRET}")).body(Bytes::new()).unwrap();
    let found = explain(&setup(&stripe), &request, now());
    assert_eq!(found.causes().iter().map(Cause::code).collect::<Vec<_>>(), ["missing_signature"]);
}

#[test]
fn what_the_sender_signs_in_place_of_what_the_scheme_says_is_found() {
    let content = |scheme: &Scheme, sent: &Scheme| {
        let found = proven(&setup(scheme), &sign(sent, order("{}"), now()));
        let [Mistake::Rule(RuleMistake::Content { signed })] = found[..] else { panic!("{found:?}") };
        signed
    };
    let with_id = |signs| own(&format!("{}[id]\nheader = 'Acme-Id'\n", timed_file("seconds", signs)));
    let timed = |signs| timed("seconds", signs);
    let timeless = |signs| timeless("hmac-sha256", signs);
    assert_eq!(content(&timed("{timestamp}.{body}"), &timed("{timestamp}:{body}")), "{timestamp}:{body}");
    assert_eq!(content(&timeless("{method}\\n{body}"), &timeless("{body}")), "{body}");
    assert_eq!(
        content(&with_id("{id}.{timestamp}.{body}"), &with_id("{timestamp}.{id}.{body}")),
        "{timestamp}.{id}.{body}"
    );
    // Where the scheme has no id, an empty one is not signed either.
    let mut request = sign(&timeless(".{body}"), order("{}"), now());
    request.headers_mut().insert("acme-time", NOW.into());
    assert_eq!(proven(&setup(&timed("{timestamp}.{body}")), &request), []);
}

#[test]
fn another_hash_function_is_found_in_an_hmac_and_in_a_plain_hash() {
    for (scheme, sent, expected, found) in
        [("hmac-sha256", "hmac-sha512", "sha256", "sha512"), ("sha512", "sha256", "sha512", "sha256")]
    {
        let signs = "{secret}.{body}";
        let request = sign(&timeless(sent, signs), order("{}"), now());
        let hash = RuleMistake::Hash { expected, found };
        assert_eq!(proven(&setup(&timeless(scheme, signs)), &request), [Mistake::Rule(hash)]);
    }
    // The label in front of it goes with the hash.
    let scheme = own(&ORDERS.replace("v1={hex}", "sha256={hex}"));
    let sent = own(&ORDERS.replace("v1={hex}", "sha1={hex}").replace("hmac-sha256", "hmac-sha1"));
    let found = proven(&setup(&scheme), &sign(&sent, order("{}"), now()));
    let layout = HeaderMistake::Layout { header: name("acme-signature") };
    let hash = RuleMistake::Hash { expected: "sha256", found: "sha1" };
    assert_eq!(found, [Mistake::Rule(hash), Mistake::Header(layout)]);
}

const SECONDS: &str = "decimal seconds since 1970";
const MILLISECONDS: &str = "decimal milliseconds since 1970";

#[test]
fn another_format_of_the_time_is_found() {
    for (scheme, sent, mistake) in [
        ("seconds", "rfc3339", TimeMistake::Format { expected: SECONDS, found: "an RFC 3339 time with a zone" }),
        ("rfc3339", "seconds", TimeMistake::Format { expected: "an RFC 3339 time with a zone", found: SECONDS }),
        ("seconds", "milliseconds", TimeMistake::Unit { expected: SECONDS, found: MILLISECONDS }),
    ] {
        // Where nothing stands behind the time, its length is fixed.
        let signs = "{timestamp}{body}";
        let request = sign(&timed(sent, signs), order("{}"), now());
        assert_eq!(proven(&setup(&timed(scheme, signs)), &request), [Mistake::Time(mistake)], "{scheme} {sent}");
    }
}

/// A time of 1990, a little more than 20 years of 365 days after 1970.
const EARLY: Timestamp = Timestamp::from_unix_millis(631_351_351_000);

#[test]
fn a_unit_is_the_mistake_if_the_time_is_absurd_in_the_one_and_recent_in_the_other() {
    let year = 365 * 24 * 60 * 60 * 1000;
    let unit = |expected, found| Some(TimeMistake::Unit { expected, found });
    let to_seconds = unit("seconds", "milliseconds");
    let to_milliseconds = unit("milliseconds", "seconds");
    let millis = Timestamp::from_unix_millis;
    let seconds = Timestamp::from_unix_seconds;
    for (format, sent, now, mistake) in [
        ("seconds", seconds(NOW * 1000), now(), &to_seconds),
        ("seconds", seconds(NOW * 1000 + 5 * year - 1), now(), &to_seconds),
        ("seconds", seconds(NOW * 1000 + 5 * year), now(), &None),
        ("seconds", seconds(5), now(), &None),
        ("milliseconds", millis(NOW), now(), &to_milliseconds),
        ("milliseconds", millis(631_351_000), EARLY, &None),
        ("milliseconds", millis(630_999), EARLY, &None),
        ("milliseconds", millis(631_350_999), EARLY, &to_milliseconds),
    ] {
        let scheme = timed(format, "{timestamp}.{body}");
        let request = sign(&scheme, order("{}"), sent);
        let found = mistakes(&explain(&setup(&scheme), &request, now), Certainty::Proven);
        let [Mistake::Time(found)] = &found[..] else { panic!("{format} {sent}: {found:?}") };
        let found = Some(found.clone()).filter(|found| matches!(found, TimeMistake::Unit { .. }));
        assert_eq!(found, *mistake, "{format} {sent}");
    }
}

/// With another secret, so that the text of the time is all that tells.
#[test]
fn the_text_of_a_time_tells_what_it_is() {
    let format = |expected, found| vec![Mistake::Time(TimeMistake::Format { expected, found })];
    let with_time = |scheme: &Scheme, text: &str| {
        let mut request = sign(scheme, order("{}"), now());
        request.headers_mut().insert("acme-time", text.parse().unwrap());
        request
    };
    let rfc3339 = "an RFC 3339 time with a zone";
    for (own, text, found) in [
        ("rfc3339", "1767225600", format(rfc3339, SECONDS)),
        ("rfc3339", "1767225600000", format(rfc3339, MILLISECONDS)),
        ("rfc3339", "Thu, 01 Jan 2026 00:00:00 GMT", format(rfc3339, "an HTTP date")),
        ("rfc3339", "2026-01-01T00:00:00", format(rfc3339, "an RFC 3339 time")),
        ("seconds", "2026-01-01T00:00:00Z", format(SECONDS, rfc3339)),
        ("seconds", "1767225600.123", format(SECONDS, "seconds with a fraction")),
        ("seconds", "1767225600.", vec![]),
        ("seconds", ".123", vec![]),
        ("seconds", "now.123", vec![]),
        ("seconds", "1767225600.now", vec![]),
        ("seconds", "1767225600:123", vec![]),
    ] {
        let scheme = timed(own, "{timestamp}.{body}");
        let mut told = indicated(&with_another_secret(&scheme), &with_time(&scheme, text));
        told.retain(|mistake| matches!(mistake, Mistake::Time(_)));
        assert_eq!(told, found, "{own} {text}");
    }

    // A number of milliseconds can be read as seconds: as too late a time, and as one of too many digits.
    let unit = Mistake::Time(TimeMistake::Unit { expected: "seconds", found: "milliseconds" });
    for signs in ["{timestamp}.{body}", "{timestamp}{body}"] {
        let scheme = timed("seconds", signs);
        let request = with_time(&scheme, "1767225600000");
        assert!(indicated(&with_another_secret(&scheme), &request).contains(&unit), "{signs}");
        // Where the time is not what the refusal is about, nothing is said of it.
        let any = with_another_secret(&scheme).tolerance(Duration::MAX);
        let told = indicated(&any, &request);
        assert_eq!(told.contains(&unit), signs == "{timestamp}{body}", "{told:?}");
    }
    for text in ["1767225600000", "2026-01-01T00:00:00Z"] {
        let scheme = timed("seconds", "{timestamp}.{body}");
        let mut unsigned = with_time(&scheme, text);
        unsigned.headers_mut().remove("acme-signature");
        let told = indicated(&setup(&scheme), &unsigned);
        assert!(matches!(told[..], [Mistake::Stated { code: "missing_signature", .. }]), "{text}: {told:?}");
    }
}

#[test]
fn a_time_that_was_written_anew_is_found_in_both_directions() {
    let seconds = timed("seconds", "{timestamp}.{body}");
    let replaced = |by, later| vec![Mistake::Time(TimeMistake::Replaced { by: Duration::from_secs(by), later })];
    for (scheme, signed, came, body, found) in [
        (&seconds, NOW, NOW + 2, 2, replaced(2, true)),
        (&seconds, NOW, NOW - 3, 2, replaced(3, false)),
        (&seconds, NOW, NOW - 1, 16 << 10, replaced(1, false)),
        // Hundreds of times are not tried with a longer one.
        (&seconds, NOW, NOW - 1, (16 << 10) + 1, vec![]),
    ] {
        let mut request = sign(scheme, order(vec![b'x'; body]), Timestamp::from_unix_seconds(signed));
        request.headers_mut().insert("acme-time", came.to_string().parse().unwrap());
        assert_eq!(proven(&setup(scheme), &request), found, "{came} {body}");
    }
    // Milliseconds would be too many to try.
    let millis = timed("milliseconds", "{timestamp}.{body}");
    let mut request = sign(&millis, order("{}"), now());
    request.headers_mut().insert("acme-time", ((NOW - 1) * 1000).to_string().parse().unwrap());
    assert_eq!(proven(&setup(&millis), &request), []);
}

/// The mistakes that a line of a log tells, each of which it may only indicate.
fn logged(code: &str, reason: &str) -> Vec<Mistake> {
    mistakes(&Explanation::of_log(code, reason).unwrap(), Certainty::Indicated)
}

#[test]
fn the_durations_of_a_log_line_are_read_to_the_millisecond() {
    let tolerance = Duration::from_secs(300);
    for (text, millis) in [("412s", 412_000), ("500ms", 500), ("1.5s", 1500), ("1.234s", 1234)] {
        let by = Duration::from_millis(millis);
        let old = format!("the timestamp is {text} old; the tolerance is 300s");
        assert_eq!(logged("timestamp_too_old", &old), [Mistake::Time(TimeMistake::Stale { by, tolerance })]);
        let ahead = format!("the timestamp is {text} in the future; the tolerance is 300s");
        assert_eq!(logged("timestamp_in_future", &ahead), [Mistake::Time(TimeMistake::Ahead { by, tolerance })]);
    }
    for text in [".5s", "+5s", "1.+5s", "1.2345s", "5m", "s", "0ns"] {
        let told = logged("timestamp_too_old", &format!("the timestamp is {text} old; the tolerance is 300s"));
        assert!(matches!(told[..], [Mistake::Stated { .. }]), "{text}: {told:?}");
    }
}

#[test]
fn whole_hours_alone_are_a_time_zone() {
    let hour = Duration::from_secs(3600);
    let zones = |code, text: &str| -> Vec<_> {
        let told = logged(code, &format!("the timestamp is {text}; the tolerance is 300s"));
        told.into_iter().skip(1).collect()
    };
    let zone = |by, ahead| [Mistake::Time(TimeMistake::Zone { by, ahead })];
    assert_eq!(zones("timestamp_in_future", "7197s in the future"), zone(2 * hour, true));
    assert_eq!(zones("timestamp_too_old", "3603.25s old"), zone(hour, false));
    for text in ["5000s old", "1803s old", "97203s old"] {
        assert_eq!(zones("timestamp_too_old", text), [], "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_value_decides_on_the_advice() {
    let missing = "is a secret set there";
    let empty = "the sender has no secret set";
    let rejection = |problem| Rejection::MalformedSignature { place: "header `acme-signature`".into(), problem };
    let of_rejection = |rejection: &Rejection| {
        mistakes(&Explanation::of_rejection(rejection), Certainty::Indicated).iter().map(Mistake::to_string).collect()
    };
    let of_log = |code, reason: &str| logged(code, reason).iter().map(Mistake::to_string).collect::<Vec<_>>();
    for (problem, advice) in [(Problem::Empty, empty), (Problem::TooLong, "something puts more into it")] {
        let told: Vec<String> = of_rejection(&rejection(problem));
        assert!(matches!(&told[..], [told] if told.contains(advice)), "{told:?}");
        assert_eq!(of_log("malformed_signature", &rejection(problem).to_string()), told);
    }
    // Of a line that says no more, or is of another kind, it is the code that decides.
    let told = of_log("malformed_signature", "cut\u{1b}[31m off");
    assert!(told[0].starts_with("cut[31m off: is it this provider's request"), "{told:?}");
    let told = of_log("missing_signature", "the signature is empty");
    assert!(told[0].contains(missing) && !told[0].contains(empty), "{told:?}");
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn of_secret(key: &str, mistake: SecretMistake) -> Mistake {
    Mistake::Secret { key: key.into(), mistake }
}

#[test]
fn a_secret_in_another_encoding_is_told_by_what_it_is() {
    let scheme = |secret: &str| own(&format!("{ORDERS}[secret]\n{secret}\n"));
    let request = |key: &[u8]| {
        let signer = Signer::new(scheme("encoding = 'hex'"), hex(key)).unwrap();
        signer.sign(order("{}"), now()).unwrap()
    };
    let key: Vec<u8> = (0..30).map(|byte| byte * 8 + 7).collect();
    let (base64, url, hex) = (STANDARD.encode(&key), URL_SAFE.encode(&key), hex(&key));
    assert_ne!(base64, url);
    for (rule, configured, pasted, signed) in [
        ("encoding = 'utf8'", "text", &*hex, "the bytes that it is the hex of"),
        ("encoding = 'utf8'", "text", &*base64, "the bytes that it is the base64 of"),
        ("encoding = 'utf8'", "text", &*url, "the bytes that it is the base64url of"),
        ("encoding = 'base64'", "base64", &*hex, "the bytes that it is the hex of"),
    ] {
        let setup = Setup::new(scheme(rule)).unwrap().secret("endpoint", pasted);
        let mistake = SecretMistake::Encoding { configured, signed };
        assert_eq!(proven(&setup, &request(&key)), [of_secret("endpoint", mistake)], "{rule} {pasted}");
    }
    let setup = Setup::new(scheme("strip = 'whsec_'\nencoding = 'base64'")).unwrap();
    let setup = setup.secret("endpoint", format!("whsec_{base64}"));
    let mistake = SecretMistake::Encoding { configured: "base64", signed: "the text behind its prefix" };
    assert_eq!(proven(&setup, &request(base64.as_bytes())), [of_secret("endpoint", mistake)]);
}

#[test]
fn a_secret_that_was_pasted_with_its_name_is_found() {
    let request = |secret: &str| Signer::new(own(ORDERS), secret).unwrap().sign(order("{}"), now()).unwrap();
    let stray = || vec![of_secret("endpoint", SecretMistake::Stray { at_sender: false })];
    // In letters that the name of a variable can have, too: what stands behind it is its padding.
    let padded = "ABCDEFGHIJKLMNOPQRSTUVWXYZ2345==";
    for (pasted, secret, found) in [
        (format!("ACME_SECRET_2={SECRET}"), SECRET, stray()),
        (format!("export ACME_SECRET_2=\"{SECRET}\""), SECRET, stray()),
        (format!("ACME_PRODUCTION_WEBHOOK_SIGNING_SECRET_17={SECRET}"), SECRET, stray()),
        (format!("secret={SECRET}"), SECRET, vec![]),
        (format!("={SECRET}"), SECRET, vec![]),
        (format!("'{padded}'"), padded, stray()),
    ] {
        let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", &*pasted);
        assert_eq!(proven(&setup, &request(secret)), found, "{pasted}");
    }
}

/// A sender without a secret is no sender of what stands behind the prefix of another.
#[test]
fn a_prefix_with_nothing_behind_it_is_not_taken_away() {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(format!("{NOW}.17.{{}}").as_bytes());
    let mut request = order("{}");
    let signature = format!("v1={}", hex(&mac.finalize().into_bytes()));
    request.headers_mut().insert("acme-time", NOW.to_string().parse().unwrap());
    request.headers_mut().insert("acme-signature", signature.parse().unwrap());
    let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", "acme_");
    assert_eq!(proven(&setup, &request), [of_secret("the sender's", SecretMistake::Unset)]);
}

#[test]
fn a_public_key_that_lost_its_lines_is_found() {
    let scheme = |secret: &str| {
        let signature = "algorithm = 'ed25519'\nheader = 'Acme-Signature'\nvalue = '{hex}'\nsigns = '{body}'\n";
        own(&format!("name = 'Acme'\n[signature]\n{signature}[secret]\n{secret}\n"))
    };
    let pem = include_str!("../vectors/keys/ed25519.pub.pem").trim();
    let private = include_str!("../vectors/keys/ed25519.pem");
    let request = Signer::new(scheme(""), private).unwrap().sign(order("{}"), now()).unwrap();
    let in_one_line = pem.replace('\n', "\\n");
    let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
    for (rule, pasted, is_found) in [
        ("", pem.to_owned(), false),
        ("", in_one_line.clone(), false),
        ("", format!("ACME_KEY=\"{pem}\""), false),
        ("", format!("ACME_KEY=\"{in_one_line}\""), false),
        ("", format!("ACME_KEY={}", pem.replace('\n', " ")), false),
        ("", format!("as of 2026: {pem} (new)"), false),
        ("", pem.replace('\n', "\u{a0}\n"), true),
        ("", pem.trim_end_matches(" PUBLIC KEY-----").to_owned(), true),
        ("encoding = 'hex'", format!("'{}'", hex(&der[der.len() - 32..])), true),
    ] {
        let setup = Setup::new(scheme(rule)).unwrap().secret("endpoint", &*pasted);
        let explanation = explain(&setup, &request, now());
        let stray = is_found.then(|| of_secret("endpoint", SecretMistake::Stray { at_sender: false }));
        assert_eq!(mistakes(&explanation, Certainty::Proven), Vec::from_iter(stray), "{pasted} {explanation}");
        assert_eq!(explanation.is_accepted(), !is_found, "{pasted}");
    }
}

#[test]
fn a_secret_of_another_environment_is_told_where_both_tell_theirs() {
    let other = |secret: &'static str, delivery| SecretMistake::Environment { secret, delivery };
    for (secret, body, found) in [
        ("acme_live_0123456789abcdef", "{\"test\":true}", Some(other("live", "test"))),
        ("acme_test_0123456789abcdef", "{\"test\":false}", Some(other("test", "live"))),
        ("acme_test_0123456789abcdef", "{\"livemode\":true}", Some(other("test", "live"))),
        ("acme-prod-0123456789abcdef", "{\"env\":\"Sandbox\"}", Some(other("live", "test"))),
        ("acme_live_0123456789abcdef", "{\"test\":false}", None),
        ("acme_live_0123456789abcdef", "{\"env\":\"other\"}", None),
        ("acme_0123456789abcdef", "{\"test\":true}", None),
    ] {
        let setup = Setup::new(own(ORDERS)).unwrap().secret("endpoint", secret);
        let mut told = indicated(&setup, &sign(&own(ORDERS), order(body), now()));
        told.retain(|mistake| matches!(mistake, Mistake::Secret { mistake: SecretMistake::Environment { .. }, .. }));
        assert_eq!(told, Vec::from_iter(found.map(|found| of_secret("endpoint", found))), "{secret} {body}");
    }
}

#[test]
fn a_secret_that_begins_as_the_scheme_says_is_no_other_credential() {
    for (rule, is_other) in [("strip = 'sk_'", false), ("strip = 'whsec_'", true), ("encoding = 'utf8'", false)] {
        let scheme = own(&format!("{ORDERS}[secret]\n{rule}\n"));
        let setup = Setup::new(&scheme).unwrap().secret("endpoint", "sk_0123456789abcdef0123456789abcdef");
        let told = indicated(&setup, &order("{}"));
        let is_told =
            told.iter().any(|told| matches!(told, Mistake::Secret { mistake: SecretMistake::Kind { .. }, .. }));
        assert_eq!(is_told, is_other, "{rule}: {told:?}");
    }
}

/// And is not said to be in the wrong encoding.
#[test]
fn a_secret_that_is_empty_is_told_as_it_is() {
    for rule in ["encoding = 'utf8'", "encoding = 'hex'", "encoding = 'base64'"] {
        let scheme = own(&format!("{ORDERS}[secret]\n{rule}\n"));
        for (text, error) in [("", SecretError::Empty), ("  ", SecretError::Blank)] {
            let setup = Setup::new(&scheme).unwrap().secret("endpoint", text);
            let told = indicated(&setup, &order("{}"));
            assert_eq!(told, [of_secret("endpoint", SecretMistake::Unusable(error))], "{rule}");
        }
    }
}

#[test]
fn the_secret_of_another_endpoint_is_named() {
    let scheme = own(ORDERS);
    let setup = with_another_secret(&scheme).other_secret("sandbox", "yet another secret of this test");
    let setup = setup.other_secret("shop", SECRET);
    let request = sign(&scheme, order("{}"), now());
    assert_eq!(proven(&setup, &request), [of_secret("shop", SecretMistake::OfAnotherEndpoint)]);
}

#[test]
fn each_secret_of_which_no_key_can_be_made_is_named() {
    let scheme = own(&format!("{ORDERS}[secret]\nencoding = 'hex'\n"));
    let setup = Setup::new(&scheme).unwrap().secret("old", "not in hex").secret("new", "neither is this");
    let told = indicated(&setup, &sign(&own(ORDERS), order("{}"), now()));
    let keys = told.iter().filter_map(|mistake| match mistake {
        Mistake::Secret { key, mistake: SecretMistake::Unusable(_) } => Some(&**key),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["old", "new"]);
}

#[test]
fn a_public_key_is_looked_at_as_what_it_is() {
    let endpoint = Endpoint::find("discord");
    let public = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";
    assert_eq!(endpoint.secret, public);
    let request = endpoint.sample();
    let explain = |setup: Setup| {
        let explanation = countersign::explain(&setup, &request, request.body(), now());
        (mistakes(&explanation, Certainty::Proven), mistakes(&explanation, Certainty::Indicated))
    };
    let setup = || Setup::new(&endpoint.scheme).unwrap();
    let base64 = "DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq/R2GZP0=";
    let mistake = SecretMistake::Encoding { configured: "hex-any-case", signed: "the bytes that it is the base64 of" };
    assert_eq!(explain(setup().secret("endpoint", base64)), (vec![of_secret("endpoint", mistake)], vec![]));

    // A key in PEM is none in hex, and as good.
    let other = include_str!("../vectors/keys/other-ed25519.pub.pem");
    assert_eq!(explain(setup().secret("endpoint", other)), (vec![], vec![]));
    let (proven, told) = explain(setup().secret("old", other).secret("new", "no key"));
    let [Mistake::Secret { key, mistake: SecretMistake::Unusable(_) }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((proven, &**key), (vec![], "new"));
}

#[test]
fn two_mistakes_at_once_are_found_by_what_each_of_them_is() {
    let scheme = own(ORDERS);
    let stray = || of_secret("endpoint", SecretMistake::Stray { at_sender: false });
    let quoted = Setup::new(&scheme).unwrap().secret("endpoint", format!("\"{SECRET}\""));
    let mut with_line_feed = sign(&scheme, order("{}"), now());
    *with_line_feed.body_mut() = Bytes::from("{}\n");
    let mut with_name = sign(&scheme, order("{}"), now());
    rename(with_name.headers_mut(), "acme-signature", "x-acme-signature");
    let mut with_both = with_name.clone();
    *with_both.body_mut() = Bytes::from("{}\n");
    let name = renamed("acme-signature", "x-acme-signature");

    let [space] = &proven(&setup(&scheme), &with_line_feed)[..] else { panic!("no cause") };
    assert_eq!(space.code(), "body_white_space");
    assert_eq!(proven(&quoted, &with_line_feed), [stray(), space.clone()]);
    assert_eq!(proven(&quoted, &with_name), [stray(), name.clone()]);
    assert_eq!(proven(&setup(&scheme), &with_both), [name, space.clone()]);
    let shop = with_another_secret(&scheme).other_secret("shop", SECRET);
    let of_another = of_secret("shop", SecretMistake::OfAnotherEndpoint);
    assert_eq!(proven(&shop, &with_line_feed), [of_another, space.clone()]);

    let scheme = own(URLS);
    let scheme_of_url = Mistake::Url(UrlMistake::Scheme { signed: "https" });
    let slash = Mistake::Url(UrlMistake::TrailingSlash { signed: true });
    let mut request = signed_for("https://acme.example/in/");
    let quoted = Setup::new(&scheme).unwrap().secret("endpoint", format!("\"{SECRET}\""));
    assert_eq!(proven(&quoted.public_url("https://acme.example"), &request), [stray(), slash.clone()]);
    *request.body_mut() = Bytes::from("{}\n");
    let setup = setup(&scheme).public_url("http://acme.example");
    assert_eq!(proven(&setup, &request), [scheme_of_url, slash, space.clone()]);
}

/// A request to `/in` that was signed for a URL.
fn signed_for(url: &str) -> Request<Bytes> {
    let path = url[8..].find('/').map_or(url.len(), |at| at + 8);
    let signer = Signer::with_public_url(own(URLS), SECRET, &url[..path]).unwrap();
    let request = signer.sign(Request::post(&url[path..]).body(Bytes::from("{}")).unwrap(), now()).unwrap();
    let (mut parts, body) = request.into_parts();
    parts.uri = "/in".parse().unwrap();
    Request::from_parts(parts, body)
}

/// What is found where this URL was signed, this one is configured, and this one is asked for.
fn url_mistakes(
    signed: &str,
    configured: Option<&str>,
    target: &str,
    headers: &[(&'static str, &str)],
) -> Vec<UrlMistake> {
    let mut request = signed_for(signed);
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let setup = setup(&own(URLS));
    let setup = if let Some(url) = configured { setup.public_url(url) } else { setup };
    let of_url = |mistake| if let Mistake::Url(mistake) = mistake { mistake } else { panic!("{mistake:?}") };
    proven(&setup, &request).into_iter().map(of_url).collect()
}

#[test]
fn the_url_that_was_signed_is_told_part_by_part() {
    use UrlMistake::{Host, Missing, Path, Port, Query, Scheme, TrailingSlash};
    let host = |signed: &str| Host { signed: signed.into() };
    let port = |signed: Option<&str>| Port { signed: signed.map(str::to_owned) };
    let path = |signed: &str| Path { signed: signed.into() };
    let query = |change| Query { change };
    let (https, http) = (Scheme { signed: "https" }, Scheme { signed: "http" });
    let taken = "a proxy took it away or changed it";
    let alone = ("x-unrelated", "1");
    for (signed, configured, target, header, found) in [
        ("https://a.io/in", "http://a.io", "/in", alone, vec![https.clone()]),
        ("http://a.io/in", "https://a.io/", "/in", alone, vec![http.clone()]),
        ("http://a.io/prod/in", "https://a.io/prod/in", "/in", alone, vec![http.clone()]),
        ("http://acme.example/prod/in", "https://acme.example/prod/in", "/in", alone, vec![http.clone()]),
        ("https://b.io/in", "https://a.io", "/in", ("host", "b.io"), vec![host("b.io")]),
        ("https://b.io/in", "https://a.io", "/in", ("x-forwarded-host", "b.io, c.io"), vec![host("b.io")]),
        ("https://a.io/in", "https://A.io", "/in", alone, vec![host("a.io")]),
        ("https://u:p@a.io/in", "https://u:p@A.io", "/in", alone, vec![host("a.io")]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("host", "a.io:8443"), vec![port(Some("8443"))]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("x-forwarded-port", "8443"), vec![port(Some("8443"))]),
        ("https://a.io:443/in", "https://a.io", "/in", alone, vec![port(Some("443"))]),
        ("https://a.io/in", "https://a.io:80", "/in", alone, vec![port(None)]),
        ("https://a.io/in/", "https://a.io", "/in", alone, vec![TrailingSlash { signed: true }]),
        ("https://a.io/in", "https://a.io", "/in/", alone, vec![TrailingSlash { signed: false }]),
        ("https://a.io/hook/deep/in", "https://a.io/hook/deep", "/in", alone, vec![path("/hook/deep/in")]),
        ("https://a.io/in", "https://a.io/hook/deep", "/in", alone, vec![path("/in")]),
        ("https://a.io/api/in", "https://a.io", "/in", ("x-forwarded-prefix", "/api/"), vec![path("/api/in")]),
        ("https://a.io/api", "https://a.io", "/in", ("x-original-uri", "/api?b=1"), vec![path("/api")]),
        ("https://a.io/api", "https://a.io", "/in", ("x-original-url", "http://b.io/api"), vec![path("/api")]),
        ("https://a.io/in?b=1", "https://a.io", "/in", ("x-original-uri", "/in?b=1"), vec![query(taken)]),
        ("https://a.io/in", "https://a.io", "/in?b=1", alone, vec![query("it was added on the way")]),
        ("http://b.io/in", "https://a.io", "/in", ("host", "b.io"), vec![http.clone(), host("b.io")]),
        (
            "http://b.io:8443/in",
            "https://a.io",
            "/in",
            ("host", "b.io:8443"),
            vec![http, host("b.io"), port(Some("8443"))],
        ),
        // More than three mistakes make another URL.
        ("http://b.io:8443/in/", "https://a.io", "/in", ("host", "b.io:8443"), vec![]),
        // What is no host, no port or no path would make another URL of what stands around it.
        ("https://b.io/in", "https://a.io", "/in", ("x-forwarded-host", "b.io/in"), vec![]),
        ("https://a.io:8443/in", "https://a.io", "/in", ("x-forwarded-port", "8443/in"), vec![]),
        ("https://a.io.evil.example/in", "https://a.io", "/in", ("x-original-uri", ".evil.example/in"), vec![]),
        ("https://a.io//", "https://a.io", "/", alone, vec![]),
    ] {
        assert_eq!(url_mistakes(signed, Some(configured), target, &[header]), found, "{signed} {configured} {target}");
    }
    let missing = |signed: &str| [Missing { signed: signed.into() }];
    for origin in ["https://b.io", "http://b.io"] {
        assert_eq!(url_mistakes(&format!("{origin}/in"), None, "/in", &[("host", "b.io")]), missing(origin));
    }
}

#[test]
fn a_long_url_is_tried_as_long_as_servers_let_it_through() {
    let configured = "https://a.io";
    for (len, found) in [(8192, vec![UrlMistake::TrailingSlash { signed: true }]), (8193, vec![])] {
        let target = format!("/{}", "x".repeat(len - configured.len() - 1));
        assert_eq!(url_mistakes(&format!("{configured}{target}/"), Some(configured), &target, &[]), found, "{len}");
    }
    // It matters where it is signed, and nowhere else.
    let target = format!("/{}", "x".repeat(9000));
    let request = Request::post(&target).header("x-hub-signature-256", format!("sha256={:064}", 0));
    let request = request.body(Bytes::from("{}")).unwrap();
    assert!(!explain(&setup(&providers::GITHUB.scheme().unwrap()), &request, now()).is_cut_short());
}

#[test]
fn of_a_deep_path_so_many_segments_are_taken_for_what_a_proxy_put_in_front() {
    let tail =
        |first: u8| format!("/{}", (first..=20).map(|segment| segment.to_string()).collect::<Vec<_>>().join("/"));
    for (first, found) in [(15, vec![UrlMistake::Path { signed: tail(15) }]), (16, vec![])] {
        let signed = format!("https://a.io{}", tail(first));
        assert_eq!(url_mistakes(&signed, Some("https://a.io"), &tail(1), &[]), found, "{signed}");
    }
}

/// Holds a mistake to its word, and to what its text is about, not to how that is put.
#[track_caller]
fn says(mistake: &Mistake, code: &str, parts: &[&str]) {
    let text = mistake.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    assert_eq!(mistake.code(), code);
}

#[test]
fn a_mistake_with_a_header_or_a_scheme_says_which_it_is() {
    let header = || name("acme-signature");
    says(
        &Mistake::Header(HeaderMistake::Encoding { header: header(), expected: "hex", found: "base64" }),
        "signature_encoding",
        &["`acme-signature` is base64", "expects hex"],
    );
    says(&Mistake::Header(HeaderMistake::Joined { header: header() }), "header_joined", &["`acme-signature` to one"]);
    says(
        &Mistake::Header(HeaderMistake::Layout { header: header() }),
        "signature_layout",
        &["`acme-signature` is right"],
    );
    says(&renamed("acme-signature", "x-a"), "header_renamed", &["`acme-signature` arrives as `x-a`"]);
    says(&Mistake::Header(HeaderMistake::Repeated { header: header() }), "header_repeated", &["several times"]);
    says(&Mistake::Header(HeaderMistake::Split { header: header() }), "header_split", &["was split"]);
    says(&Mistake::Header(HeaderMistake::Truncated { header: header() }), "signature_truncated", &["is cut off"]);
    says(
        &Mistake::Header(HeaderMistake::Version { header: header(), found: "v0".into() }),
        "signature_version",
        &["version `v0`"],
    );
    says(
        &Mistake::Provider(ProviderMistake::Other { ids: vec!["a", "b", "c", "d"] }),
        "other_provider",
        &["as `a` or `b` or `c` or `d` does it"],
    );
    says(
        &Mistake::Provider(ProviderMistake::OtherHeader { header: header(), ids: vec!["a", "b", "c", "d", "e"] }),
        "other_provider_header",
        &["`acme-signature` is, as of `a` or `b` or `c` or `d` or others:"],
    );
    says(
        &Mistake::Rule(RuleMistake::Content { signed: "{timestamp}\n{body}" }),
        "signed_content",
        &[r"signs `{timestamp}\n{body}`"],
    );
    says(
        &Mistake::Rule(RuleMistake::Hash { expected: "sha256", found: "sha1" }),
        "signature_hash",
        &["with sha1", "expects sha256"],
    );
}

#[test]
fn a_mistake_with_a_secret_says_with_which() {
    says(&of_secret("old", SecretMistake::Case), "secret_case", &["the secret `old` are not in the case"]);
    says(
        &of_secret("old", SecretMistake::Encoding { configured: "text", signed: "hex" }),
        "secret_encoding",
        &["`old` for text", "uses hex"],
    );
    says(
        &of_secret("old", SecretMistake::Environment { secret: "live", delivery: "test" }),
        "secret_of_another_environment",
        &["`old` is of the live environment", "from the test one"],
    );
    says(&of_secret("old", SecretMistake::Escaped), "secret_escaped", &["`old` is written with the escapes"]);
    says(&of_secret("old", SecretMistake::Kind { kind: "an API key" }), "secret_kind", &["`old` is an API key"]);
    says(&of_secret("old", SecretMistake::List), "secret_list", &["`old` is a list"]);
    says(
        &of_secret("old", SecretMistake::OfAnotherEndpoint),
        "secret_of_another_endpoint",
        &["`old` made the signature"],
    );
    says(&of_secret("old", SecretMistake::Padding), "secret_padding", &["`old` is base64 without the `=`"]);
    says(&of_secret("old", SecretMistake::Placeholder), "sender_secret_placeholder", &["with a placeholder"]);
    says(&of_secret("old", SecretMistake::Prefix { missing: true }), "secret_prefix", &["`old` lacks the prefix"]);
    says(
        &of_secret("old", SecretMistake::Prefix { missing: false }),
        "secret_prefix",
        &["`old` has something in front"],
    );
    says(
        &of_secret("old", SecretMistake::Stray { at_sender: false }),
        "secret_stray_characters",
        &["stand around the secret `old`"],
    );
    says(
        &of_secret("old", SecretMistake::Stray { at_sender: true }),
        "sender_secret_stray_characters",
        &["the sender signs with the secret `old` and"],
    );
    says(&of_secret("old", SecretMistake::Unset), "sender_secret_empty", &["an empty secret"]);
    says(&of_secret("old", SecretMistake::Unusable(SecretError::Empty)), "secret_unusable", &["`old`: ", "empty"]);
}

#[test]
fn a_mistake_with_a_time_or_a_url_says_what_was_signed() {
    let by = Duration::from_millis(7_201_500);
    let tolerance = Duration::from_millis(500);
    says(
        &Mistake::Time(TimeMistake::Ahead { by, tolerance }),
        "timestamp_in_future",
        &["is 2h 1s ahead of the clock, and may be 500ms:"],
    );
    says(
        &Mistake::Time(TimeMistake::Format { expected: "seconds", found: "a date" }),
        "timestamp_format",
        &["is a date", "expects seconds"],
    );
    says(&Mistake::Time(TimeMistake::Replaced { by, later: true }), "timestamp_replaced", &["2h 1s later:"]);
    says(&Mistake::Time(TimeMistake::Replaced { by, later: false }), "timestamp_replaced", &["2h 1s earlier:"]);
    says(
        &Mistake::Time(TimeMistake::Stale { by, tolerance: Duration::from_secs(1) }),
        "timestamp_too_old",
        &["is 2h 1s old, and may be 1s:"],
    );
    says(
        &Mistake::Time(TimeMistake::Unit { expected: "seconds", found: "milliseconds" }),
        "timestamp_unit",
        &["is in milliseconds", "expects seconds"],
    );
    says(&Mistake::Time(TimeMistake::Zone { by, ahead: true }), "time_zone", &["2h 1s ahead of the clock"]);
    says(&Mistake::Time(TimeMistake::Zone { by, ahead: false }), "time_zone", &["2h 1s behind the clock"]);
    says(&Mistake::Url(UrlMistake::Host { signed: "b.io".into() }), "url_host", &["host `b.io`"]);
    says(&Mistake::Url(UrlMistake::Missing { signed: "http://b.io".into() }), "url_missing", &["it is `http://b.io`"]);
    says(&Mistake::Url(UrlMistake::Path { signed: "/in".into() }), "url_path", &["path `/in`"]);
    says(&Mistake::Url(UrlMistake::Port { signed: Some("81".into()) }), "url_port", &["the port 81:"]);
    says(&Mistake::Url(UrlMistake::Port { signed: None }), "url_port", &["without a port"]);
    says(&Mistake::Url(UrlMistake::Query { change: "it was dropped" }), "url_query", &["it was dropped"]);
    says(&Mistake::Url(UrlMistake::Scheme { signed: "http" }), "url_scheme", &["begins with `http://`"]);
    says(&Mistake::Url(UrlMistake::TrailingSlash { signed: true }), "url_trailing_slash", &["ends with a slash"]);
    says(
        &Mistake::Url(UrlMistake::TrailingSlash { signed: false }),
        "url_trailing_slash",
        &["does not end with a slash"],
    );
}

//! Signed requests are accepted: every test scheme, arbitrary content, and each way to call a verifier.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Key, Secret, Timestamp};
use countersign_tests::{
    endpoint::{Endpoint, NOW},
    verdict::each_way,
};
use http::{HeaderName, HeaderValue};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(Endpoint::all);

/// A body for each kind of scheme.
#[derive(Clone, Debug)]
struct Bodies {
    bytes: Vec<u8>,
    json: Vec<u8>,
    form: String,
}

impl Bodies {
    fn fit(&self, endpoint: &Endpoint) -> Bytes {
        if endpoint.reading.needs_json() {
            endpoint.reading.complete(self.json.clone()).into()
        } else if endpoint.reading.needs_form() {
            self.form.clone().into()
        } else {
            self.bytes.clone().into()
        }
    }
}

fn bodies() -> impl Strategy<Value = Bodies> {
    let pair = ("[a-z]{1,3}|\\PC{0,5}", "\\PC{0,20}");
    (vec(any::<u8>(), 0..3000), json_object(), any::<bool>(), vec(pair, 0..8)).prop_map(
        |(bytes, json, pretty, pairs)| {
            let json = if pretty { serde_json::to_vec_pretty(&json) } else { serde_json::to_vec(&json) }.unwrap();
            let pairs = pairs.into_iter().filter(|(name, _)| name != "order" && name != "token");
            let encode =
                |text: &str| text.bytes().flat_map(|byte| ['%', hex(byte >> 4), hex(byte & 15)]).collect::<String>();
            let form: Vec<String> =
                pairs.map(|(name, value)| format!("{}={}&", encode(&name), encode(&value))).collect();
            Bodies { bytes, json, form: form.concat() + "order=o-17" }
        },
    )
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap()
}

/// An object with the members that some scheme signs, and others.
fn json_object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 24, 5, |inner| {
        let member = ("\\PC{0,8}", inner.clone());
        let object = vec(member, 0..5).prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![vec(inner, 0..5).prop_map(Value::from), object]
    });
    vec(("\\PC{0,8}", tree), 0..6).prop_map(|members| {
        let mut object: Map<String, Value> = members.into_iter().collect();
        object.insert("order".to_owned(), json!({ "id": "o-17" }));
        object.insert("kind".to_owned(), json!(true));
        object.insert("response".to_owned(), json!("cmVz"));
        object.insert("webhookMetadata".to_owned(), json!({}));
        object.insert("value".to_owned(), json!([{}]));
        Value::Object(object)
    })
}

/// Times that every format can write in its usual number of digits.
fn times() -> impl Strategy<Value = Timestamp> {
    (1_000_000_000_000..=9_999_999_999_999_i64).prop_map(Timestamp::from_unix_millis)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(any::<Index>().prop_map(|index| index.index(usize::MAX)), 0..6)
}

#[test]
fn a_delivery_has_the_values_that_its_scheme_defines() {
    for endpoint in ENDPOINTS.iter() {
        let (verifier, request) = (endpoint.verifier(), endpoint.sample());
        let delivery = verifier.verify(&request, Bytes::clone(request.body()), NOW).unwrap().into_delivery();
        assert_eq!((delivery.provider(), delivery.scheme().id()), (endpoint.id(), endpoint.id()));
        assert_eq!(delivery.tolerance(), endpoint.scheme.tolerance(), "{}", endpoint.id());
        assert!(!delivery.is_unpacked(), "{}", endpoint.id());
        let (answers, answer) = (endpoint.scheme.answers(), delivery.acknowledgement());
        assert!(answers.accepts(answer.status()), "{}", endpoint.id());
        assert_eq!(answer.body(), answers.body().unwrap_or_default(), "{}", endpoint.id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_request_is_accepted_however_the_body_arrives(
        bodies in bodies(), now in times(), cuts in cuts()
    ) {
        for endpoint in ENDPOINTS.iter() {
            let signed = endpoint.sign(endpoint.request(bodies.fit(endpoint)), now);
            let verdict = each_way(&endpoint.verifier(), &signed, now, &cuts);
            prop_assert!(verdict.is_ok(), "{}: {verdict:?}", endpoint.id());
            let accepted = verdict.unwrap();
            let timed = endpoint.scheme.tolerance().is_some();
            prop_assert_eq!(accepted.timestamp.is_some(), timed, "{}", endpoint.id());
            if let Some(at) = accepted.timestamp {
                prop_assert_eq!(at.unix_seconds(), now.unix_seconds(), "{}", endpoint.id());
            }
        }
    }

    #[test]
    fn a_request_signed_with_another_secret_is_refused_in_every_way(
        bodies in bodies(), now in times(), cuts in cuts()
    ) {
        for endpoint in ENDPOINTS.iter() {
            let signed = endpoint.sign(endpoint.request(bodies.fit(endpoint)), now);
            let verdict = each_way(&endpoint.other_verifier(), &signed, now, &cuts);
            prop_assert_eq!(verdict.unwrap_err().code(), "signature", "{}", endpoint.id());
        }
    }

    #[test]
    fn a_given_delivery_id_is_kept_signed_and_reported(id in "[A-Za-z0-9_~-]{1,64}", now in times()) {
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.reading.signs("id")) {
            let mut request = endpoint.request(endpoint.sample_body());
            for name in endpoint.reading.headers().iter().filter(|name| name.ends_with("-id")) {
                let name = HeaderName::try_from(name.as_str()).unwrap();
                request.headers_mut().insert(name, HeaderValue::try_from(&id).unwrap());
            }
            let given = request.headers().values().any(|value| value == id.as_str());
            let accepted = each_way(&endpoint.verifier(), &endpoint.sign(request, now), now, &[]).unwrap();
            let (told, covered) = accepted.event_id.unwrap();
            // If nothing marks the id's end, another id may have been signed.
            prop_assert_eq!(covered, !endpoint.toml.contains("\nambiguous = "), "{}", endpoint.id());
            prop_assert!(!given || told == id, "{}", endpoint.id());
        }
    }

    #[test]
    fn arbitrary_requests_get_the_same_verdict_in_each_way(
        body in vec(any::<u8>(), 0..200), form in "[a-z=&%+0-9]{0,60}", json in json_object(),
        texts in vec("\\PC{0,40}", 4), cuts in cuts(), old in any::<bool>()
    ) {
        for endpoint in ENDPOINTS.iter() {
            for body in [body.clone(), form.clone().into_bytes(), serde_json::to_vec(&json).unwrap()] {
                let mut request = endpoint.sign(endpoint.request(endpoint.sample_body()), NOW).map(|_| body.into());
                for (name, text) in endpoint.reading.headers().iter().zip(&texts) {
                    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                        request.headers_mut().insert(HeaderName::try_from(name.as_str()).unwrap(), value);
                    }
                }
                let now = if old { Timestamp::from_unix_seconds(NOW.unix_seconds() + 100_000) } else { NOW };
                let verdict = each_way(&endpoint.verifier(), &request, now, &cuts);
                prop_assert!(verdict.is_err() || !endpoint.reading.covers_body(), "{}", endpoint.id());
            }
        }
    }

    #[test]
    fn each_key_of_a_rotation_is_found_by_its_label(at in 0..5_usize, cuts in cuts()) {
        // There are only two pairs of each kind of keys.
        for endpoint in ENDPOINTS.iter().filter(|endpoint| !endpoint.scheme.takes_public_key()) {
            let others = (0..5).filter(|other| *other != at);
            let mut keys: Vec<Key> = others.map(|other| Key::new(format!("other-{other}"), other_secret(endpoint, other))).collect();
            keys.insert(at, endpoint.key("wanted"));
            let verifier = keys.into_iter().fold(endpoint.builder(), countersign::VerifierBuilder::key).build().unwrap();
            let accepted = each_way(&verifier, &endpoint.sample(), NOW, &cuts).unwrap();
            prop_assert_eq!(accepted.key, "wanted", "{}", endpoint.id());
        }
    }
}

/// Secrets of the kind that the endpoint takes; each number gives another one.
fn other_secret(endpoint: &Endpoint, number: usize) -> Secret {
    let (front, back) = endpoint.other_secret.split_at(endpoint.other_secret.len() - 6);
    let digits: String = back
        .chars()
        .map(|c| if c.is_ascii_digit() { char::from(b'0' + u8::try_from(number).unwrap()) } else { c })
        .collect();
    let text = if digits == back { format!("{front}{number}{}", &back[1..]) } else { format!("{front}{digits}") };
    Secret::new(text).unwrap()
}

#[test]
fn expired_and_future_keys_verify_nothing_in_any_way() {
    let at = |seconds: i64| Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds);
    for endpoint in ENDPOINTS.iter() {
        for key in [endpoint.key("k").not_after(at(-1)), endpoint.key("k").not_before(at(1))] {
            let verifier = endpoint.builder().key(key).build().unwrap();
            let code = each_way(&verifier, &endpoint.sample(), NOW, &[]).unwrap_err().code();
            assert_eq!(code, "unknown_key", "{}", endpoint.id());
        }
        let edges = endpoint.key("k").not_before(NOW).not_after(NOW);
        let verifier = endpoint.builder().key(edges).build().unwrap();
        assert!(each_way(&verifier, &endpoint.sample(), NOW, &[]).is_ok(), "{}", endpoint.id());
    }
}

#[test]
fn without_a_valid_key_every_way_gives_the_same_reason_for_an_unsigned_request() {
    for endpoint in ENDPOINTS.iter() {
        let expired = endpoint.key("k").not_after(Timestamp::from_unix_seconds(0));
        let verifier = endpoint.builder().key(expired).build().unwrap();
        let verdict = each_way(&verifier, &endpoint.request(endpoint.sample_body()), NOW, &[]);
        assert!(verdict.is_err(), "{}", endpoint.id());
    }
}

#[test]
fn the_test_schemes_and_the_catalogue_use_every_word_of_the_language() {
    let files: String = ENDPOINTS.iter().map(|endpoint| endpoint.toml).collect();
    for word in [
        "hmac-sha1",
        "hmac-sha256",
        "hmac-sha512",
        "\"sha256\"",
        "\"sha512\"",
        "\"token\"",
        "\"basic\"",
        "{hex}",
        "{hex-upper}",
        "{hex-any-case}",
        "{base64}",
        "{base64-unpadded}",
        "{base64url}",
        "{base64url-unpadded}",
        "header = [",
        "query = ",
        "json = ",
        "form = ",
        "list = ",
        "trim = true",
        "\"seconds\"",
        "\"milliseconds\"",
        "\"rfc3339\"",
        "\"rfc3339-or-utc\"",
        "\"http-date\"",
        "future = ",
        "[[check]]",
        "strip = ",
        "begins = ",
        "prefix_required",
        "verbatim = ",
        "bytes = ",
        "hash = ",
        "prepend = ",
        "append = ",
        "encoding = \"hex\"",
        "encoding = \"base64\"",
        "{method}",
        "{url}",
        "{path}",
        "{query}",
        "{path-and-query}",
        "{host}",
        "{form-sorted}",
        "{secret}",
        "{header:",
        "{query:",
        "{json:",
        "{form:",
        ":body}",
        "covers_body = false",
        "ambiguous = ",
        "\"as-is\"",
        "\"with-port\"",
        "\"without-port\"",
        "\"decoded\"",
    ] {
        assert!(files.contains(word), "no scheme has `{word}`");
    }
}

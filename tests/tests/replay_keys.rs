//! The key of an event is made of what the signature covers: the same for every retry, and for every replay.

use bytes::Bytes;
use countersign::{Key, ReplayKey, Secret, Signer, Timestamp, Value, Verifier, providers, replay::ReplayScope};
use countersign_tests::endpoint::{Endpoint, NOW, PUBLIC_URL};
use http::{HeaderValue, Request};

fn scope() -> ReplayScope {
    ReplayScope::new("endpoint")
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds)
}

/// The key of a request that must be accepted, asked in both ways.
fn key_of(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> ReplayKey {
    let verified = verifier.verify(request, request.body().clone(), now).unwrap();
    let key = verified.replay_key(&scope());
    assert_eq!(verified.into_delivery().replay_key(&scope()), key, "proof and delivery differ");
    key
}

/// The key of a request with this body, signed at this time.
fn signed(endpoint: &Endpoint, body: &str, now: Timestamp) -> ReplayKey {
    key_of(&endpoint.verifier(), &endpoint.sign(endpoint.request(body.to_owned()), now), now)
}

#[test]
fn a_retry_has_the_key_of_the_first_attempt_though_its_time_is_another() {
    for endpoint in Endpoint::all().into_iter().filter(|endpoint| {
        // A time that cannot be told from its neighbours stays in the key, and what is not covered tells no event.
        endpoint.scheme.ambiguity().is_none() && endpoint.scheme.covers_body()
    }) {
        let verifier = endpoint.verifier();
        let first = endpoint.sample();
        let now = later(86_400);
        let retry = endpoint.sign(endpoint.request(endpoint.sample_body()), now);
        let delivery =
            |request, now| verifier.verify(request, Bytes::clone(Request::body(request)), now).unwrap().into_delivery();
        // Where the signer makes an id up, these are two events.
        let same = [delivery(&first, NOW), delivery(&retry, now)];
        let same = same[0].event_id().filter(Value::is_covered) == same[1].event_id().filter(Value::is_covered);
        let keys = [key_of(&verifier, &first, NOW), key_of(&verifier, &retry, now)];
        assert_eq!(keys[0] == keys[1], same, "{}", endpoint.id());
    }
}

#[test]
fn another_event_has_another_key() {
    for endpoint in Endpoint::all().into_iter().filter(|endpoint| {
        // A time that cannot be told from its neighbours stays in the key, and what is not covered tells no event.
        endpoint.scheme.ambiguity().is_none() && endpoint.scheme.covers_body()
    }) {
        let other = if endpoint.reading.needs_form() {
            "order=o-18&kind=created&Body=other&From=%2B15550100"
        } else {
            r#"{"id":"evt_2","type":"created","event_id":"evt_2","order":{"id":"o-18"},"kind":"created"}"#
        };
        let mut request = endpoint.request(endpoint.reading.complete(other.as_bytes().to_vec()));
        *request.uri_mut() = "/hooks/a%3Ab/in?order=o-18&kind=created".parse().unwrap();
        let request = endpoint.sign(request, NOW);
        let verifier = endpoint.verifier();
        let keys = [key_of(&verifier, &endpoint.sample(), NOW), key_of(&verifier, &request, NOW)];
        // These take their id from a header that is the same here.
        let same_id = endpoint.reading.headers().iter().any(|name| name == "X-Order");
        assert_eq!(keys[0] == keys[1], same_id, "{}", endpoint.id());
    }
}

#[test]
fn no_header_that_is_not_signed_makes_a_new_key() {
    for endpoint in Endpoint::all() {
        let (verifier, original) = (endpoint.verifier(), endpoint.sample());
        let read: Vec<String> = endpoint.reading.headers().iter().map(|name| name.to_lowercase()).collect();
        let mut replay = original.clone();
        for (name, value) in replay.headers_mut() {
            if !read.contains(&name.as_str().to_owned()) {
                *value = HeaderValue::from_static("changed");
            }
        }
        assert_eq!(key_of(&verifier, &original, NOW), key_of(&verifier, &replay, NOW), "{}", endpoint.id());
    }
}

#[test]
fn a_rotated_secret_does_not_make_a_new_key() {
    for endpoint in Endpoint::catalogue() {
        // A signature in a body that it does not cover, which has no id here, is a part of what tells deliveries apart.
        if endpoint.reading.signature_header().is_none() && !endpoint.scheme.covers_body() {
            continue;
        }
        let other = Key::new("other", Secret::new(endpoint.other_secret).unwrap());
        let verifier = endpoint.builder().secret(endpoint.secret).key(other).build().unwrap();
        let request = endpoint.request(endpoint.sample_body());
        let [old, new] = [endpoint.secret, endpoint.other_secret]
            .map(|secret| endpoint.signer_of(secret).unwrap().sign(request.clone(), NOW).unwrap());
        assert_eq!(key_of(&verifier, &old, NOW), key_of(&verifier, &new, NOW), "{}", endpoint.id());
    }
}

#[test]
fn a_covered_id_tells_events_apart_and_not_the_rest_of_the_body() {
    let stripe = Endpoint::find("stripe");
    let key = |body: &str| signed(&stripe, body, NOW);
    assert_eq!(key(r#"{"id":"evt_1","attempt":1}"#), key(r#"{"id":"evt_1","attempt":2}"#));
    assert_ne!(key(r#"{"id":"evt_1"}"#), key(r#"{"id":"evt_2"}"#));
    // Without an id the whole content is.
    assert_ne!(key(r#"{"attempt":1}"#), key(r#"{"attempt":2}"#));
    assert_ne!(key(r#"{"id":"","attempt":1}"#), key(r#"{"id":"","attempt":2}"#));
}

#[test]
fn a_signed_delivery_id_goes_before_all_else() {
    let endpoint = Endpoint::find("standard-webhooks");
    let with_id = |id: &'static str, body: &'static str| {
        let mut request = endpoint.request(body);
        request.headers_mut().insert("webhook-id", HeaderValue::from_static(id));
        key_of(&endpoint.verifier(), &endpoint.sign(request, NOW), NOW)
    };
    assert_eq!(with_id("msg_1", "{}"), with_id("msg_1", "{ }"));
    assert_ne!(with_id("msg_1", "{}"), with_id("msg_2", "{}"));
}

#[test]
fn an_id_of_one_kind_is_not_one_of_another() {
    let (stripe, orb) = (Endpoint::find("stripe"), Endpoint::find("orb"));
    let body = r#"{"id":"evt_1"}"#;
    assert_ne!(signed(&stripe, body, NOW), signed(&orb, body, NOW));
    let github = Endpoint::find("github");
    assert_ne!(signed(&stripe, "evt_1", NOW), signed(&stripe, r#"{"id":"evt_1"}"#, NOW));
    assert_ne!(signed(&github, "evt_1", NOW), signed(&stripe, r#"{"id":"evt_1"}"#, NOW));
}

#[test]
fn a_time_in_the_signed_body_is_left_out_and_nothing_else() {
    let linear = Endpoint::find("linear");
    let body = |millis: i64, more: &str| format!(r#"{{"a":1,"webhookTimestamp":{millis},"b":{more}}}"#);
    let key = |millis: i64, more: &str| {
        let now = Timestamp::from_unix_millis(millis);
        signed(&linear, &body(millis, more), now)
    };
    let start = NOW.unix_millis();
    assert_eq!(key(start, "2"), key(start + 3_600_000, "2"));
    assert_ne!(key(start, "2"), key(start, "3"));
    assert_ne!(key(start, "2"), key(start, "22"));
}

#[test]
fn a_url_in_another_form_does_not_make_a_new_key() {
    let hubspot = Endpoint::find("hubspot-v3");
    let verifier = hubspot.verifier();
    let mut request = hubspot.request("[]");
    *request.uri_mut() = "/hooks?to=a:b".parse().unwrap();
    let original = hubspot.sign(request, NOW);
    for target in ["/hooks?to=a%3Ab", "/hooks?to=a%3ab"] {
        let mut replay = original.clone();
        *replay.uri_mut() = target.parse().unwrap();
        assert_eq!(key_of(&verifier, &original, NOW), key_of(&verifier, &replay, NOW), "{target}");
    }
}

#[test]
fn a_form_whose_parts_were_shifted_does_not_make_a_new_key() {
    let verifier = Verifier::builder(providers::TWILIO_FORM).public_url(PUBLIC_URL).secret("a-token").build().unwrap();
    let signer = Signer::with_public_url(providers::TWILIO_FORM, "a-token", PUBLIC_URL).unwrap();
    let request =
        |target: &str, form: &'static str| Request::post(target).body(Bytes::from_static(form.as_bytes())).unwrap();
    let original = signer.sign(request("/sms?x=1", "Body=hello&From=1"), NOW).unwrap();
    let key = key_of(&verifier, &original, NOW);
    for (target, form) in [
        ("/sms?x=1", "From=1&Body=hello"),
        ("/sms?x=1", "Bodyhello=&From=1"),
        ("/sms?x=1", "Body=helloFrom1"),
        ("/sms?x=1Body", "helloFrom1="),
        ("/sms?x=1BodyhelloFrom", "1="),
    ] {
        let mut replay = original.clone().map(|_| Bytes::from_static(form.as_bytes()));
        *replay.uri_mut() = target.parse().unwrap();
        assert_eq!(key_of(&verifier, &replay, NOW), key, "{target} {form}");
    }
    let other = signer.sign(request("/sms?x=1", "Body=hello&From=2"), NOW).unwrap();
    assert_ne!(key_of(&verifier, &other, NOW), key);
}

#[test]
fn where_nothing_is_signed_the_body_tells_events_apart() {
    let gitlab = Endpoint::find("gitlab");
    assert_eq!(signed(&gitlab, "{}", NOW), signed(&gitlab, "{}", later(60)));
    assert_ne!(signed(&gitlab, "{}", NOW), signed(&gitlab, "[]", NOW));
}

//! The key of an event is made of what the signature covers: the same for every retry, and for every replay.

use bytes::Bytes;
use countersign::{
    Key, ReplayKey, Scheme, Secret, Signer, Timestamp, Value, Verifier, VerifierBuilder, providers,
    replay::ReplayScope,
    scheme::{Field, ToldApartBy},
};
use countersign_tests::endpoint::{Endpoint, NOW, PUBLIC_URL};
use http::{HeaderValue, Request};

fn scope() -> ReplayScope {
    ReplayScope::new("endpoint")
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds)
}

/// The key of a request that must be accepted, asked in each way; `None` if nothing tells its event from others.
fn key_of(verifier: &Verifier, request: &Request<Bytes>, now: Timestamp) -> Option<ReplayKey> {
    let verified = verifier.verify(request, request.body().clone(), now).unwrap();
    let (scope, another) = (scope(), ReplayScope::new("another endpoint"));
    let (key, elsewhere) = (verified.replay_key(&scope), verified.replay_key(&another));
    assert!(key.is_none() || key != elsewhere, "two endpoints know an event by one key");
    assert_eq!(verified.into_delivery().replay_key(&scope), key, "proof and delivery differ");
    let mut collecting = verifier.collect(request, 1 << 20, now).unwrap();
    collecting.announce_length(request.body().len() as u64);
    collecting.announce_replay_key(&scope);
    collecting.push(request.body().clone()).unwrap();
    let verified = collecting.finish().unwrap();
    assert_eq!(verified.replay_key(&scope), key, "it matters that the key was expected");
    assert_eq!(verified.replay_key(&another), elsewhere, "it matters that another key was expected");
    let delivery = verified.into_delivery();
    assert_eq!([&scope, &another].map(|scope| delivery.replay_key(scope)), [key, elsewhere]);
    key
}

/// The key of a request with this body, signed at this time.
fn signed(endpoint: &Endpoint, body: &str, now: Timestamp) -> Option<ReplayKey> {
    key_of(&endpoint.verifier(), &endpoint.sign(endpoint.request(body.to_owned()), now), now)
}

/// The schemes whose events are told apart by what is signed, without the time.
fn told_apart_by_content() -> impl Iterator<Item = Endpoint> {
    Endpoint::all().into_iter().filter(|endpoint| {
        // A time that cannot be told from its neighbours stays in the key.
        let scheme = &endpoint.scheme;
        scheme.ambiguity().is_none() && scheme.covers_body() && scheme.told_apart_by().is_none()
    })
}

#[test]
fn a_retry_at_another_time_has_the_key_of_the_first_attempt() {
    for endpoint in told_apart_by_content() {
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
    for endpoint in told_apart_by_content() {
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
fn an_unsigned_header_does_not_change_the_key() {
    let is_told_by_one = |it: &Endpoint| {
        matches!(it.scheme.told_apart_by(), Some(ToldApartBy::UnsignedValues | ToldApartBy::UnsignedType))
    };
    for endpoint in Endpoint::all().into_iter().filter(|it| !is_told_by_one(it)) {
        let (verifier, original) = (endpoint.verifier(), endpoint.sample());
        let read: Vec<String> = endpoint.reading.headers().iter().map(|name| name.to_lowercase()).collect();
        let mut replay = original.clone();
        for (name, value) in replay.headers_mut() {
            if !read.contains(&name.as_str().to_owned()) {
                *value = HeaderValue::from_static("changed");
            }
        }
        for (name, value) in
            [("content-type", "multipart/form-data; boundary=x"), ("content-language", "en"), ("idempotency-key", "1")]
        {
            if !read.contains(&name.to_owned()) {
                replay.headers_mut().insert(name, HeaderValue::from_static(value));
            }
        }
        assert_eq!(key_of(&verifier, &original, NOW), key_of(&verifier, &replay, NOW), "{}", endpoint.id());
    }
}

#[test]
fn a_rotated_secret_does_not_change_the_key() {
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
fn a_covered_id_distinguishes_events_and_the_rest_of_the_body_does_not() {
    let stripe = Endpoint::find("stripe");
    let key = |body: &str| signed(&stripe, body, NOW);
    assert_eq!(key(r#"{"id":"evt_1","attempt":1}"#), key(r#"{"id":"evt_1","attempt":2}"#));
    assert_ne!(key(r#"{"id":"evt_1"}"#), key(r#"{"id":"evt_2"}"#));
    let smartcar = Endpoint::find("smartcar");
    let attempt = |delivery: &str| format!(r#"{{"eventId":"1","meta":{{"deliveryId":"{delivery}"}}}}"#);
    assert_eq!(signed(&smartcar, &attempt("1"), NOW), signed(&smartcar, &attempt("2"), NOW));
    // Without an id the whole content is.
    assert_ne!(key(r#"{"attempt":1}"#), key(r#"{"attempt":2}"#));
    assert_ne!(key(r#"{"id":"","attempt":1}"#), key(r#"{"id":"","attempt":2}"#));
}

#[test]
fn a_signed_delivery_id_alone_makes_the_key() {
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
fn ids_of_two_kinds_give_two_keys() {
    let (stripe, orb) = (Endpoint::find("stripe"), Endpoint::find("orb"));
    let body = r#"{"id":"evt_1"}"#;
    assert_ne!(signed(&stripe, body, NOW), signed(&orb, body, NOW));
    let github = Endpoint::find("github");
    assert_ne!(signed(&stripe, "evt_1", NOW), signed(&stripe, r#"{"id":"evt_1"}"#, NOW));
    assert_ne!(signed(&github, "evt_1", NOW), signed(&stripe, r#"{"id":"evt_1"}"#, NOW));
}

#[test]
fn only_the_time_is_left_out_of_a_signed_body() {
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

/// The key of a request that is signed at this time under a scheme file, and its verifier.
fn signed_under(toml: &str, request: Request<Bytes>, now: Timestamp) -> (Verifier, Request<Bytes>, Option<ReplayKey>) {
    let scheme = Scheme::from_toml("acme", &format!("name = \"Acme\"\n{toml}")).unwrap();
    let secret = "a-long-random-secret";
    let signed = Signer::new(&scheme, secret).unwrap().sign(request, now).unwrap();
    let verifier = Verifier::new(&scheme, secret).unwrap();
    let key = key_of(&verifier, &signed, now);
    (verifier, signed, key)
}

#[test]
fn a_signed_time_is_left_out_of_the_key_wherever_it_is() {
    let hmac = "[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"x-sig\"\nvalue = \"{hex}\"\n";
    let in_body = "[timestamp]\njson = \"/meta/at\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    let in_header = "[timestamp]\nheader = \"x-time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    for (signs, time) in [
        ("signs = \"{body}\"\n", in_body),
        ("signs = \"{sha256-hex:body}\"\n", in_body),
        ("signs = \"{base64:body}\"\n", in_body),
        ("signs = \"{json-string:body}\"\n", in_body),
        ("signs = \"{json-raw:/meta}\"\ncovers_body = false\n", in_body),
        ("signs = \"{header:x-time}.{body}\"\n", in_header),
        ("signs = \"{timestamp}.{body}\"\n", in_header),
    ] {
        let told = if signs.contains("covers_body") { "[event]\ntold_apart_by = \"signed-content\"\n" } else { "" };
        let key = |id: u8, now: Timestamp| {
            let body = format!(r#"{{"meta":{{"id":{id},"at":{}}}}}"#, now.unix_seconds());
            let request = Request::post("/hooks").body(Bytes::from(body)).unwrap();
            let toml = format!("{hmac}{signs}{time}{told}");
            // The header's time takes the body's place: that stays the same there.
            let request =
                if time == in_header { request.map(|_| Bytes::from(format!("{{\"id\":{id}}}"))) } else { request };
            signed_under(&toml, request, now).2
        };
        assert_eq!(key(1, NOW), key(1, later(60)), "{signs}");
        assert_ne!(key(1, NOW), key(2, NOW), "{signs}");
    }
}

#[test]
fn the_key_of_a_token_body_is_made_of_its_claims_without_its_signature() {
    let toml = "name = \"Acme\"\n[signature]\nalgorithm = \"jwt\"\nbody = true\n[jwt]\nalgorithms = [\"HS256\"]\n";
    let scheme = Scheme::from_toml("acme", toml).unwrap();
    let secrets = ["the-old-secret-of-an-endpoint", "the-new-secret-of-an-endpoint"];
    let keys = secrets.map(|secret| Key::new(secret, Secret::new(secret).unwrap()));
    let verifier = keys.into_iter().fold(Verifier::builder(&scheme), VerifierBuilder::key).build().unwrap();
    let key = |secret: &str, claims: &'static str| {
        let request = Request::post("/hooks").body(Bytes::from(claims)).unwrap();
        let request = Signer::new(&scheme, secret).unwrap().sign(request, NOW).unwrap();
        key_of(&verifier, &request, NOW)
    };
    assert_eq!(key(secrets[0], r#"{"event":1}"#), key(secrets[1], r#"{"event":1}"#));
    assert_ne!(key(secrets[0], r#"{"event":1}"#), key(secrets[0], r#"{"event":2}"#));
}

#[test]
fn a_body_that_no_message_signature_covers_does_not_change_the_key() {
    let toml = "[signature]\nalgorithm = \"http-signature\"\ncovers_body = false\n[http-signature]\nalgorithms = [\"hmac-sha256\"]\n\
                components = [\"@method\", \"x-id\"]\n[event]\ntold_apart_by = \"signed-content\"\n";
    let event = |id: &str| Request::post("/hooks").header("x-id", id).body(Bytes::from("{}")).unwrap();
    let (verifier, signed, key) = signed_under(toml, event("1"), NOW);
    let other = signed.map(|_| Bytes::from(r#"{"amount":1}"#));
    assert_eq!(key_of(&verifier, &other, NOW), key);
    assert_ne!(signed_under(toml, event("2"), NOW).2, key);
}

#[test]
fn a_covered_id_cannot_be_made_unreadable() {
    let toml = |component: &str, id: &str| {
        format!(
            "[signature]\nalgorithm = \"http-signature\"\ncovers_body = false\n[http-signature]\n\
             algorithms = [\"hmac-sha256\"]\ncomponents = [\"@method\", '{component}']\n[event]\nid = \"{id}\"\n\
             told_apart_by = \"signed-content\"\n"
        )
    };
    let in_query = Request::post("/hooks?id=evt_1").body(Bytes::from("{}")).unwrap();
    let (verifier, mut signed, _) = signed_under(&toml("@query-param;name=\"id\"", "{query:id}"), in_query, NOW);
    *signed.uri_mut() = "/hooks?id=evt_1&x=%FF".parse().unwrap();
    assert_eq!(verifier.verify(&signed, "{}", NOW).unwrap_err().code(), "malformed_value");

    let in_header = Request::post("/hooks").header("x-id", "a, b").body(Bytes::from("{}")).unwrap();
    let (verifier, mut signed, _) = signed_under(&toml("x-id", "{header:x-id}"), in_header, NOW);
    signed.headers_mut().insert("x-id", HeaderValue::from_static("a"));
    signed.headers_mut().append("x-id", HeaderValue::from_static("b"));
    assert_eq!(verifier.verify(&signed, "{}", NOW).unwrap_err().code(), "malformed_value");
}

#[test]
fn a_url_in_another_form_does_not_change_the_key() {
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
fn a_form_with_shifted_boundaries_does_not_change_the_key() {
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

fn told(by: ToldApartBy) -> impl Iterator<Item = Endpoint> {
    Endpoint::all().into_iter().filter(move |endpoint| endpoint.scheme.told_apart_by() == Some(by))
}

#[test]
fn where_content_repeats_the_signed_time_distinguishes_events_but_not_replays() {
    assert!(told(ToldApartBy::SignedTime).any(|it| it.id() == "frame-io"));
    for endpoint in told(ToldApartBy::SignedTime) {
        let verifier = endpoint.verifier();
        // Some have an id in some of their events, and it is not of those that it is said.
        let body = String::from_utf8(endpoint.sample_body().to_vec()).unwrap().replace("event_id", "no_id");
        let at = |now| endpoint.sign(endpoint.request(body.clone()), now);
        let (first, second) = (at(NOW), at(later(60)));
        assert_eq!(key_of(&verifier, &first, NOW), key_of(&verifier, &first, later(60)), "{}", endpoint.id());
        assert_ne!(key_of(&verifier, &first, NOW), key_of(&verifier, &second, later(60)), "{}", endpoint.id());
    }
}

#[test]
fn where_nothing_distinguishes_events_there_is_no_key() {
    assert!(told(ToldApartBy::Nothing).any(|it| it.id() == "storyblok"));
    for endpoint in told(ToldApartBy::Nothing) {
        assert_eq!(key_of(&endpoint.verifier(), &endpoint.sample(), NOW), None, "{}", endpoint.id());
    }
}

#[test]
fn an_unsigned_id_distinguishes_events_where_the_scheme_says_so() {
    for (provider, header) in [
        ("attio", "idempotency-key"),
        ("cloudevents", "ce-id"),
        ("gitlab", "idempotency-key"),
        ("hookdeck", "x-hookdeck-eventid"),
        ("twilio-form", "i-twilio-idempotency-token"),
    ] {
        let endpoint = Endpoint::find(provider);
        let key = |id: &'static str, body: &'static str| {
            let mut request = endpoint.request(body);
            request.headers_mut().insert(header, HeaderValue::from_static(id));
            key_of(&endpoint.verifier(), &endpoint.sign(request, NOW), NOW).unwrap()
        };
        assert_eq!(key("1", "a=1"), key("1", "a=1"), "{provider}");
        assert_ne!(key("1", "a=1"), key("2", "a=1"), "{provider}");
        // Together with the body: nobody can have the event of another one taken for known.
        assert_ne!(key("1", "a=1"), key("1", "b=1"), "{provider}");
    }
}

#[test]
fn a_covered_id_makes_the_key_even_where_the_signed_time_distinguishes_other_events() {
    let slack = Endpoint::find("slack");
    let event = r#"{"event_id":"Ev1"}"#;
    assert_eq!(signed(&slack, event, NOW), signed(&slack, event, later(60)));
    let options = "payload=%7B%22type%22%3A%22block_suggestion%22%7D";
    assert_ne!(signed(&slack, options, NOW), signed(&slack, options, later(60)));
}

#[test]
fn an_unsigned_type_distinguishes_events_where_the_scheme_says_so() {
    let key = |tables: &str, headers: &[(&'static str, &'static str)]| {
        let scheme = format!("name = \"Acme\"\n{tables}told_apart_by = \"unsigned-values\"\n");
        let scheme = Scheme::from_toml("acme", &scheme).unwrap();
        let secret = "a-long-random-secret";
        let mut request = Request::post("/hooks").body(Bytes::from("{}")).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let request = Signer::new(&scheme, secret).unwrap().sign(request, NOW).unwrap();
        key_of(&Verifier::new(&scheme, secret).unwrap(), &request, NOW).unwrap()
    };
    let sent = "[signature]\nalgorithm = \"token\"\nheader = \"x-token\"\ncovers_body = false\n";
    let signed =
        "[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"x-sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    for head in [sent, signed] {
        let tables = format!("{head}[event]\nid = \"{{header:x-id}}\"\ntype = \"{{header:x-type}}\"\n");
        let key = |headers: &[(&'static str, &'static str)]| key(&tables, headers);
        assert_eq!(key(&[("x-type", "created")]), key(&[("x-type", "created"), ("x-other", "1")]));
        assert_ne!(key(&[("x-type", "created")]), key(&[("x-type", "paid")]));
        assert_ne!(key(&[("x-type", "created")]), key(&[]));
        assert_ne!(key(&[("x-id", "1"), ("x-type", "paid")]), key(&[("x-id", "2"), ("x-type", "paid")]));
        // One is not taken for the other.
        assert_ne!(key(&[("x-id", "1")]), key(&[("x-type", "1")]));
        assert_ne!(key(&[("x-id", "12"), ("x-type", "3")]), key(&[("x-id", "1"), ("x-type", "23")]));
    }
}

#[test]
fn events_that_differ_only_in_their_unsigned_type_have_two_keys() {
    for (provider, header, types) in [
        ("commerce-layer", "x-commercelayer-topic", ["orders.place", "orders.approve"]),
        ("helpscout", "x-helpscout-event", ["convo.created", "convo.assigned"]),
        ("patreon", "x-patreon-event", ["members:create", "members:pledge:create"]),
        ("recharge", "x-recharge-topic", ["charge/created", "charge/paid"]),
        ("recharge-hmac", "x-recharge-topic", ["charge/created", "charge/paid"]),
        ("shopify", "x-shopify-topic", ["orders/create", "orders/paid"]),
        ("shopline-apps", "x-shopline-topic", ["orders/create", "orders/paid"]),
        ("woocommerce", "x-wc-webhook-topic", ["order.created", "order.updated"]),
    ] {
        let endpoint = Endpoint::find(provider);
        let key = |kind: &'static str, other: (&'static str, &'static str), body: &'static str| {
            let mut request = endpoint.request(body);
            for (name, value) in [(header, kind), other] {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            key_of(&endpoint.verifier(), &endpoint.sign(request, NOW), NOW).unwrap()
        };
        let first = key(types[0], ("x-other", "1"), "{}");
        assert_ne!(first, key(types[1], ("x-other", "1"), "{}"), "{provider}");
        assert_ne!(first, key(types[0], ("x-other", "1"), "[]"), "{provider}");
        for id in ["x-other", "x-shopify-webhook-id", "x-wc-webhook-delivery-id"] {
            assert_eq!(first, key(types[0], (id, "2"), "{}"), "{provider} {id}");
        }
    }
}

/// The sample of an endpoint, and the same with more in its body, which nobody signed.
fn with_more_in_the_body(endpoint: &Endpoint) -> (Request<Bytes>, Request<Bytes>) {
    let original = endpoint.sample();
    let more = if original.body().starts_with(b"{") { " " } else { "&more=1" };
    let longer = original.clone().map(|body| Bytes::from([&body[..], more.as_bytes()].concat()));
    (original, longer)
}

#[test]
fn unsigned_parts_of_a_body_do_not_change_the_key() {
    assert!(told(ToldApartBy::SignedContent).any(|it| it.id() == "phonepe-v1"));
    for endpoint in told(ToldApartBy::SignedContent) {
        let (original, longer) = with_more_in_the_body(&endpoint);
        let keys = [original, longer].map(|request| key_of(&endpoint.verifier(), &request, NOW));
        assert_eq!(keys[0], keys[1], "{}", endpoint.id());
    }
    let is_named = |it: &Endpoint| it.scheme.covers_body() || it.scheme.event_id().is_some_and(Field::is_covered);
    for endpoint in told(ToldApartBy::UnsignedValues).filter(|it| !is_named(it)) {
        let (original, longer) = with_more_in_the_body(&endpoint);
        let keys = [original, longer].map(|request| key_of(&endpoint.verifier(), &request, NOW));
        assert_ne!(keys[0], keys[1], "{}", endpoint.id());
    }
}

#[test]
fn the_required_components_of_a_message_signature_distinguish_events() {
    let scheme = Scheme::from_toml(
        "acme",
        "name = \"Acme\"\n[signature]\nalgorithm = \"http-signature\"\n[http-signature]\nalgorithms = [\"hmac-sha256\"]\n\
         components = [\"@method\", \"@target-uri\", \"date\", \"x-order\", \"content-digest\"]\n",
    );
    let scheme = scheme.unwrap();
    let secret = "a-long-random-secret";
    let verifier = Verifier::builder(&scheme).public_url(PUBLIC_URL).secret(secret).build().unwrap();
    let signer = Signer::with_public_url(&scheme, secret, PUBLIC_URL).unwrap();
    let key = |target: &str, date: &str, order: &str, body: &'static str| {
        let request = Request::post(target).header("date", date).header("x-order", order);
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        key_of(&verifier, &signer.sign(request, NOW).unwrap(), NOW)
    };
    let first = key("/orders/17/paid", "Thu, 01 Jan 2026 00:00:00 GMT", "1", "{}");
    assert_eq!(key("/orders/17/paid", "Thu, 01 Jan 2026 00:00:09 GMT", "1", "{}"), first);
    assert_ne!(key("/orders/18/paid", "Thu, 01 Jan 2026 00:00:00 GMT", "1", "{}"), first);
    assert_ne!(key("/orders/17/paid", "Thu, 01 Jan 2026 00:00:00 GMT", "2", "{}"), first);
    assert_ne!(key("/orders/17/paid", "Thu, 01 Jan 2026 00:00:00 GMT", "1", "{ }"), first);
}

#[test]
fn claims_of_a_token_about_the_request_distinguish_events() {
    let scheme = Scheme::from_toml(
        "acme",
        "name = \"Acme\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"X-Token\"\ncovers_body = false\n[jwt]\n\
         algorithms = [\"HS256\"]\n[[check]]\nclaim = \"/url_hash\"\nequals = \"{sha256-hex:url}\"\n",
    );
    let scheme = scheme.unwrap();
    let secret = "a-long-random-secret-for-a-token";
    let verifier = Verifier::builder(&scheme).public_url(PUBLIC_URL).secret(secret).build().unwrap();
    let signer = Signer::with_public_url(&scheme, secret, PUBLIC_URL).unwrap();
    let key = |target: &str, now: Timestamp| {
        let request = Request::post(target).body(Bytes::new()).unwrap();
        key_of(&verifier, &signer.sign(request, now).unwrap(), now)
    };
    assert_eq!(key("/hooks?order=1", NOW), key("/hooks?order=1", later(60)));
    assert_ne!(key("/hooks?order=1", NOW), key("/hooks?order=2", NOW));
}

#[test]
fn where_nothing_is_signed_the_body_distinguishes_events() {
    let pipedrive = Endpoint::find("pipedrive");
    assert_eq!(signed(&pipedrive, "{}", NOW), signed(&pipedrive, "{}", later(60)));
    assert_ne!(signed(&pipedrive, "{}", NOW), signed(&pipedrive, "[]", NOW));
}

#[test]
fn an_optional_end_of_the_signed_content_does_not_change_the_key() {
    let toml = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n\
                optional_end = \"\\n\"";
    let scheme = Scheme::from_toml("a", toml).unwrap();
    let secret = "a-long-random-secret";
    let (signer, verifier) = (Signer::new(&scheme, secret).unwrap(), Verifier::new(&scheme, secret).unwrap());
    let signed = signer.sign(Request::post("/").body(Bytes::from_static(b"{}\n")).unwrap(), NOW).unwrap();
    let shorter = signed.clone().map(|_| Bytes::from_static(b"{}"));
    let key = key_of(&verifier, &signed, NOW);
    assert_eq!(key_of(&verifier, &shorter, NOW), key, "the tag of the one is one of the other");
    let other = signer.sign(Request::post("/").body(Bytes::from_static(b"[]\n")).unwrap(), NOW).unwrap();
    assert_ne!(key_of(&verifier, &other, NOW), key);
}

#[test]
fn signed_content_beside_the_body_distinguishes_events() {
    for (signs, tells) in [("v1:{body}", false), ("{path}\\n{body}", true), ("{method} {url}\\n{body}", true)] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let secret = "a-long-random-secret";
        let verifier = Verifier::builder(&scheme).public_url(PUBLIC_URL).secret(secret).build().unwrap();
        let signer = Signer::with_public_url(&scheme, secret, PUBLIC_URL).unwrap();
        let key = |path: &str, body: &'static str| {
            let request = Request::post(path).body(Bytes::from_static(body.as_bytes())).unwrap();
            key_of(&verifier, &signer.sign(request, NOW).unwrap(), NOW)
        };
        assert_eq!(key("/a", "{}"), key("/a", "{}"), "{signs}");
        assert_ne!(key("/a", "{}"), key("/a", "[]"), "{signs}");
        assert_eq!(key("/a", "{}") != key("/b", "{}"), tells, "{signs}");
    }
}

#[test]
fn an_id_that_runs_into_the_body_does_not_distinguish_events() {
    let of = |ambiguous: &str, signs: &str| {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n\
             {ambiguous}[id]\nheader = \"X-Id\"\n"
        );
        Scheme::from_toml("t", &file).unwrap()
    };
    let key = |scheme: &Scheme, id: &str, body: &'static str| {
        let request = Request::post("/").header("X-Id", id).body(Bytes::from_static(body.as_bytes())).unwrap();
        let signed = Signer::new(scheme, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
        key_of(&Verifier::new(scheme, "a-long-random-secret").unwrap(), &signed, NOW).unwrap()
    };
    // One signature fits both, so that one is a replay of the other.
    let ambiguous = of("ambiguous = \"a test\"\n", "{id}{body}");
    assert_eq!(key(&ambiguous, "a", "bc"), key(&ambiguous, "ab", "c"));
    assert_ne!(key(&ambiguous, "a", "bc"), key(&ambiguous, "a", "bd"));
    let clear = of("", "{id}.{body}");
    assert_eq!(key(&clear, "a", "bc"), key(&clear, "a", "bd"), "the id tells");
    assert_ne!(key(&clear, "a", "bc"), key(&clear, "b", "bc"));
}

#[test]
fn the_position_of_the_secret_distinguishes_events() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                signs = \"{header:X-V}{secret}{body}\"\nambiguous = \"a test\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let (signer, verifier) = (Signer::new(&scheme, "a-secret").unwrap(), Verifier::new(&scheme, "a-secret").unwrap());
    let key = |value: &str, body: &'static str| {
        let request = Request::post("/").header("X-V", value).body(Bytes::from_static(body.as_bytes())).unwrap();
        key_of(&verifier, &signer.sign(request, NOW).unwrap(), NOW)
    };
    // No signature fits two of these.
    assert_ne!(key("a", "bc"), key("ab", "c"));
    assert_eq!(key("a", "bc"), key("a", "bc"));
}

#[test]
fn signed_parts_of_the_head_distinguish_events_when_the_head_is_gone() {
    let scheme = |algorithm: &str, rest: &str| {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"{algorithm}\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n{rest}\n"
        );
        Scheme::from_toml("t", &file).unwrap_or_else(|error| panic!("{error}\n{file}"))
    };
    let uncovered = "ambiguous = \"a test\"\ncovers_body = false\n[event]\ntold_apart_by = \"signed-content\"";
    for scheme in [
        scheme("hmac-sha256", "signs = \"{header:X-V}.{body}\""),
        scheme("hmac-sha256", "signs = \"{query:v}.{body}\""),
        scheme("hmac-sha256", "signs = [{ text = \"v:{header:X-V};\", when = \"header:X-V\" }, \"b:{body}\"]"),
        scheme("hmac-sha256", "signs = [{ text = \"v;\", when = \"header:X-W\" }, \"b:{body}\"]"),
        scheme("sha256", &format!("signs = \"{{sorted:secret,header:X-V}}\"\n{uncovered}")),
    ] {
        let (signer, verifier) =
            (Signer::new(&scheme, "a-secret").unwrap(), Verifier::new(&scheme, "a-secret").unwrap());
        let key = |name: &str, value: &str| {
            let request = Request::post(format!("/?v={value}")).header("X-V", value).header(name, value);
            let request = request.body(Bytes::from_static(b"{}")).unwrap();
            key_of(&verifier, &signer.sign(request, NOW).unwrap(), NOW)
        };
        assert_ne!(key("X-W", "a"), key("X-Other", "b"), "{scheme:?}");
    }
    // Here the request tells which headers are signed.
    let contentful = Endpoint::find("contentful");
    let key = |value: &'static str| {
        let mut request = contentful.request("{}");
        for (name, value) in [("x-contentful-signed-headers", "x-v"), ("x-v", value)] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        key_of(&contentful.verifier(), &contentful.sign(request, NOW), NOW)
    };
    assert_ne!(key("a"), key("b"));
}

#[test]
fn a_time_among_the_headers_that_a_canonical_form_signs_is_left_out() {
    let toml = providers::CONTENTFUL.toml().replace("told_apart_by = \"signed-time\"", "");
    let scheme = Scheme::from_toml("t", &toml).unwrap();
    let secret = "0123456789abcdef".repeat(4);
    let (signer, verifier) =
        (Signer::new(&scheme, secret.as_str()).unwrap(), Verifier::new(&scheme, secret.as_str()).unwrap());
    let key = |body: &'static str, now| {
        let request = Request::post("/").body(Bytes::from_static(body.as_bytes())).unwrap();
        key_of(&verifier, &signer.sign(request, now).unwrap(), now).unwrap()
    };
    assert_eq!(key("{}", NOW), key("{}", later(60)));
    assert_ne!(key("{}", NOW), key("[]", NOW));
}

#[test]
fn a_key_is_stored_and_shown_by_its_own_bytes() {
    let github = Endpoint::find("github");
    let keys = ["{}", "[]"].map(|body| signed(&github, body, NOW).unwrap());
    assert_ne!(keys[0].as_bytes(), keys[1].as_bytes());
    for key in keys {
        let bytes = u128::from_be_bytes(*key.as_bytes());
        assert_eq!(format!("{key:?}"), format!("ReplayKey({bytes:032x})"));
    }
}

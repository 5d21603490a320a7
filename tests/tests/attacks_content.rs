//! Attacks on the signed content: on its parts, on its encodings, and on values that are read but not signed.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign::{Key, Secret, Verifier};
use countersign_tests::{
    app::{App, Step, Wire, everywhere},
    endpoint::{Endpoint, NOW},
    verdict::{each_way, whole},
};
use http::{HeaderName, HeaderValue, Request, Uri};
use proptest::{collection::vec, prelude::*, sample::Index};

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(Endpoint::all);

/// The schemes that accept any bytes as a body and cover all of them.
fn of_any_bytes() -> impl Iterator<Item = &'static Endpoint> {
    // If a handshake can have content signed, a body that looks like such content is refused.
    let is_free = |endpoint: &Endpoint| !endpoint.toml.contains("\nonly = ");
    let takes = move |endpoint: &&Endpoint| {
        endpoint.reading.covers_body()
            && !endpoint.reading.needs_json()
            && !endpoint.reading.needs_form()
            && is_free(endpoint)
    };
    ENDPOINTS.iter().filter(takes)
}

fn put(request: &mut Request<Bytes>, name: &str, value: &str) {
    request.headers_mut().insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
}

/// One change to a request: the part of the request, the position in it, and the new byte.
type Change = (Index, Index, u8);

fn apply(request: &mut Request<Bytes>, (place, at, by): &Change) {
    let change = |text: &[u8]| {
        let mut text = text.to_vec();
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = text[at].wrapping_add(*by);
        }
        text
    };
    let names: Vec<_> = request.headers().keys().cloned().collect();
    match place.index(names.len() + 2) {
        0 => *request.body_mut() = change(request.body()).into(),
        1 => {
            if let Ok(uri) = Uri::try_from(change(request.uri().to_string().as_bytes())) {
                *request.uri_mut() = uri;
            }
        }
        header => {
            let name = &names[header - 2];
            if let Ok(value) = HeaderValue::from_bytes(&change(request.headers()[name].as_bytes())) {
                request.headers_mut().insert(name, value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b1_no_accepted_change_alters_a_covered_value(
        changes in vec(any::<Change>(), 1..4), sent in any::<Index>()
    ) {
        let sent = &ENDPOINTS[sent.index(ENDPOINTS.len())];
        for endpoint in ENDPOINTS.iter() {
            let verdict = if endpoint.id() == sent.id() { everywhere } else { whole };
            let original = endpoint.sample();
            let before = verdict(&endpoint.verifier(), &original, NOW).unwrap().covered();
            let mut changed = original.clone();
            for change in &changes {
                apply(&mut changed, change);
            }
            if let Ok(after) = verdict(&endpoint.verifier(), &changed, NOW) {
                prop_assert_eq!(after.covered(), before, "{}", endpoint.id());
            }
        }
    }

    #[test]
    fn b6_the_signed_content_is_written_and_not_substituted(text in "(\\\\{1,3}|\\\\[0-9&]|\\$[0-9&]|\\{(body|timestamp|id|secret)\\}|%s|[a-z\0]){0,12}", sent in any::<Index>()) {
        let sent = &ENDPOINTS[sent.index(ENDPOINTS.len())];
        for endpoint in of_any_bytes() {
            let verdict = if endpoint.id() == sent.id() { everywhere } else { whole };
            let signed = endpoint.sign(endpoint.request(text.clone()), NOW);
            prop_assert!(verdict(&endpoint.verifier(), &signed, NOW).is_ok(), "{}", endpoint.id());
            for other in [text.replace("\\\\", "\\"), text.replace("{body}", &text), text.replace("{timestamp}", "1767225600"), text.replace("\\0", ""), text.replace('\\', "")] {
                if other != text {
                    let changed = signed.clone().map(|_| other.into());
                    prop_assert!(verdict(&endpoint.verifier(), &changed, NOW).is_err(), "{}", endpoint.id());
                }
            }
        }
    }
}

#[test]
fn b1_changing_a_value_is_refused_exactly_if_the_catalogue_calls_it_covered() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for field in [endpoint.scheme.event_id(), endpoint.scheme.event_type()].into_iter().flatten() {
            let field_name = field.to_string();
            let named =
                |name: &&HeaderName| field_name.starts_with("header") && field_name.contains(&format!("`{name}`"));
            let Some(name) = signed.headers().keys().find(named) else { continue };
            let mut changed = signed.clone();
            put(&mut changed, name.as_str(), "another");
            let refused = everywhere(&endpoint.verifier(), &changed, NOW).is_err();
            assert_eq!(field.is_covered(), refused, "{}: {name}", endpoint.id());
        }
    }
}

#[test]
fn b2_a_tag_in_another_encoding_is_refused_or_is_the_same_event() {
    let recode: [fn(&str) -> String; 7] = [
        |text| text.replace('+', "-").replace('/', "_"),
        |text| text.replace('-', "+").replace('_', "/"),
        |text| text.trim_end_matches('=').to_owned(),
        |text| format!("{text}="),
        str::to_uppercase,
        |text| format!("{text}\t"),
        |text| text.replace('=', "%3D"),
    ];
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let before = everywhere(&endpoint.verifier(), &signed, NOW).unwrap().covered();
        let Some(name) = endpoint.reading.signature_header() else { continue };
        // The text in the place of `{any}` in a template is ignored.
        if endpoint.reading.tag_template().is_some_and(|template| template.contains("{any}")) {
            continue;
        }
        for recode in recode {
            let mut changed = signed.clone();
            put(&mut changed, &name, &recode(signed.headers()[&name].to_str().unwrap()));
            if let Ok(after) = everywhere(&endpoint.verifier(), &changed, NOW) {
                assert_eq!(after.covered(), before, "{}", endpoint.id());
                assert!(
                    !endpoint.reading.is_complete() || endpoint.reading.is_same(&signed, &changed),
                    "{}",
                    endpoint.id()
                );
            }
        }
    }
}

#[test]
fn b3_the_same_request_twice_is_the_same_event() {
    for endpoint in ENDPOINTS.iter() {
        let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
        assert_eq!(everywhere(&verifier, &signed, NOW), everywhere(&verifier, &signed, NOW), "{}", endpoint.id());
    }
}

#[test]
fn b4_no_byte_moves_between_a_signed_header_and_the_body() {
    for endpoint in
        ENDPOINTS.iter().filter(|endpoint| endpoint.scheme.ambiguity().is_none() && endpoint.reading.covers_body())
    {
        let signed = endpoint.sample();
        let body = signed.body();
        let texts = endpoint.reading.headers().into_iter().map(|name| {
            let text = signed.headers()[&name].to_str().unwrap().to_owned();
            (name, text)
        });
        for (name, text) in texts {
            for moved in 1..=text.len().min(4) {
                let (front, tail) = text.split_at(text.len() - moved);
                let mut back = signed.clone().map(|body| [tail.as_bytes(), &body].concat().into());
                put(&mut back, &name, front);
                assert!(
                    everywhere(&endpoint.verifier(), &back, NOW).is_err(),
                    "{}: `{tail}` moves back",
                    endpoint.id()
                );
                let (taken, rest) = body.split_at(moved);
                let taken = format!("{text}{}", std::str::from_utf8(taken).unwrap());
                let mut forth = signed.clone().map(|_| Bytes::copy_from_slice(rest));
                put(&mut forth, &name, &taken);
                assert!(everywhere(&endpoint.verifier(), &forth, NOW).is_err(), "{}: `{taken}`", endpoint.id());
            }
        }
    }
}

#[test]
fn b4_an_optional_value_does_not_move_into_one_that_is_signed_in_lower_case() {
    let endpoint = Endpoint::find("mercadopago");
    let mut genuine = endpoint.request("{}");
    *genuine.uri_mut() = Uri::from_static("/hooks?data.id=1&type=payment");
    put(&mut genuine, "x-request-id", "r-1");
    let genuine = endpoint.sign(genuine, NOW);
    each_way(&endpoint.verifier(), &genuine, NOW, &[]).unwrap();

    let mut forged = genuine;
    *forged.uri_mut() = Uri::from_static("/hooks?data.id=1%3BREQUEST-ID%3Ar-1&type=payment");
    forged.headers_mut().remove("x-request-id");
    let refused = each_way(&endpoint.verifier(), &forged, NOW, &[]).unwrap_err();
    assert_eq!(refused.code(), "ambiguous_content");
}

#[test]
fn a_parameter_added_to_or_removed_from_a_sorted_query_is_refused() {
    let nested = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                  signs = [{ text = \"q:{query-sorted}\\n\", when = \"query:b\" }, \"{body}\"]\n\
                  ambiguous = \"as the test has it\"\n";
    let nested = Endpoint::new("own-nested-query", nested);
    for endpoint in [&Endpoint::find("own-sorted-query"), &nested] {
        let mut request = endpoint.request("{}");
        *request.uri_mut() = Uri::from_static("/hooks?b=2&a=1");
        let signed = endpoint.sign(request, NOW);
        each_way(&endpoint.verifier(), &signed, NOW, &[1]).unwrap();
        for changed in ["/hooks?b=2&a=1&c=3", "/hooks?b=2", "/hooks"] {
            let mut changed_request = signed.clone();
            *changed_request.uri_mut() = Uri::from_static(changed);
            let refused = each_way(&endpoint.verifier(), &changed_request, NOW, &[1]).unwrap_err();
            assert_eq!(refused.code(), "signature", "{}: {changed}", endpoint.id());
        }
        // The order is not signed, and makes no other event.
        let mut turned = signed.clone();
        *turned.uri_mut() = Uri::from_static("/hooks?a=1&b=2");
        each_way(&endpoint.verifier(), &turned, NOW, &[1]).unwrap();
    }
}

#[test]
fn b4_digits_do_not_move_between_the_timestamp_and_a_body_of_digits() {
    for endpoint in of_any_bytes().filter(|endpoint| endpoint.scheme.tolerance().is_some()) {
        let verifier =
            endpoint.builder().secret(endpoint.secret).tolerance(std::time::Duration::from_secs(4_000_000_000));
        let verifier = verifier.build().unwrap();
        let signed = endpoint.sign(endpoint.request("1234567890"), NOW);
        for (name, value) in signed.headers() {
            let text = value.to_str().unwrap();
            for time in ["1767225600000", "1767225600"].into_iter().filter(|time| text.contains(*time)) {
                for (longer, body) in
                    [(format!("{time}1"), "234567890"), (time[..time.len() - 1].to_owned(), "01234567890")]
                {
                    let mut shifted = signed.clone().map(|_| Bytes::from(body));
                    put(&mut shifted, name.as_str(), &text.replace(time, &longer));
                    assert!(everywhere(&verifier, &shifted, NOW).is_err(), "{}: {longer} and {body}", endpoint.id());
                }
            }
        }
    }
}

#[tokio::test]
async fn b5_an_id_that_could_end_early_is_refused() {
    let endpoint = Endpoint::find("standard-webhooks");
    let app = App::new(endpoint.verifier());
    let signed = |id: &str| {
        let mut request = endpoint.request(endpoint.sample_body());
        put(&mut request, "webhook-id", id);
        endpoint.signer_of(endpoint.secret).unwrap().sign(request, NOW)
    };
    for id in ["msg.1767225600", "msg.1767225600.x", ".1", "a.b.1", "a.1.b"] {
        assert!(signed(id).is_err(), "{id}: the signer refuses it too");
        let mut request = endpoint.sample();
        put(&mut request, "webhook-id", id);
        assert_eq!(app.send(request).await.code(), "ambiguous_content", "{id}");
    }
    assert_eq!(app.calls(), 0);
    for id in ["msg.x", "a.b.c", "evt.1x"] {
        assert!(app.send(signed(id).unwrap()).await.status.is_success(), "{id}");
    }
}

#[test]
fn b5_an_id_has_only_visible_characters_and_is_short() {
    let endpoint = Endpoint::find("standard-webhooks");
    for id in ["", " ", "a b", "a\tb", "é", &"a".repeat(257)] {
        let mut request = endpoint.sample();
        request.headers_mut().insert("webhook-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
        assert_eq!(everywhere(&endpoint.verifier(), &request, NOW).unwrap_err().code(), "malformed_id", "{id:?}");
    }
}

#[test]
fn b6_every_byte_is_signed_as_it_is() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for endpoint in of_any_bytes() {
        let signed = endpoint.sign(endpoint.request(all.clone()), NOW);
        assert!(everywhere(&endpoint.verifier(), &signed, NOW).is_ok(), "{}", endpoint.id());
    }
}

#[test]
fn b7_bodies_that_a_text_decoder_cannot_tell_apart_are_told_apart() {
    let bodies = [&[0xff][..], &[0xfe], &[0xc3], &[0xc3, 0x28], "\u{fffd}".as_bytes(), b"?", b"", &[0xed, 0xa0, 0x80]];
    for endpoint in of_any_bytes() {
        for one in bodies {
            let signed = endpoint.sign(endpoint.request(one), NOW);
            for other in bodies {
                let changed = signed.clone().map(|_| Bytes::from_static(other));
                assert_eq!(
                    everywhere(&endpoint.verifier(), &changed, NOW).is_ok(),
                    one == other,
                    "{}: {one:?} {other:?}",
                    endpoint.id()
                );
            }
        }
    }
}

#[test]
fn b7_only_an_ambiguous_scheme_signs_a_form_with_replaced_bytes() {
    let forms = [&b"order=%FF"[..], b"order=%FE", b"order=\xff", b"order=%C3", b"order=%EF%BF%BD"];
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.reading.needs_form()) {
        let signer = endpoint.signer_of(endpoint.secret).unwrap();
        for one in forms {
            let Ok(signed) = signer.sign(endpoint.request(one), NOW) else { continue };
            for other in forms.into_iter().filter(|other| *other != one) {
                let body = [&signed.body()[..]].concat();
                let at = body.windows(one.len()).position(|window| window == one).unwrap();
                let changed = [&body[..at], other, &body[at + one.len()..]].concat();
                let accepted = everywhere(&endpoint.verifier(), &signed.clone().map(|_| changed.into()), NOW).is_ok();
                // If only a token in the form is signed, and no other byte of it, the rest may be changed anyway.
                let excused = endpoint.scheme.ambiguity().is_some() || !endpoint.reading.covers_body();
                assert!(excused || !accepted, "{}: {one:?} for {other:?}", endpoint.id());
            }
        }
    }
}

#[tokio::test]
async fn b8_the_handler_gets_the_bytes_that_were_signed() {
    for endpoint in ENDPOINTS.iter() {
        let app = App::new(endpoint.verifier());
        let signed = endpoint.sample();
        for size in [1, 2, 7, 1000] {
            let (parts, body) = signed.clone().into_parts();
            let pieces: Vec<Step> = body.chunks(size).map(|piece| Step::Bytes(Bytes::copy_from_slice(piece))).collect();
            let (wire, _) = Wire::with_count(pieces);
            let answer = app.send_body(Request::from_parts(parts, wire)).await;
            assert!(answer.status.is_success(), "{}: {answer:?}", endpoint.id());
        }
        assert_eq!(app.bodies(), vec![signed.body().clone(); 4], "{}", endpoint.id());
    }
}

#[test]
fn b8_a_duplicate_json_key_is_no_id_no_type_and_no_timestamp() {
    let stripe = Endpoint::find("stripe");
    let twice = stripe.sign(stripe.request(r#"{"id":"evt_1","type":"a","id":"evt_2"}"#), NOW);
    let accepted = everywhere(&stripe.verifier(), &twice, NOW).unwrap();
    assert_eq!((accepted.event_id, accepted.event_type), (None, Some(("a".to_owned(), true))));

    let linear = Endpoint::find("linear");
    let signed = linear.sample();
    let twice =
        String::from_utf8(signed.body().to_vec()).unwrap().replacen('{', "{\"webhookTimestamp\":1767225600000,", 1);
    // GitHub's scheme signs the body as it is, like Linear's, but without the time.
    let plain = Endpoint::find("github");
    let tag = plain.sign(plain.request(twice.clone()), NOW).headers()["x-hub-signature-256"]
        .to_str()
        .unwrap()
        .replace("sha256=", "");
    let mut request = signed.map(|_| twice.into());
    put(&mut request, "linear-signature", &tag);
    assert_eq!(everywhere(&linear.verifier(), &request, NOW).unwrap_err().code(), "malformed_timestamp");
}

#[test]
fn b9_an_event_type_in_an_unsigned_header_is_not_called_covered() {
    for (id, header) in [("github", "x-github-event"), ("shopify", "x-shopify-topic"), ("gitlab", "x-gitlab-event")] {
        let endpoint = Endpoint::find(id);
        let mut swapped = endpoint.sample();
        put(&mut swapped, header, "another");
        let accepted = everywhere(&endpoint.verifier(), &swapped, NOW).unwrap();
        assert_eq!(accepted.event_type, Some(("another".to_owned(), false)), "{id}");
    }
}

#[test]
fn b9_a_header_does_not_replace_a_type_in_the_signed_body() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let Some((kind, true)) = everywhere(&endpoint.verifier(), &signed, NOW).unwrap().event_type else { continue };
        let mut changed = signed.clone();
        for name in ["type", "event", "x-event", "x-event-type", "x-github-event", "event-type"] {
            put(&mut changed, name, "another");
        }
        let after = everywhere(&endpoint.verifier(), &changed, NOW).unwrap();
        assert_eq!(after.event_type, Some((kind, true)), "{}", endpoint.id());
    }
}

#[test]
fn b8_a_delivery_reports_the_key_that_made_its_signature() {
    for endpoint in ENDPOINTS.iter() {
        let other = Key::new("other", Secret::new(endpoint.other_secret).unwrap());
        let verifier: Verifier = endpoint.builder().key(other).key(endpoint.key("right")).build().unwrap();
        assert_eq!(everywhere(&verifier, &endpoint.sample(), NOW).unwrap().key, "right", "{}", endpoint.id());
    }
}

#[test]
fn a_token_beside_a_hash_of_the_body_is_no_reason_to_skip_the_hash() {
    let file = "name = \"Acme\"\n[signature]\nalgorithm = \"token\"\nheader = \"X-Token\"\n[[check]]\nheader = \"X-Sum\"\n\
        equals = \"{sha256-hex:body}\"\n";
    let scheme = countersign::Scheme::from_toml("acme", file).unwrap();
    let verifier = countersign::Verifier::new(&scheme, "a-long-random-secret").unwrap();
    let request = Request::post("/").body(Bytes::from("{}")).unwrap();
    let mut signed = countersign::Signer::new(&scheme, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
    assert!(each_way(&verifier, &signed, NOW, &[]).is_ok());
    *signed.body_mut() = Bytes::from("[]");
    assert_eq!(each_way(&verifier, &signed, NOW, &[]).unwrap_err().code(), "body_hash");
}

#[test]
fn a_form_with_too_many_parameters_is_refused_before_it_is_sorted() {
    let endpoint = Endpoint::find("twilio-form");
    let verifier = endpoint.verifier();
    let form = |count: usize| Bytes::from(vec!["a"; count].join("&"));
    let mut signed = endpoint.sign(endpoint.request(form(1000).to_vec()), NOW);
    assert!(each_way(&verifier, &signed, NOW, &[]).is_ok());
    *signed.body_mut() = form(1001);
    assert_eq!(each_way(&verifier, &signed, NOW, &[]).unwrap_err().code(), "malformed_value");
}

/// A multipart form with a part with this `Content-Disposition` among the signed ones.
fn with_part(disposition: &[u8]) -> Request<Bytes> {
    let signed = Endpoint::find("mailgun-routes").sample();
    let parts = form_urlencoded::parse(signed.body()).map(|(name, value)| {
        let head = format!("form-data; name=\"{name}\"").into_bytes();
        (head, value.into_owned())
    });
    let mut parts: Vec<(Vec<u8>, String)> = parts.collect();
    parts.insert(1, (disposition.to_vec(), "another".to_owned()));
    let mut body = Vec::new();
    for (head, value) in parts {
        body.extend([b"--xYzZY\r\nContent-Disposition: ", &*head, b"\r\n\r\n", value.as_bytes(), b"\r\n"].concat());
    }
    body.extend(b"--xYzZY--\r\n");
    let (mut head, _) = signed.into_parts();
    head.headers.insert("content-type", HeaderValue::from_static("multipart/form-data; boundary=xYzZY"));
    Request::from_parts(head, Bytes::from(body))
}

#[test]
fn a_file_in_a_form_may_have_any_name() {
    let verifier = Endpoint::find("mailgun-routes").verifier();
    let dispositions: [&[u8]; 17] = [
        b"form-data; name=\"file\"; filename=\"a.pdf\"",
        b"form-data; name=\"file\"; filename=\"report; name=final.pdf\"",
        b"form-data; name=\"file\"; filename=\"report; name=token\"",
        b"form-data; filename=\"report; name=token\"; name=\"file\"",
        b"form-data; name=\"file\"; filename=\"name=token\";",
        b"form-data; name=\"file\"; filename=\"r\xe9sum\xe9.pdf\"",
        b"form-data; name=\"file\"; filename=\"r\xe9sum\xe9; name=token\"",
        b"form-data; name=\"pi\xe8ce\"; filename=\"a.pdf\"",
        b"form-data; name=\"file\"; filename=\"\\\"a\\\"; name=\\\"b\\\".pdf\"",
        b"form-data; name=\"file\"; filename=\"%22a%22; name=%22token%22\"",
        b"form-data; name=\"file\"; filename=\"the \"token\".pdf\"",
        b"form-data; name=\"file\"; filename=\"C:\\token\\\"",
        b"form-data; name=\"file\"; filename=token; filename*=UTF-8''name%3Dtoken",
        b"form-data; name=\"tokens\"; filename=\"it's.pdf\"",
        b"form-data; name=\"file\"\r\nContent-Type: application/pdf; name=\"token\"",
        b"form-data; name=\"file\"; filename=\"a\n.pdf\"",
        b"form-data; name=\"file\"\r\nContent-Description:\tthe\ttoken",
    ];
    for disposition in dispositions {
        let verdict = each_way(&verifier, &with_part(disposition), NOW, &[7]);
        assert!(verdict.is_ok(), "{}: {verdict:?}", disposition.escape_ascii());
    }
}

#[test]
fn a_part_that_another_reader_could_take_for_a_signed_field_is_refused() {
    let verifier = Endpoint::find("mailgun-routes").verifier();
    let dispositions: [&[u8]; 25] = [
        b"form-data; name=\"token\"",
        b"form-data; name=token",
        b"form-data; NAME = \"token\"",
        b"form-data; name='token'",
        b"form-data; name=\"to\\ken\"",
        b"form-data; name=\"token\"; filename=\"report; name=final.pdf\"",
        b"form-data; name=\"token\"; name=\"file\"",
        b"form-data; name=\"file\"; name=\"token\"",
        b"form-data; name=\"file\"; name*=UTF-8''%74oken",
        b"form-data; name*0=\"to\"; name*1=\"ken\"",
        b"form-data; name=\"file\"; filename=\"a\\\"; name=\"token\"; x=\"\"",
        b"form-data; name=\"file\"; filename=\"a\\\"; name=token; x=\\\"b\"",
        b"form-data; name=\"file\"; filename=\"a\"b; name=\"token\"",
        b"form-data; name=\"file\"; filename=\"r\xe9sum\xe9\"x; name=token",
        b"form-data; name=\"file\r\nX-Y: ; name=token",
        b"form-data;\r\n name=\"token\"",
        b"form-data; name=\"file\"\r\n ; name=\"token\"",
        b"form-data; name=\"file\"\r\nContent-Disposition: form-data; name=\"token\"",
        b"form-data; name=\"token\"\r\nContent-Disposition: form-data; name=\"file\"",
        b"form-data; name=\"file\"\nContent-Disposition: form-data; name=\"token\"",
        b"form-data; name=\"file\"\r\nContent-Description: a\x0bContent-Disposition: form-data; name=\"token\"",
        b"form-data; name=\"file\"\r\nContent-Description: a\0; name=\"token\"",
        b"form-data; name=\"file\"\r\nContent-Disposition : form-data; name=\"token\"",
        b"attachment; name=\"token\"",
        b"form-data; filename=\"token\"",
    ];
    for disposition in dispositions {
        let code = each_way(&verifier, &with_part(disposition), NOW, &[7]).map_err(|rejection| rejection.code());
        assert!(
            code.as_ref().is_err_and(|code| code.starts_with("malformed_")),
            "{}: {code:?}",
            disposition.escape_ascii()
        );
    }
}

#[test]
fn a_json_delivery_without_its_body_is_not_accepted_as_an_empty_form() {
    for (json, form) in [("twilio-json", "twilio-form"), ("twilio-shared-key-json", "twilio-shared-key-form")] {
        let (json, form) = (Endpoint::find(json), Endpoint::find(form));
        assert_eq!(json.secret, form.secret);
        let mut signed = json.sign(json.request(b"{\"amount\":1}".to_vec()), NOW);
        assert!(each_way(&json.verifier(), &signed, NOW, &[]).is_ok());
        *signed.body_mut() = Bytes::new();
        assert_eq!(each_way(&form.verifier(), &signed, NOW, &[]).unwrap_err().code(), "body_hash");

        let signed = form.sign(form.request(Vec::new()), NOW);
        assert!(each_way(&form.verifier(), &signed, NOW, &[]).is_ok());
    }
}

#[test]
fn a_body_that_the_method_leaves_unsigned_is_refused() {
    let plivo = Endpoint::find("plivo-v3");
    let mut request = plivo.request("");
    *request.method_mut() = http::Method::GET;
    let signed = plivo.sign(request, NOW);
    assert!(everywhere(&plivo.verifier(), &signed, NOW).is_ok());
    let with_body = signed.map(|_| Bytes::from_static(b"From=15550100&Digits=1"));
    assert_eq!(everywhere(&plivo.verifier(), &with_body, NOW).unwrap_err().code(), "ambiguous_content");
}

#[test]
fn an_optional_check_runs_if_its_value_is_present_and_covers_nothing() {
    let file = |rest: &str| {
        format!(
            "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
             signs = \"{{path-and-query}}\"\n{rest}\n[[check]]\nquery = \"sum\"\nequals = \"{{sha256-hex:body}}\"\n\
             optional = true\n"
        )
    };
    let read = |rest: &str| countersign::Scheme::from_toml("acme", &file(rest));
    assert!(read("").unwrap_err().to_string().contains("does not cover the body"));
    let scheme = read("covers_body = false\n[event]\ntold_apart_by = \"unsigned-values\"").unwrap();
    assert!(!scheme.covers_body());
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    let signer = countersign::Signer::new(&scheme, "a-long-random-secret").unwrap();
    let verdict = |target: &str| {
        let request = Request::post(target).body(Bytes::from("{}")).unwrap();
        each_way(&verifier, &signer.sign(request, NOW).unwrap(), NOW, &[]).map_err(|rejection| rejection.code())
    };
    assert!(verdict("/").is_ok());
    assert!(verdict("/?sum=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a").is_ok());
    assert_eq!(verdict("/?sum=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8b"), Err("body_hash"));
    assert_eq!(verdict("/?sum="), Err("malformed_value"));
}

//! The canonical forms of requests that were made to confuse them.

use crate::{Rejection, Scheme, Signer, Timestamp, Verifier, hmac_sha256::HmacSha256};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_638_186_175);

/// The code of the refusal; `signature` if the content could be written.
fn refusal(scheme: &Scheme, secret: &str, request: &http::Request<&str>) -> &'static str {
    let verifier = Verifier::builder(scheme).secret(secret).public_url("https://example.com").build().unwrap();
    verifier
        .verify(request, *request.body(), NOW)
        .map(drop)
        .map_err(|rejection: Rejection| rejection.code())
        .unwrap_err()
}

fn hmac(name: &str, place: &str) -> Scheme {
    let covers =
        if name == "adyen" { "covers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n" } else { "" };
    let toml = format!(
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\n{place}\nsigns = \"{{canonical:{name}}}\"\n{covers}"
    );
    Scheme::from_toml("a", &toml).unwrap()
}

#[test]
fn an_adyen_item_is_signed_only_if_it_is_alone_and_unambiguous() {
    let place =
        "json = \"/notificationItems/0/NotificationRequestItem/additionalData/hmacSignature\"\nvalue = \"{base64}\"";
    let scheme = hmac("adyen", place);
    let item = |values: &str| {
        format!(
            "{{\"NotificationRequestItem\":{{\"additionalData\":{{\"hmacSignature\":\"{}=\"}},{values}}}}}",
            "A".repeat(43)
        )
    };
    let code = |body: &str| refusal(&scheme, "secret", &http::Request::post("/").body(body).unwrap());
    let of = |items: &str| code(&format!("{{\"notificationItems\":[{items}]}}"));
    assert_eq!(of(&item("\"merchantReference\":\"a:b\"")), "signature");
    assert_eq!(of(&item("\"originalReference\":null,\"success\":true,\"amount\":{\"value\":1}")), "signature");
    for values in ["\"pspReference\":\"a:b\"", "\"eventCode\":\":\"", "\"amount\":{\"currency\":\"E:\"}"] {
        assert_eq!(of(&item(values)), "ambiguous_content", "{values}");
    }
    for values in [
        "\"pspReference\":{}",
        "\"originalReference\":[]",
        "\"amount\":{\"value\":1.5}",
        "\"success\":true,\"success\":false",
    ] {
        assert_eq!(of(&item(values)), "malformed_value", "{values}");
    }
    let good = item("\"success\":true");
    assert_eq!(of(&format!("{good},{good}")), "ambiguous_content");
    assert_eq!(of(&format!("{good},null")), "ambiguous_content");
    assert_eq!(
        code(&format!("{{\"notificationItems\":[{good}],\"notificationItems\":[{good}]}}")),
        "malformed_signature"
    );
}

#[test]
fn only_values_signed_in_every_kind_of_sns_message_are_covered() {
    let is_covered = |name: &str| {
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"s\"\nvalue = \"{{hex}}\"\n\
             signs = \"{{canonical:aws-sns}}\"\ncovers_body = false\n\
             [event]\ntype = \"{{json:/{name}}}\"\ntold_apart_by = \"signed-content\"\n"
        );
        Scheme::from_toml("a", &toml).unwrap().event_type().unwrap().is_covered()
    };
    for name in ["MessageId", "Type", "TopicArn", "Message"] {
        assert!(is_covered(name), "{name}");
    }
    for name in ["Subject", "SubscribeURL", "Token", "Signature", "Message/id", "a/Message"] {
        assert!(!is_covered(name), "{name}");
    }
}

#[test]
fn an_sns_message_needs_every_signed_value_except_the_subject() {
    let toml = "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"s\"\nvalue = \"{hex}\"\n\
                signs = \"{canonical:aws-sns}\"\ncovers_body = false\n[event]\ntold_apart_by = \"signed-content\"\n";
    let scheme = Scheme::from_toml("a", toml).unwrap();
    let code = |kind: &str, names: &[&str]| {
        let values: Vec<_> = names.iter().map(|name| format!("\"{name}\":\"x\"")).collect();
        let body = format!("{{\"Type\":\"{kind}\",{}}}", values.join(","));
        refusal(&scheme, "secret", &http::Request::post("/").header("s", "0".repeat(64)).body(body.as_str()).unwrap())
    };
    let notification = ["Message", "MessageId", "Timestamp", "TopicArn"];
    let confirmation = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn"];
    for (kind, names) in [
        ("Notification", notification.as_slice()),
        ("SubscriptionConfirmation", &confirmation),
        ("UnsubscribeConfirmation", &confirmation),
    ] {
        assert_eq!(code(kind, names), "signature", "{kind}");
        assert_eq!(code(kind, &[names, &["Subject"]].concat()), "signature", "{kind}");
        for missing in names {
            let others: Vec<_> = names.iter().copied().filter(|name| name != missing).collect();
            assert_eq!(code(kind, &others), "malformed_value", "{kind} without {missing}");
        }
    }
    assert_eq!(code("Other", &confirmation), "unexpected_value");
}

#[test]
fn the_parameters_of_a_query_are_sorted_and_stay_apart() {
    let scheme = hmac("plivo-v3", "header = \"s\"\nvalue = \"{hex}\"\nambiguous = \"a test\"");
    let verifier = Verifier::builder(&scheme).secret("secret").public_url("https://example.com").build().unwrap();
    let is_signed = |text: &str| {
        let mut mac = HmacSha256::new(b"secret");
        mac.update(text.as_bytes());
        let tag = mac.finish();
        let tag = tag.map(|byte| format!("{byte:02x}")).concat();
        let request = http::Request::post("/in?b=2&a=1").header("s", tag).body(()).unwrap();
        verifier.verify(&request, "", NOW).is_ok()
    };
    assert!(is_signed("https://example.com/in?a=1&b=2"));
    assert!(!is_signed("https://example.com/in?b=2&a=1"));
    assert!(!is_signed("https://example.com/in?a=1b=2"));
}

#[test]
fn a_list_of_signed_headers_has_only_one_reading() {
    let scheme = Scheme::from_toml(
        "a",
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"S\"\nlist = { separator = \",\", items = [\"t={timestamp}\", \"v1={hex}\"] }\nsigns = \"{timestamp}.{canonical:signed-headers}\"\n[timestamp]\nformat = \"seconds\"\ntolerance = \"5m\"",
    )
    .unwrap();
    let zeros = "0".repeat(64);
    let code = |list: &str, body: &'static str| {
        let request = http::Request::post("/")
            .header("S", format!("t=1638186175,{list}v1={zeros}"))
            .header("a", "x")
            .header("b", "x.y")
            .header("c", "1.0")
            .header("d", "x.{")
            .header("e", "x.");
        refusal(&scheme, "secret", &request.body(body).unwrap())
    };
    for list in ["", "h=,", "h=a,", "h=a b,", "h=A B,"] {
        assert_eq!(code(list, "{}"), "signature", "{list}");
    }
    assert_eq!(code("", "text"), "signature");
    for (list, body) in
        [("h=a,", "text"), ("h=b c,", "{}"), ("h=b a,", "{}"), ("h=d,", "{}"), ("h=e,", "[]"), ("h=a,", "")]
    {
        assert_eq!(code(list, body), "ambiguous_content", "{list}");
    }
    for list in ["h=a,h=b,", "h=a a,", "h=a A,", "h=missing,", "h=a.b,", "h=.,", "h=a;b,", "h=\u{e9},"] {
        assert_eq!(code(list, "{}"), "malformed_value", "{list}");
    }
}

/// The vectors of Node.js 22 and `@contentful/node-apps-toolkit` 3.16.1: `signRequest` with these values.
#[test]
fn a_contentful_request_is_signed_as_by_the_senders_own_code() {
    let scheme = Scheme::from_toml(
        "a",
        "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"x-contentful-signature\"\nvalue = \"{hex}\"\nsigns = \"{canonical:contentful}\"\n[timestamp]\nheader = \"x-contentful-timestamp\"\nformat = \"milliseconds\"\ntolerance = \"30s\"",
    )
    .unwrap();
    let secret = "0123456789abcdef".repeat(4);
    let verifier = Verifier::new(&scheme, secret.as_str()).unwrap();
    let now = Timestamp::from_unix_millis(1_700_000_000_000);
    for (target, listed, extra, signature) in CONTENTFUL {
        let request = http::Request::post(*target)
            .header("x-contentful-timestamp", "1700000000000")
            .header("x-contentful-signed-headers", *listed)
            .header("x-contentful-topic", *extra)
            .header("x-contentful-signature", *signature)
            .body("{\"a\":\"\u{e9}\"}")
            .unwrap();
        let verdict = verifier.verify(&request, *request.body(), now);
        assert!(verdict.is_ok(), "{target} {listed}: {verdict:?}");
    }
    // The list of names is written in canonical form, in whichever order it is sent, with or without the two that are
    // always signed.
    let (target, _, extra, signature) = CONTENTFUL[1];
    for listed in ["x-contentful-topic", "X-Contentful-Topic, x-contentful-timestamp"] {
        let request = http::Request::post(target)
            .header("x-contentful-timestamp", "1700000000000")
            .header("x-contentful-signed-headers", listed)
            .header("x-contentful-topic", extra)
            .header("x-contentful-signature", signature)
            .body("{\"a\":\"\u{e9}\"}")
            .unwrap();
        assert!(verifier.verify(&request, *request.body(), now).is_ok(), "{listed}");
    }
    let code = |target: &str, listed: &str, topic: &str| {
        let request = http::Request::post(target)
            .header("x-contentful-timestamp", "1700000000000")
            .header("x-contentful-signed-headers", listed)
            .header("x-contentful-topic", topic)
            .header("x-contentful-signature", "0".repeat(64))
            .body("")
            .unwrap();
        verifier.verify(&request, "", now).unwrap_err().code()
    };
    assert_eq!(code("/?a?b", "", "x"), "ambiguous_content");
    assert_eq!(code("/", "x-contentful-topic", "x;x-contentful-timestamp:1"), "ambiguous_content");
    assert_eq!(code("/", "x-contentful-topic", "x;y:z"), "signature");
    assert_eq!(code("/", "x-contentful-topic,X-Contentful-Topic", "x"), "malformed_value");
    assert_eq!(code("/", "x-missing", "x"), "malformed_value");
}

const CONTENTFUL: &[(&str, &str, &str, &str)] = &[
    (
        "/hooks",
        "x-contentful-signed-headers,x-contentful-timestamp",
        "x",
        "fc5d370f1fe42ed6931fa83c5565a105d097c45458be17e7699f721669faf115",
    ),
    (
        "/hooks/a%20b?x=1&y=a%20b+c",
        "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic",
        "ContentManagement.Entry.publish",
        "63624806c63f863c8fb8d994698be9ce779814103497660ae47893557ee4bdf5",
    ),
    (
        "/h'(1)!~*;,:@&=+$?q=('!~*-_.)%C3%A9",
        "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic",
        "a;b:c",
        "e5496e5e21fecb85ec8d9d31cfed1e1d4218eb3c5e7b00283d1ebb592a533c99",
    ),
];

#[test]
fn a_covered_time_is_signed_even_if_the_scheme_does_not_read_it() {
    let of = |header: &str| {
        let toml = format!(
            "name = \"A\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"sig\"\nvalue = \"{{hex}}\"\n\
             signs = \"{{canonical:contentful}}\"\n[event]\nid = \"{{header:{header}}}\""
        );
        Scheme::from_toml("a", &toml).unwrap()
    };
    assert!(!of("x-contentful-signed-headers").event_id().unwrap().is_covered());
    let scheme = of("x-contentful-timestamp");
    assert!(scheme.event_id().unwrap().is_covered());
    let request = http::Request::post("/").header("x-contentful-timestamp", "1").body("{}").unwrap();
    let mut signed = Signer::new(&scheme, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    assert!(verifier.verify(&signed, signed.body(), NOW).is_ok());
    signed.headers_mut().insert("x-contentful-timestamp", http::HeaderValue::from_static("2"));
    assert_eq!(verifier.verify(&signed, signed.body(), NOW).unwrap_err().code(), "signature");
}

/// The webhook of `test-resources` in `TrueLayer/truelayer-signing`.
#[cfg(all(feature = "jwt", feature = "p521"))]
#[test]
fn a_token_covers_exactly_the_headers_that_it_lists() {
    const KEY: &str = r#"{"kty":"EC","alg":"ES512","kid":"45fc75cf-5649-4134-84b3-192c2c78e990","crv":"P-521","x":"oLuW4nFqoUuR8d7FVsUoI62libYdQlWGtLStnqdudLY92bQ0ra5eZAbkunrGTR9-w9mr4o2Etyb6pC7YB2-23WM","y":"AX1cjkGMiltikPrkX49qwuJDdcETaTsj-kyFP8jsF9W5XAB3Z4tBiQtc72DQnJYeKyAV_T6qZTtFKFr-Tp4iu-j7"}"#;
    const TOKEN: &str = "eyJhbGciOiJFUzUxMiIsImtpZCI6IjQ1ZmM3NWNmLTU2NDktNDEzNC04NGIzLTE5MmMyYzc4ZTk5MCIsInRsX3ZlcnNpb24iOiIyIiwidGxfaGVhZGVycyI6IlgtVGwtV2ViaG9vay1UaW1lc3RhbXAsQ29udGVudC1UeXBlIiwiamt1IjoiaHR0cHM6Ly93ZWJob29rcy50cnVlbGF5ZXIuY29tLy53ZWxsLWtub3duL2p3a3MifQ..AB9S1dzZTmw0tofUjJNGO7Kt_jZsahPyIrBTdhfxBWOI3KoLALkMy6ka1MjpZQx06_hQUJnanu9K_LS6V9lNaNGiAX5Cos5RWQfbeBCZWqAvIpXO3FvIzyJKRaTYK8FBG4lfJYPi76_pIkCLGKWeq8__7ElpMVRcLTM5IBKWL8isVZn_";
    const BODY: &str = r#"{"event_type":"example","event_id":"18b2842b-a57b-4887-a0a6-d3c7c36f1020"}"#;
    let scheme = Scheme::from_toml(
        "a",
        "name = \"A\"\n[signature]\nalgorithm = \"jws-detached\"\nheader = \"Tl-Signature\"\nsigns = \"{canonical:truelayer}\"\n[jwt]\nalgorithms = [\"ES512\"]",
    )
    .unwrap();
    let verifier = Verifier::new(&scheme, KEY).unwrap();
    let code = |path: &str, time: Option<&str>, body: &'static str| {
        let mut request =
            http::Request::post(path).header("Tl-Signature", TOKEN).header("content-type", "application/json");
        if let Some(time) = time {
            request = request.header("x-tl-webhook-timestamp", time);
        }
        let request = request.body(()).unwrap();
        verifier.verify(&request, body, NOW).map(drop).map_err(|rejection| rejection.code())
    };
    let time = Some("2021-11-29T11:42:55Z");
    assert_eq!(code("/tl-webhook", time, BODY), Ok(()));
    assert_eq!(code("/other", time, BODY), Err("signature"));
    assert_eq!(code("/tl-webhook", Some("2021-11-29T11:42:56Z"), BODY), Err("signature"));
    assert_eq!(code("/tl-webhook", time, "{}"), Err("signature"));
    assert_eq!(code("/tl-webhook", None, BODY), Err("malformed_value"));
}

#[test]
fn an_environment_occurs_once_and_is_quoted() {
    let place =
        "header = \"X-Sign\"\nlist = { separator = \",\", trim = true, items = [\"sign={hex}\", \"env={any}\"] }";
    let scheme = hmac("hygraph", place);
    let sign = "0".repeat(64);
    let code = |rest: &str| {
        let request = http::Request::post("/").header("X-Sign", format!("sign={sign}{rest}")).body("{}").unwrap();
        refusal(&scheme, "secret", &request)
    };
    for rest in ["", ", env=", ", env=master", ", env=a\"b\\", ", other=master"] {
        assert_eq!(code(rest), "signature", "{rest}");
    }
    assert_eq!(code(", env=master, env=other"), "malformed_value");
    let request = http::Request::post("/").header("X-Sign", format!("sign={sign}")).body("\u{1F600}").unwrap();
    let body = &request.body().as_bytes()[..3];
    let verifier = Verifier::builder(&scheme).secret("secret").public_url("https://example.com").build().unwrap();
    assert_eq!(verifier.verify(&request, body, NOW).unwrap_err().code(), "malformed_value");
}

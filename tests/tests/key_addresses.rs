//! From where keys are fetched: whatever a request says, never from elsewhere than the scheme allows.

use std::time::Duration;

use countersign::{Scheme, Signer, Timestamp, Tolerance, Unkeyed, Verifier, providers};
use countersign_tests::verdict::each_way;
use http::{HeaderValue, Request, request::Parts};
use proptest::prelude::*;

fn unkeyed(keys: &str) -> Unkeyed {
    let text = format!(
        "name = \"T\"\n[settings]\ntenant = \"the tenant\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\n\
         value = \"{{hex}}\"\nsigns = \"{{body}}\"\n[keys]\n{keys}"
    );
    Verifier::builder(Scheme::from_toml("t", &text).unwrap()).setting("tenant", "acme").without_keys().unwrap()
}

fn head(name: &str, value: &[u8]) -> Option<Parts> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(Request::post("/").header(name, value).body(()).ok()?.into_parts().0)
}

fn sns() -> Unkeyed {
    unkeyed(
        "format = \"certificate\"\nurl_at = { json = \"/SigningCertURL\" }\n\
         hosts = [\"sns.{region}.amazonaws.com\", \"sns.{region}.amazonaws.com.cn\"]\n\
         path = \"/SimpleNotificationService-{hex}.pem\"\n",
    )
}

/// What a URL under the rule of `sns` is, said in another way.
fn is_of_sns(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://sns.").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let Some(region) = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".amazonaws.com.cn")) else {
        return false;
    };
    let words: Vec<&str> = region.split('-').collect();
    let [first, between @ .., last] = words.as_slice() else { return false };
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let hex = path.strip_prefix("SimpleNotificationService-").and_then(|rest| rest.strip_suffix(".pem"));
    first.len() == 2
        && letters(first)
        && !between.is_empty()
        && between.iter().all(|word| letters(word))
        && (1..=2).contains(&last.len())
        && last.bytes().all(|b| b.is_ascii_digit())
        && hex.is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|b| b"0123456789abcdef".contains(&b)))
}

/// Pieces of which URLs are made that are nearly right.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https://"),
        Just("http://"),
        Just("sns."),
        Just("us-east-1"),
        Just("s3"),
        Just("s3-us-west-2"),
        Just("."),
        Just("amazonaws.com"),
        Just(".cn"),
        Just("/"),
        Just("SimpleNotificationService-"),
        Just("0a1b"),
        Just(".pem"),
        Just("@"),
        Just(":443"),
        Just("#"),
        Just("?"),
        Just("%2e"),
        Just(".."),
        Just("\\\\"),
        Just("evil.example"),
        Just("\u{e9}"),
        Just("https://sns.us-east-1.amazonaws.com"),
        Just("/SimpleNotificationService-00ff.pem"),
        Just(" "),
        Just("A"),
    ];
    proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

fn check_named(text: &str) {
    let unkeyed = sns();
    let body = serde_json::json!({ "SigningCertURL": text }).to_string();
    let head = head("X-Any", b"x").unwrap();
    match unkeyed.locate(&head, Some(body.as_bytes())) {
        Ok(address) => {
            assert_eq!(address.url(), text, "the URL is the one that was checked");
            assert!(is_of_sns(text), "{text}");
        }
        Err(refusal) => assert!(!is_of_sns(text) || text.len() > 200, "{text}: {refusal}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_named_url_is_fetched_from_only_under_the_rule(text in nearly()) {
        check_named(&text);
    }

    #[test]
    fn any_text_in_place_of_a_url_is_refused_or_under_the_rule(text in any::<String>()) {
        check_named(&text);
    }

    #[test]
    fn any_body_leads_nowhere_else(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let head = head("X-Any", b"x").unwrap();
        prop_assert!(!sns().locate(&head, Some(&body)).is_ok_and(|address| !is_of_sns(address.url())));
    }

    #[test]
    fn an_id_never_leaves_its_place_in_the_url(id in proptest::collection::vec(any::<u8>(), 0..140)) {
        let unkeyed = unkeyed(
            "format = \"pem\"\nurl = \"https://{setting:tenant}.example/v1/{key-id}/key\"\nid = { header = \"X-Key\" }\n",
        );
        let Some(head) = head("X-Key", &id) else { return Ok(()) };
        if let Ok(address) = unkeyed.locate(&head, None) {
            let rest = address.url().strip_prefix("https://acme.example/v1/");
            let id = rest.and_then(|rest| rest.strip_suffix("/key")).unwrap();
            prop_assert!(!id.is_empty() && !id.starts_with('.'));
            prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{}", id);
        }
    }
}

#[test]
fn the_region_rule_is_met_by_what_amazon_sends() {
    for region in ["us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1"] {
        let url = format!(
            "https://sns.{region}.amazonaws.com/SimpleNotificationService-010a507c1833636cd94bdb98bd93083a.pem"
        );
        assert!(is_of_sns(&url));
        check_named(&url);
    }
    let china =
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-3250158c6506d40628c21ed8dbd1c9c1.pem";
    assert!(is_of_sns(china));
    check_named(china);
}

#[test]
fn a_token_names_its_key_by_the_kid_in_its_header() {
    let unkeyed = Verifier::builder(providers::GOOGLE_PUBSUB_PUSH).setting("audience", "us").without_keys().unwrap();
    // {"alg":"RS256","kid":"7d68"} . {} . AA
    let token = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjdkNjgifQ.e30.AA";
    let address = unkeyed.locate(&head("Authorization", token.as_bytes()).unwrap(), None).unwrap();
    assert_eq!((address.url(), address.key_id()), ("https://www.googleapis.com/oauth2/v3/certs", Some("7d68")));
    // {"alg":"HS256","kid":"7d68"}: not an algorithm of this scheme.
    let other = "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6IjdkNjgifQ.e30.AA";
    assert_eq!(
        unkeyed.locate(&head("Authorization", other.as_bytes()).unwrap(), None).unwrap_err().code(),
        "malformed_signature"
    );
}

#[test]
fn a_detached_signature_names_its_key_by_the_kid_in_its_header() {
    let text = "name = \"T\"\n[signature]\nalgorithm = \"jws-detached\"\nheader = \"X-Sig\"\nsigns = \"{body}\"\n\
                [jwt]\nalgorithms = [\"RS256\"]\n[keys]\nformat = \"jwks\"\nurl = \"https://acme.example/keys.json\"\n";
    let unkeyed = Verifier::builder(Scheme::from_toml("t", text).unwrap()).without_keys().unwrap();
    // {"alg":"RS256","kid":"7d68"} and {"alg":"RS256"}, each with another's signature.
    for (signature, key_id) in
        [("eyJhbGciOiJSUzI1NiIsImtpZCI6IjdkNjgifQ..AA", Some("7d68")), ("eyJhbGciOiJSUzI1NiJ9..AA", None)]
    {
        let address = unkeyed.locate(&head("X-Sig", signature.as_bytes()).unwrap(), None).unwrap();
        assert_eq!((address.url(), address.key_id()), ("https://acme.example/keys.json", key_id));
    }
}

#[test]
fn a_message_signature_by_another_key_is_refused_before_keys_are_fetched() {
    let text = "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n[http-signature]\nalgorithms = [\"ed25519\"]\n\
                components = [\"content-digest\"]\nkey_id = \"7d68\"\n[keys]\nformat = \"pem\"\n\
                url = \"https://acme.example/key.pem\"\n";
    let code = |text: &str, key_id: &str| {
        let unkeyed = Verifier::builder(Scheme::from_toml("t", text).unwrap()).without_keys().unwrap();
        let request = Request::post("/")
            .header("Signature-Input", format!("a=(\"content-digest\"){key_id}"))
            .header("Signature", "a=:AA==:");
        let verdict = unkeyed.check_head(&request.body(()).unwrap(), Timestamp::from_unix_seconds(1_767_225_600));
        verdict.map_or_else(|rejection| rejection.code(), |()| "")
    };
    let ids = [";keyid=\"7d68\"", ";keyid=\"7d69\"", ""];
    assert_eq!(ids.map(|id| code(text, id)), ["", "unknown_key", "unknown_key"]);
    assert_eq!(ids.map(|id| code(&text.replace("key_id = \"7d68\"\n", ""), id)), ["", "", ""]);
}

#[test]
fn a_token_that_is_the_whole_body_names_its_key_there() {
    let unkeyed = Verifier::builder(providers::KINDE).setting("domain", "acme.kinde.com").without_keys().unwrap();
    assert!(unkeyed.scheme().key_source().unwrap().is_named_in_body());
    let head = head("X-Any", b"x").unwrap();
    let address = unkeyed.locate(&head, Some(b"eyJhbGciOiJSUzI1NiIsImtpZCI6IjdkNjgifQ.e30.AA")).unwrap();
    assert_eq!(address.url(), "https://acme.kinde.com/.well-known/jwks.json");
    assert_eq!(address.key_id(), Some("7d68"));
}

#[test]
fn settings_must_make_a_url_at_the_start() {
    let with = |domain: &str| Verifier::builder(providers::KINDE).setting("domain", domain).without_keys();
    for domain in
        ["acme.kinde.com/x?", "10.0.0.1", "user@acme.kinde.com", "https://acme.kinde.com", "acme.kinde.com#", "ACME"]
    {
        assert!(with(domain).is_err(), "{domain}");
    }
    assert!(Verifier::builder(providers::KINDE).without_keys().is_err(), "the domain is missing");
    assert!(Verifier::builder(providers::STRIPE).without_keys().is_err(), "there are no keys to fetch");
    let both = Verifier::builder(providers::KINDE).setting("domain", "acme.kinde.com").secret("x").without_keys();
    assert!(both.is_err(), "a secret is there already");
}

#[test]
fn nothing_is_fetched_for_a_method_that_the_provider_does_not_use() {
    for question in ["", "[[handshake]]\nmethod = \"PUT\"\nsigned = false\nwhen = { json = \"/challenge\" }\n"] {
        let unkeyed = unkeyed(&format!("format = \"pem\"\nurl = \"https://acme.example/key\"\n{question}"));
        let code = |method: &str| {
            let signature = "00".repeat(64);
            let request = Request::builder().method(method).uri("/").header("X-Sig", signature).body(()).unwrap();
            let verdict = unkeyed.check_head(&request, Timestamp::from_unix_seconds(1_767_225_600));
            verdict.map_or_else(|rejection| rejection.code(), |()| "")
        };
        assert_eq!([code("POST"), code("PUT"), code("GET")], ["", "method", "method"], "{question}");
    }
}

#[test]
fn an_id_may_have_256_characters_that_can_be_seen() {
    let unkeyed = unkeyed("format = \"jwks\"\nurl = \"https://acme.example/keys\"\nid = { header = \"X-Key\" }\n");
    let locate = |id: &str| {
        let head = head("X-Key", id.as_bytes()).unwrap();
        unkeyed.locate(&head, None).map(|address| address.key_id().map(str::to_owned)).map_err(|refusal| refusal.code())
    };
    for length in [1, 255, 256] {
        let id = "i".repeat(length);
        assert_eq!(locate(&id), Ok(Some(id.clone())), "{length}");
    }
    for id in
        ["i".repeat(257), "i".repeat(5000), "a b".to_owned(), "a\tb".to_owned(), "\u{e9}".to_owned(), String::new()]
    {
        assert_eq!(locate(&id), Err("malformed_value"), "{id}");
    }
}

/// The scheme's rule for a URL in a header.
fn named_by_header(hosts: &str) -> Unkeyed {
    unkeyed(&format!(
        "format = \"pem\"\nurl_at = {{ header = \"X-Url\" }}\nhosts = [\"{hosts}\"]\npath = \"/{{word}}.pem\"\n"
    ))
}

/// Whether the key of a request that names this URL is fetched from there.
fn leads_to(unkeyed: &Unkeyed, url: &str) -> bool {
    unkeyed.locate(&head("X-Url", url.as_bytes()).unwrap(), None).is_ok_and(|address| address.url() == url)
}

#[test]
fn a_label_of_a_host_has_63_characters_at_most_and_no_hyphen_at_an_end() {
    let unkeyed = named_by_header("{label}.acme.example");
    let is_taken = |label: &str| leads_to(&unkeyed, &format!("https://{label}.acme.example/a.pem"));
    for label in ["a", "0", "eu-1", "a--b", &"a".repeat(63)] {
        assert!(is_taken(label), "{label}");
    }
    for label in ["", "-", "-a", "a-", "a.b", "a_b", "A", &"a".repeat(64)] {
        assert!(!is_taken(label), "{label}");
    }
}

#[test]
fn a_region_is_two_letters_words_and_a_number() {
    let unkeyed = named_by_header("sns.{region}.amazonaws.com");
    let is_taken = |region: &str| leads_to(&unkeyed, &format!("https://sns.{region}.amazonaws.com/a.pem"));
    for region in ["us-east-1", "us-gov-west-12"] {
        assert!(is_taken(region), "{region}");
    }
    for region in
        ["usa-east-1", "u-east-1", "u1-east-1", "12-east-1", "us-ea5t-1", "us-east-123", "us-east-1a", "us-east-"]
    {
        assert!(!is_taken(region), "{region}");
    }
}

#[test]
fn a_verifier_without_keys_tells_the_tolerance_that_it_will_have() {
    let signature = "name = \"T\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n";
    let keys = "[keys]\nformat = \"pem\"\nurl = \"https://acme.example/key\"\n";
    let time = "[timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    let timed = format!("{signature}signs = \"{{timestamp}}.{{body}}\"\n{time}{keys}");
    let builder = || Verifier::builder(Scheme::from_toml("t", &timed).unwrap());
    let five_minutes = Tolerance::symmetric(Duration::from_secs(300));
    assert_eq!(builder().without_keys().unwrap().tolerance(), Some(five_minutes));
    let other = Tolerance::new(Duration::from_secs(7), Duration::from_secs(2));
    assert_eq!(builder().tolerance(other).without_keys().unwrap().tolerance(), Some(other));
    assert_eq!(unkeyed(keys.trim_start_matches("[keys]\n")).tolerance(), None);
}

/// Of a provider that looks whether the endpoint is there, and asks a signed question by a method that no delivery has.
#[test]
fn a_key_is_fetched_for_a_question_that_must_be_signed() {
    let unkeyed = unkeyed(
        "format = \"pem\"\nurl = \"https://acme.example/key\"\n\
         [[handshake]]\nmethod = \"HEAD\"\nsigned = false\nwhen = { query = \"hello\" }\n\
         [[handshake]]\nmethod = \"PUT\"\nwhen = { json = \"/challenge\" }\nanswer = \"{json:/challenge}\"\n",
    );
    let needs_none = |method: &str, target: &str| {
        let request = Request::builder().method(method).uri(target).body(()).unwrap();
        unkeyed.for_question(&request, Timestamp::from_unix_seconds(1_767_225_600)).is_some()
    };
    assert!(needs_none("HEAD", "/?hello=1"));
    for (method, target) in [("HEAD", "/"), ("PUT", "/"), ("PUT", "/?hello=1"), ("POST", "/"), ("POST", "/?hello=1")] {
        assert!(!needs_none(method, target), "{method} {target}");
    }
}

#[test]
fn no_key_is_fetched_for_a_question_in_a_body_that_nobody_signed() {
    let unkeyed = unkeyed(
        "format = \"pem\"\nurl = \"https://acme.example/key\"\n\
         [[handshake]]\nmethod = \"POST\"\nsigned = false\nwhen = { json = \"/challenge\" }\nanswer = \"{json:/challenge}\"\n",
    );
    let needs_none = |method: &str, signature: Option<&str>| {
        let request = Request::builder().method(method).uri("/");
        let request = signature.into_iter().fold(request, |request, signature| request.header("X-Sig", signature));
        unkeyed.for_question(&request.body(()).unwrap(), Timestamp::from_unix_seconds(1_767_225_600)).is_some()
    };
    assert!(needs_none("POST", None));
    // What is signed is a delivery, or refused for its signature; and by another method nothing is asked.
    assert!(!needs_none("POST", Some(&"00".repeat(64))) && !needs_none("POST", Some("0")));
    assert!(!needs_none("GET", None) && !needs_none("PUT", None));
}

#[test]
fn the_url_of_a_key_follows_from_what_a_request_may_say_of_it() {
    let url = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00ff.pem";
    assert_eq!(sns().url_of(url).as_deref(), Some(url));
    assert_eq!(sns().url_of("https://sns.us-east-1.evil.example/SimpleNotificationService-00ff.pem"), None);
    let by_id = unkeyed(
        "format = \"pem\"\nurl = \"https://{setting:tenant}.example/v1/{key-id}/key\"\nid = { header = \"X-Key\" }\n",
    );
    assert_eq!(by_id.url_of("2026-a").as_deref(), Some("https://acme.example/v1/2026-a/key"));
    assert_eq!(by_id.url_of("../key"), None);
    let set = unkeyed("format = \"jwks\"\nurl = \"https://acme.example/keys\"\nid = { header = \"X-Key\" }\n");
    assert_eq!([set.url_of("2026-a"), set.url_of("https://acme.example/keys")], [None, None], "there is one for all");
}

#[test]
fn a_key_that_was_pasted_is_for_requests_that_name_one_under_the_rule_wherever_they_do() {
    let signer = |place: &str| {
        let text = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"jwt\"\nheader = \"X-Token\"\ncovers_body = false\n\
             [jwt]\nalgorithms = [\"ES256\"]\n[keys]\nformat = \"pem\"\nurl_at = {{ {place} }}\n\
             hosts = [\"keys.acme.example\"]\npath = \"/{{word}}.pem\"\n"
        );
        Signer::new(Scheme::from_toml("t", &text).unwrap(), include_str!("../vectors/keys/p256.pem")).unwrap()
    };
    let now = Timestamp::from_unix_seconds(1_767_225_600);
    let public = include_str!("../vectors/keys/p256.pub.pem");
    for place in ["json = \"/key\"", "header = \"X-Key\""] {
        let signer = signer(place);
        let verifier = Verifier::new(signer.scheme(), public).unwrap();
        for (url, is_right) in [
            ("https://keys.acme.example/one.pem", true),
            ("https://keys.acme.example.evil.example/one.pem", false),
            ("https://evil.example/one.pem", false),
            ("", false),
        ] {
            let request = Request::post("/").header("X-Key", url).body(serde_json::json!({ "key": url }).to_string());
            let signed = signer.sign(request.unwrap(), now).unwrap();
            assert_eq!(each_way(&verifier, &signed, now, &[5]).is_ok(), is_right, "{place}: {url}");
        }
    }
}

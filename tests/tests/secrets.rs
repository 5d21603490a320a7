//! Secrets that are none are refused with a hint, and those that are never come out again.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign::{
    ConfigError, Key, KeyError, KeyPolicy, PrivateKey, PublicKeyKind, Rejection, Scheme, Secret, SecretError, Setup,
    Signer, Timestamp, Verifier, providers, replay::MemoryStore,
};
use countersign_tests::{
    app::App,
    endpoint::{Endpoint, NOW},
};
use countersign_tower::{ReplayLayer, Stack, VerifyLayer};
use http::Request;
use tracing_subscriber::fmt::MakeWriter;

#[test]
fn texts_that_are_no_secret_are_refused() {
    for (text, error) in [
        ("", SecretError::Empty),
        (" ", SecretError::Blank),
        ("   \t", SecretError::Blank),
        ("\n", SecretError::Blank),
        ("\u{a0}", SecretError::Blank),
        ("\0\0\0\0", SecretError::Blank),
        (" \0\n", SecretError::Blank),
        ("secret-with-newline\n", SecretError::Untrimmed),
        ("secret-with-newline\r\n", SecretError::Untrimmed),
        (" leading-space", SecretError::Untrimmed),
        ("trailing-tab\t", SecretError::Untrimmed),
        ("\"in-double-quotes\"", SecretError::Untrimmed),
        ("'in-single-quotes'", SecretError::Untrimmed),
        ("`in-back-ticks`", SecretError::Untrimmed),
        ("${WEBHOOK_SECRET}", SecretError::Placeholder),
        ("prefix-${WEBHOOK_SECRET}", SecretError::Placeholder),
        ("$STRIPE_SECRET", SecretError::Placeholder),
        ("$_1", SecretError::Placeholder),
        ("$(cat secret)", SecretError::Placeholder),
        ("{{ .Values.secret }}", SecretError::Placeholder),
        ("<your secret>", SecretError::Placeholder),
        ("%WEBHOOK_SECRET%", SecretError::Placeholder),
        ("#{webhook_secret}", SecretError::Placeholder),
        ("[object Object]", SecretError::Placeholder),
        ("env:WEBHOOK_SECRET", SecretError::Placeholder),
        ("changeme", SecretError::Placeholder),
        ("Change-Me", SecretError::Placeholder),
        ("YOUR_SECRET", SecretError::Placeholder),
        ("your_webhook_secret", SecretError::Placeholder),
        ("webhook_secret", SecretError::Placeholder),
        ("whsec_...", SecretError::Placeholder),
        ("whsec_your_signing_secret", SecretError::Placeholder),
        ("whsec_xxxxxxxxxxxxxxxx", SecretError::Placeholder),
        ("whsec_XXXX-XXXX", SecretError::Placeholder),
        ("whsec_****************", SecretError::Placeholder),
        ("whsec_<your-secret>", SecretError::Placeholder),
        ("whsec_<your_secret>", SecretError::Placeholder),
        ("whsec_$STRIPE", SecretError::Placeholder),
        ("whsec_{{ stripe }}", SecretError::Placeholder),
        ("whsec_%STRIPE%", SecretError::Placeholder),
        ("v1,whsec_<secret>", SecretError::Placeholder),
        ("v1,whsec_changeme", SecretError::Placeholder),
        ("sk_test_xxxxxxxx", SecretError::Placeholder),
        ("acme-v2_***", SecretError::Placeholder),
        ("null", SecretError::Placeholder),
        ("undefined", SecretError::Placeholder),
        ("TODO", SecretError::Placeholder),
        ("xxxxxxxxxxxx", SecretError::Placeholder),
        ("************", SecretError::Placeholder),
        ("...", SecretError::Placeholder),
        ("whsec_", SecretError::PrefixOnly { prefix: "whsec_".to_owned() }),
        ("v1,whsec_", SecretError::PrefixOnly { prefix: "v1,whsec_".to_owned() }),
    ] {
        assert_eq!(Secret::new(text).unwrap_err(), error, "{text:?}");
        assert!(Verifier::new(providers::GITHUB, text).is_err(), "{text:?}");
        assert!(Signer::new(providers::GITHUB, text).is_err(), "{text:?}");
    }
}

#[test]
fn a_quotation_mark_that_stands_alone_belongs_to_the_secret() {
    for text in ["\"", "'", "`", "\"in-the-front", "at-the-end'", "in`the`middle", "\"of-two-kinds'"] {
        assert!(Secret::new(text).is_ok(), "{text}");
        assert!(Verifier::new(providers::GITHUB, text).is_ok(), "{text}");
    }
    for text in ["\"\"", "''", "``"] {
        assert_eq!(Secret::new(text).unwrap_err(), SecretError::Untrimmed, "{text}");
    }
}

#[test]
fn bytes_that_are_no_secret_are_refused() {
    for (bytes, error) in [
        (&b""[..], SecretError::Empty),
        (b" \n", SecretError::Blank),
        (b"\0", SecretError::Blank),
        (&[0; 32], SecretError::Blank),
    ] {
        assert_eq!(Secret::from_bytes(bytes).unwrap_err(), error, "{bytes:?}");
    }
    for bytes in [&b"\xff\xfe"[..], b" with space ", b"\0\x01"] {
        assert!(Secret::from_bytes(bytes).is_ok(), "{bytes:?}");
    }
}

#[test]
fn a_placeholder_behind_the_prefix_of_its_scheme_is_one() {
    for (provider, text) in [
        (providers::STRIPE, "whsec_null"),
        (providers::STANDARD_WEBHOOKS, "whsec_xxxxxxxxxxxxxxxx"),
        (providers::PADDLE, "pdl_ntfset_your_secret"),
        (providers::PADDLE, "pdl_ntfset_<secret>"),
        (providers::PAYSTACK, "sk_test_$PAYSTACK"),
        (providers::STRIPE, "whsec_\u{2026}"),
        (providers::STRIPE, "whsec_\u{2022}\u{2022}\u{2022}\u{2022}"),
        (providers::STRIPE, "whsec_your_secret_here"),
    ] {
        let error = Verifier::new(provider, text).unwrap_err();
        assert_eq!(error, ConfigError::Secret(SecretError::Placeholder), "{text}");
    }
    for (rule, text, error) in [
        ("strip = \"ACME:\"", "ACME:$SECRET", SecretError::Placeholder),
        ("begins = \"ACME:\"", "ACME:xxxx", SecretError::Placeholder),
        ("verbatim = \"WS.\"\nencoding = \"base64\"", "WS.todo", SecretError::Placeholder),
        ("verbatim = \"WS.\"\nencoding = \"base64\"", "WS.", SecretError::PrefixOnly { prefix: "WS.".to_owned() }),
    ] {
        let error = ConfigError::Secret(error);
        assert_eq!(Verifier::new(with_secret_rule(rule), text).unwrap_err(), error, "{text}");
        assert_eq!(Signer::new(with_secret_rule(rule), text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn a_character_that_nobody_sees_is_refused() {
    for text in ["\u{feff}whsec_c2VjcmV0", "whsec_c2Vj\u{200b}cmV0", "whsec_c2VjcmV0\u{2060}", "a-secret\u{7f}"] {
        assert_eq!(Secret::new(text).unwrap_err(), SecretError::Invisible, "{text:?}");
    }
    assert!(Secret::new("a-secret-of-\u{e9}\u{e8}").is_ok());
}

#[test]
fn zeros_behind_a_prefix_or_an_encoding_are_refused_for_hmac_takes_them_for_the_empty_key() {
    let (nulls, error) = ("\0".repeat(16), ConfigError::Secret(SecretError::OnlyZeros));
    for (rule, text) in [
        ("encoding = \"hex\"", "0000000000000000"),
        ("encoding = \"hex\"", "00"),
        ("encoding = \"base64\"", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("strip = \"whsec_\"\nencoding = \"base64\"", "whsec_AAAA"),
        ("strip = \"whsec_\"\nencoding = \"base64\"\nbytes = 3", "whsec_AAAA"),
        ("strip = \"whsec_\"", &format!("whsec_{nulls}")),
        ("begins = \"whsec_\"", &format!("whsec_{nulls}")),
    ] {
        let scheme = with_secret_rule(rule);
        assert_eq!(Verifier::new(&scheme, text).unwrap_err(), error, "{rule}");
        assert_eq!(Signer::new(&scheme, text).unwrap_err(), error, "{rule}");
    }
    for (rule, text) in [("encoding = \"hex\"", "0000000000000001"), ("", "0000000000000000")] {
        assert!(Verifier::new(with_secret_rule(rule), text).is_ok(), "{rule}");
    }
    let zeros = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for provider in [providers::STANDARD_WEBHOOKS, providers::SVIX, providers::OPENAI] {
        assert_eq!(Verifier::new(provider, zeros).unwrap_err(), error, "{provider:?}");
    }
    assert!(!error.to_string().contains("AAAA"));
}

#[test]
fn no_key_that_is_taken_verifies_what_nobody_signed() {
    let strip = "strip = \"a_\"\nencoding = \"hex\"";
    for rule in ["", "encoding = \"hex\"", "encoding = \"base64\"", "strip = \"a_\"", strip] {
        let scheme = with_secret_rule(rule);
        let nobody = Signer::of_nobody(&scheme, |builder| builder).unwrap().unwrap();
        let forged = nobody.sign(Request::post("/").body(Bytes::from_static(b"{}")).unwrap(), NOW).unwrap();
        for (prefix, letter) in [("", "0"), ("", "A"), ("", "\0"), ("a_", "0"), ("a_", "\0")] {
            for count in 1..=64 {
                let text = format!("{prefix}{}", letter.repeat(count));
                let Ok(verifier) = Verifier::new(&scheme, text.as_str()) else { continue };
                let verdict = verifier.verify(&forged, forged.body(), NOW).map(drop);
                assert_eq!(verdict, Err(Rejection::Signature), "{rule}: {text:?}");
            }
        }
    }
}

#[test]
fn what_nobody_signed_has_all_that_a_scheme_does_to_a_secret_done_to_none() {
    for (rule, key) in [
        ("prepend = \"in-front-\"", "in-front-"),
        ("append = \"and-behind-it\"", "and-behind-it"),
        (
            "strip = \"a_\"\nprefix_required = true\nprepend = \"in-front-\"\nappend = \"and-behind-it\"",
            "in-front-and-behind-it",
        ),
    ] {
        let nobody = Signer::of_nobody(with_secret_rule(rule), |builder| builder).unwrap().unwrap();
        let forged = nobody.sign(Request::post("/").body(Bytes::from_static(b"{}")).unwrap(), NOW).unwrap();
        let verifier = Verifier::new(with_secret_rule(""), key).unwrap();
        assert!(verifier.verify(&forged, forged.body(), NOW).is_ok(), "{rule}");
    }
    // The SHA-256 of nothing.
    let nobody = Signer::of_nobody(with_secret_rule("hash = \"sha256\""), |builder| builder).unwrap().unwrap();
    let forged = nobody.sign(Request::post("/").body(Bytes::from_static(b"{}")).unwrap(), NOW).unwrap();
    let key = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let verifier = Verifier::new(with_secret_rule("encoding = \"hex\""), key).unwrap();
    assert!(verifier.verify(&forged, forged.body(), NOW).is_ok());
}

/// A scheme whose secrets are read by this rule.
fn with_secret_rule(rule: &str) -> Scheme {
    let signature = "[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    Scheme::from_toml("acme", &format!("name = \"Acme\"\n[secret]\n{rule}\n{signature}")).unwrap()
}

#[test]
fn a_secret_of_another_length_than_those_that_are_decoded_is_the_key_as_it_is() {
    let scheme = |secret: &str| {
        let signature =
            "[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"S\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
        Scheme::from_toml("acme", &format!("name = \"Acme\"\n{secret}{signature}")).unwrap()
    };
    let either = scheme("[secret]\nstrip = \"whsec_\"\nencoding = \"base64\"\nbytes = 32\n");
    let decoded = scheme("[secret]\nstrip = \"whsec_\"\nencoding = \"base64\"\n");
    let whole = scheme("");
    let sign = |scheme: &Scheme, secret: &str| {
        let request = Request::post("/").body(Bytes::from_static(b"{}")).unwrap();
        Signer::new(scheme, secret).unwrap().sign(request, NOW).unwrap().headers()["s"].clone()
    };
    for secret in ["whsec_c2VjcmV0LW9mLTMyLWJ5dGVzLXRoYXQtaXMtaXQhISE=", "c2VjcmV0LW9mLTMyLWJ5dGVzLXRoYXQtaXMtaXQhISE="]
    {
        assert_eq!(sign(&either, secret), sign(&decoded, secret), "{secret}");
    }
    for secret in [
        // 24 and 33 bytes, no padding, another alphabet, and no encoding at all.
        "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWhlcmUh",
        "whsec_c2VjcmV0LW9mLTMzLWJ5dGVzLXRoYXQtaXMtaXQhISEh",
        "whsec_c2VjcmV0LW9mLTMyLWJ5dGVzLXRoYXQtaXMtaXQhISE",
        "whsec_-_VjcmV0LW9mLTMyLWJ5dGVzLXRoYXQtaXMtaXQhISE=",
        "acme_whs_ovyN6cPrTv56AApvzCaJno08SSmG",
    ] {
        assert_eq!(sign(&either, secret), sign(&whole, secret), "{secret}");
    }
    assert!(matches!(Signer::new(&either, "sk_live_abcdefghijklmnop").unwrap_err(), ConfigError::Secret { .. }));
}

#[test]
fn a_secret_says_that_it_is_one_and_no_more() {
    assert_eq!(format!("{:?}", Secret::new("a-long-random-secret").unwrap()), "Secret(..)");
}

#[test]
fn a_secret_of_another_kind_gets_a_hint() {
    for (provider, text, fragment) in [
        (providers::STANDARD_WEBHOOKS, "whsec_", "only its prefix `whsec_`"),
        (providers::STANDARD_WEBHOOKS, "whsec_not base64!", "not base64"),
        (providers::STANDARD_WEBHOOKS, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"),
        (providers::STANDARD_WEBHOOKS, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx==", "not base64"),
        (providers::STANDARD_WEBHOOKS, "plainly-not-base64", "not base64"),
        (providers::STANDARD_WEBHOOKS, "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "drop the `v1,`"),
        (providers::STANDARD_WEBHOOKS, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "public key"),
        (providers::OPENAI, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin with `whsec_`"),
        (providers::OPENAI, "sk-proj-abcdef", "API key"),
        (providers::OPENAI, "sk_live_abcdef", "API key"),
        (providers::OPENAI, "pk_live_abcdef", "publishable key"),
        (providers::SVIX, "whsec_", "only its prefix"),
        (providers::STRIPE, "whsec_", "only its prefix `whsec_`"),
        (providers::STRIPE, "sk_live_51Habcdef", "API key"),
        (providers::STRIPE, "rk_test_51Habcdef", "API key"),
        (providers::STRIPE, "ghp_abcdefghijk", "personal access token"),
        (providers::STRIPE, "pk_live_51Habcdef", "publishable key"),
        (providers::STRIPE, "v1,whsec_abcdefghijk", "drop the `v1,`"),
        (providers::STRIPE, "$STRIPE_SECRET", "a placeholder"),
        (providers::PADDLE, "pdl_ntfset_", "only its prefix `pdl_ntfset_`"),
        (providers::PADDLE, "whsec_abcdefghijk", "another provider's"),
        (providers::PAYSTACK, "pk_live_abcdefghijk", "publishable key"),
    ] {
        let ConfigError::Secret(error) = Verifier::new(provider, text).unwrap_err() else { panic!("{text}") };
        let message = error.to_string();
        assert!(message.contains(fragment), "{text}: {message}");
        let tail = text.split('_').next_back().filter(|tail| tail.len() > 8);
        assert!(tail.is_none_or(|tail| !message.contains(tail)), "the message tells the secret: {message}");
    }
    let basic = Endpoint::find("own-basic");
    assert_eq!(basic.builder().secret("no-colon").build().unwrap_err(), ConfigError::Secret(SecretError::WithoutColon));
}

#[test]
fn a_secret_without_the_prefix_that_belongs_to_it_is_taken_unless_it_is_of_another_kind() {
    for (provider, text) in [
        (providers::STRIPE, "whsec_sk_live_abcdefghijk"),
        (providers::STRIPE, "typed-for-a-test-of-mine"),
        (providers::STRIPE, "ghp_"),
        (providers::PAYSTACK, "sk_live_abcdefghijk"),
        (providers::GITHUB, "sk_live_as-somebody-typed-it"),
        (providers::GITHUB, "$ecret-of-somebody"),
        (providers::GITHUB, "$A,B"),
        (providers::GITHUB, "my_x"),
        (providers::GITHUB, "my_%"),
        (providers::GITHUB, "my_github_webhook_secret"),
        (providers::GITHUB, "of-xxxx_and_<b>_and_more"),
        (providers::GITHUB, "kX3_xxx"),
        (providers::STRIPE, "whsec_xxx9xxxxxxxxxxxx"),
        (providers::STRIPE, "whsec_$ecret"),
        (providers::STRIPE, "whsec_0000000000000000"),
    ] {
        assert!(Verifier::new(provider, text).is_ok(), "{text}");
    }
    assert!(Secret::new("a_".repeat(1 << 19)).is_ok(), "however many words it has");
}

#[test]
fn two_keys_of_one_label_are_refused() {
    let endpoint = Endpoint::find("github");
    let same = endpoint.builder().key(endpoint.key("a")).key(endpoint.key("a")).build().unwrap_err();
    assert_eq!(same, ConfigError::SameLabel { label: "a".to_owned() });
}

#[test]
fn a_key_that_can_never_be_valid_is_refused_by_its_label() {
    let endpoint = Endpoint::find("github");
    let (start, end) = (Timestamp::from_unix_seconds(2), Timestamp::from_unix_seconds(1));
    let build = |key: Key| endpoint.builder().secret(endpoint.secret).key(key).build();
    let error = build(endpoint.key("old").not_before(start).not_after(end)).unwrap_err();
    assert_eq!(error, ConfigError::NeverValid { label: "old".to_owned() });
    assert!(error.to_string().contains("`old`"), "{error}");
    assert!(build(endpoint.key("moment").not_before(end).not_after(end)).is_ok());
}

#[test]
fn too_many_keys_are_refused() {
    let endpoint = Endpoint::find("github");
    let many = |count: usize| {
        let labels = (0..count).map(|at| endpoint.key(&at.to_string()));
        labels.fold(endpoint.builder(), countersign::VerifierBuilder::key).build()
    };
    assert!(many(countersign::MAX_KEYS).is_ok());
    assert_eq!(many(countersign::MAX_KEYS + 1).unwrap_err(), ConfigError::TooManySecrets);
}

#[test]
fn a_scheme_that_holds_a_value_against_the_url_must_be_told_it() {
    let file = |equals: &str| {
        format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{{body}}\"\n\
             [[check]]\njson = \"/to\"\nequals = [\"none\", \"{equals}\"]\n"
        )
    };
    for (equals, is_needed) in [("{url}", true), ("{host}", true), ("{path}", false), ("{header:X-To}", false)] {
        let scheme = Scheme::from_toml("t", &file(equals)).unwrap();
        assert_eq!(scheme.needs_public_url(), is_needed, "{equals}");
        let error = Verifier::new(&scheme, "a-long-random-secret").err();
        assert_eq!(error.is_some_and(|error| matches!(error, ConfigError::NoPublicUrl { .. })), is_needed, "{equals}");
    }
}

#[test]
fn of_what_is_no_public_url_it_is_said_why() {
    for (url, words) in [
        ("hooks.example.com", "no scheme"),
        ("ftp://hooks.example.com", "neither `http` nor `https`"),
        ("https://hooks.example.com/in?a=1", "a query or fragment"),
        ("https://hooks.example.com/in#a", "a query or fragment"),
        ("https://hooks.example.com/i n", "white space"),
        ("https:///in", "no host"),
        ("https://hooks.example.com:0443", "is not a number from 1 to 65535"),
    ] {
        let error =
            Endpoint::find("twilio-form").builder().public_url(url).secret("a-long-secret").build().unwrap_err();
        assert!(matches!(error, ConfigError::PublicUrl(_)), "{url}: {error:?}");
        let told = error.to_string();
        assert!(told.contains(words) && told.contains("such as `https://hooks.example.com/in`"), "{url}: {told}");
    }
}

#[test]
fn a_scheme_that_signs_the_url_must_be_told_it() {
    for endpoint in Endpoint::all().iter().filter(|endpoint| endpoint.scheme.needs_public_url()) {
        let told = endpoint
            .scheme
            .settings()
            .fold(Verifier::builder(&endpoint.scheme), |builder, (name, _)| builder.setting(name, "a-value"));
        let error = told.secret(endpoint.secret).build().unwrap_err();
        assert!(error.to_string().contains("set `public_url`"), "{}: {error}", endpoint.id());
    }
    for (signs, is_needed) in [
        ("{url}\\n{body}", true),
        ("{host}\\n{body}", true),
        ("{sha256-hex:url}\\n{body}", true),
        ("{canonical:plivo-v3}", true),
        ("{path-and-query}\\n{method}\\n{body}", false),
        ("{canonical:contentful}", false),
    ] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n"
        );
        // Some of these cannot be told apart from others, and must say so.
        let ambiguous = || Scheme::from_toml("t", &format!("{file}ambiguous = \"a test\"\n"));
        let scheme = Scheme::from_toml("t", &file).or_else(|_| ambiguous()).unwrap();
        assert_eq!(scheme.needs_public_url(), is_needed, "{signs}");
        let error = Verifier::new(&scheme, "a-long-random-secret").err();
        assert_eq!(error.is_some_and(|error| matches!(error, ConfigError::NoPublicUrl { .. })), is_needed, "{signs}");
    }
}

#[test]
fn a_message_signature_over_where_the_receiver_is_takes_the_public_url() {
    for (component, is_needed) in [
        ("@target-uri", true),
        ("@authority", true),
        ("@scheme", true),
        ("@request-target", false),
        ("@path", false),
        ("host", false),
    ] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"http-signature\"\n[http-signature]\n\
             algorithms = [\"hmac-sha256\"]\ncomponents = [\"content-digest\", \"{component}\"]\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        assert_eq!(scheme.needs_public_url(), is_needed, "{component}");
        let error = Verifier::new(&scheme, "a-long-random-secret").err();
        assert_eq!(
            error.is_some_and(|error| matches!(error, ConfigError::NoPublicUrl { .. })),
            is_needed,
            "{component}"
        );
    }
}

#[test]
fn a_setting_is_one_that_the_scheme_knows_is_not_blank_and_is_there_if_the_scheme_needs_it() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                signs = \"{setting:app}.{body}\"\n[settings]\napp = \"its name\"\nword = \"the word of the question\"\n\
                [[handshake]]\nmethod = \"GET\"\ntoken = { query = \"word\", setting = \"word\" }\n\
                when = { query = \"challenge\" }\nanswer = \"{query:challenge}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let missing =
        |name: &str, what: &str| Some(ConfigError::MissingSetting { name: name.to_owned(), what: what.to_owned() });
    for (settings, expected) in [
        (&[("app", "a")][..], None),
        (&[("app", "a"), ("word", "b")], None),
        (&[], missing("app", "its name")),
        (&[("word", "b")], missing("app", "its name")),
        (&[("app", "")], missing("app", "its name")),
        (&[("app", " \t")], missing("app", "its name")),
        (&[("app", "a"), ("word", "")], missing("word", "the word of the question")),
        (
            &[("app", "a"), ("apps", "b")],
            Some(ConfigError::UnknownSetting { name: "apps".to_owned(), scheme: "t".to_owned() }),
        ),
    ] {
        let builder = Verifier::builder(&scheme).secret("a-long-random-secret");
        let built = settings.iter().fold(builder, |builder, (name, value)| builder.setting(*name, *value)).build();
        assert_eq!(built.err(), expected, "{settings:?}");
    }
}

#[test]
fn a_url_or_a_setting_that_only_a_token_a_message_or_a_check_is_held_to_must_be_told_as_well() {
    let hmac = "algorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\nsigns = \"{body}\"\n";
    let jwt = "algorithm = \"jwt\"\nheader = \"X-Token\"\ncovers_body = false\n[jwt]\nalgorithms = [\"HS256\"]\n";
    let message = "algorithm = \"http-signature\"\n[http-signature]\nalgorithms = [\"hmac-sha256\"]\n\
                   components = [\"content-digest\"]\n";
    let check = "[[check]]\nheader = \"X-Value\"\nequals = ";
    let url = ConfigError::NoPublicUrl { scheme: "t".to_owned() };
    let setting = ConfigError::MissingSetting { name: "who".to_owned(), what: "its name".to_owned() };
    for (file, lacking) in [
        (format!("{hmac}{check}\"{{url}}\"\n"), &url),
        (format!("{jwt}audience = \"{{url}}\"\n"), &url),
        (format!("{hmac}{check}\"{{setting:who}}\"\n"), &setting),
        (format!("{jwt}audience = \"{{setting:who}}\"\n"), &setting),
        (format!("{jwt}issuer = [\"us\", \"{{setting:who}}\"]\n"), &setting),
        (format!("{message}key_id = \"{{setting:who}}\"\n"), &setting),
    ] {
        let settings = if lacking == &setting { "[settings]\nwho = \"its name\"\n" } else { "" };
        let scheme = Scheme::from_toml("t", &format!("name = \"T\"\n[signature]\n{file}{settings}")).unwrap();
        assert_eq!(scheme.needs_public_url(), lacking == &url, "{file}");
        let builder = || Verifier::builder(&scheme).secret("a-long-random-secret");
        assert_eq!(builder().build().err().as_ref(), Some(lacking), "{file}");
        let told =
            if lacking == &url { builder().public_url("https://example.com") } else { builder().setting("who", "we") };
        assert_eq!(told.build().err(), None, "{file}");
    }
}

#[test]
fn a_signer_takes_no_second_secret() {
    let error =
        Signer::configured(providers::GITHUB, "a-long-random-secret", |builder| builder.secret("another-secret"));
    assert_eq!(error.err(), Some(ConfigError::SecretBesideSigner));
}

#[test]
fn a_key_has_an_id_only_where_a_signature_names_its_key() {
    let key = || Key::new("a", Secret::new("a-long-random-secret").unwrap()).with_id("2026");
    let error = Verifier::builder(providers::GITHUB).key(key()).build().unwrap_err();
    assert_eq!(error, ConfigError::NamesNoKey { scheme: "github".to_owned() });
    let endpoint = Endpoint::find("own-http-hmac");
    assert!(endpoint.builder().key(key()).build().is_ok());
}

#[test]
fn a_public_key_that_may_be_bare_bytes_may_be_a_file_as_well() {
    let bare = "0f09610b89f5e5702e6914f76b732fdf0ecad76b6f8ef8ecdaf36afd1d8664fd";
    let pem = include_str!("../vectors/keys/ed25519.pub.pem").trim();
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"DwlhC4n15XAuaRT3a3Mv3w7K12tvjvjs2vNq_R2GZP0"}"#;
    let message: &[u8] = include_bytes!("../vectors/keys/message");
    let signature = STANDARD.encode(include_bytes!("../vectors/keys/ed25519.sig"));
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\n\
                value = \"{base64}\"\nsigns = \"{body}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let request = Request::post("/").header("X-Sig", signature).body(message).unwrap();
    for text in [bare, pem, jwk] {
        let verifier = Verifier::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(verifier.verify(&request, message, NOW).is_ok(), "{text}");
    }
    // An HTTP Message Signature takes a key as any other does.
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"http-signature\"\n\
                [http-signature]\nalgorithms = [\"ed25519\"]\ncomponents = [\"content-digest\"]\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let private = include_str!("../vectors/keys/ed25519.pem");
    let signed = Signer::new(&scheme, private).unwrap().sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
    for text in [bare, pem, jwk] {
        let verifier = Verifier::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(verifier.verify(&signed, b"{}", NOW).is_ok(), "{text}");
    }
}

#[test]
fn a_signer_takes_a_private_key_as_bare_bytes_or_as_a_file() {
    let file = "name = \"T\"\n[secret]\nencoding = \"hex\"\n[signature]\nalgorithm = \"ed25519\"\nheader = \"X-Sig\"\n\
                value = \"{base64}\"\nsigns = \"{body}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    let bare = "76ff1192a55c0e2358a38fd6cf08b93b73f802de2539adcec128b29f0e393934";
    let message: &[u8] = include_bytes!("../vectors/keys/message");
    for text in [bare, include_str!("../vectors/keys/ed25519.pem")] {
        let signer = Signer::new(&scheme, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let signed = signer.sign(Request::post("/").body(Bytes::from_static(message)).unwrap(), NOW).unwrap();
        assert_eq!(signed.headers()["X-Sig"], STANDARD.encode(include_bytes!("../vectors/keys/ed25519.sig")));
    }
}

#[test]
fn where_the_request_names_the_algorithm_a_signer_names_the_soundest() {
    let file = |choices: &str| {
        let text = format!(
            "name = \"T\"\n[signature]\nalgorithm = {{ header = \"X-Alg\", choices = {{ {choices} }} }}\nheader = \"X-Sig\"\n\
             value = \"{{base64}}\"\nsigns = \"{{body}}\"\n"
        );
        Scheme::from_toml("t", &text).unwrap()
    };
    for (choices, named) in [
        ("\"1\" = \"rsa-sha1\", \"2\" = \"rsa-sha256\"", "2"),
        ("\"1\" = \"rsa-sha256\", \"2\" = \"rsa-sha1\"", "1"),
        ("\"1\" = \"rsa-sha1\"", "1"),
    ] {
        let scheme = file(choices);
        let private = include_str!("../vectors/keys/rsa2048.pem");
        let signer = Signer::configured(&scheme, private, countersign::VerifierBuilder::allow_legacy).unwrap();
        let signed = signer.sign(Request::post("/").body("{}").unwrap(), NOW).unwrap();
        assert_eq!(signed.headers()["X-Alg"], named, "{choices}");
        assert!(signer.verifier().verify(&signed, signed.body(), NOW).is_ok(), "{choices}");
    }
}

/// A structure in DER, of less than 256 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let length = u8::try_from(inside.len()).unwrap();
    let head = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, inside].concat()
}

/// RFC 5915 section 3 wants the curve's name in the key as well; most leave it to what is around it.
#[test]
fn a_private_key_may_name_its_curve_twice_and_no_other_one() {
    let (p256, p384) = (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x06\x05\x2b\x81\x04\x00\x22");
    let key = |inside: &[u8]| {
        let ec = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
        let key = der(0x30, &[b"\x02\x01\x01", &der(0x04, &[&[7; 32]]), inside]);
        let info = der(0x30, &[b"\x02\x01\x00", &der(0x30, &[ec, p256]), &der(0x04, &[&key])]);
        let text = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(info));
        PrivateKey::from_pem(&text, KeyPolicy::Standard).map(|key| key.public_key().kind())
    };
    assert_eq!([key(b""), key(&der(0xa0, &[p256]))], [Ok(PublicKeyKind::P256), Ok(PublicKeyKind::P256)]);
    assert_eq!(key(&der(0xa0, &[p384])), Err(KeyError::Malformed { format: "an elliptic curve's private key" }));
}

/// Everything that `tracing` is told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The tags that are right for this request, as the text that a header or parameter would have.
fn right_tags(endpoint: &Endpoint, request: Request<Bytes>) -> Vec<String> {
    let mut unsigned = request;
    if let Some(name) = endpoint.reading.signature_header() {
        unsigned.headers_mut().remove(name);
    }
    let Ok(signed) = endpoint.signer_of(endpoint.secret).unwrap().sign(unsigned, NOW) else { return Vec::new() };
    let everything = format!("{:?} {:?} {:?}", signed.uri(), signed.headers(), signed.body());
    // A tag is the only long run of letters and digits in these requests, but for the names of headers.
    let runs = everything.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-".contains(c)));
    let is_tag = |run: &&str| run.len() >= 26 && run.contains(|c: char| c.is_ascii_digit());
    runs.filter(is_tag).filter(|run| !signed.headers().contains_key(*run)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a12_neither_the_secret_nor_a_right_tag_is_ever_told() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    for endpoint in Endpoint::all() {
        let mut told = Vec::new();
        let verifier = endpoint.verifier();
        let signer = endpoint.signer_of(endpoint.secret).unwrap();
        told.push(format!(
            "{verifier:?} {signer:?} {:?} {:?}",
            endpoint.key("label"),
            endpoint.builder().secret(endpoint.secret)
        ));
        told.push(format!(
            "{:?} {:?}",
            Secret::new(endpoint.secret).unwrap(),
            Key::new("k", Secret::new(endpoint.secret).unwrap())
        ));

        let replay = ReplayLayer::new(MemoryStore::new(), "hooks");
        told.push(format!("{:?} {replay:?}", VerifyLayer::new(verifier.clone())));
        let stack = Stack::builder("hooks", verifier.clone()).dangerous_accept_replays_for_ever();
        told.push(format!("{stack:?}"));
        told.push(format!("{:?}", stack.build().unwrap()));

        let setup = Setup::new(verifier.scheme()).unwrap().secret("here", endpoint.secret);
        told.push(format!("{:?}", setup.other_secret("there", endpoint.secret)));

        let signed = endpoint.sample();
        let verified = verifier.verify(&signed, signed.body(), NOW).unwrap();
        told.push(format!("{verified:?}"));
        if let Ok(pending) = verifier.begin(&signed, NOW) {
            told.push(format!("{pending:?}"));
            let mut collecting = verifier.collect(&signed, 1 << 20, NOW).unwrap();
            collecting.push(signed.body().clone()).unwrap();
            let body = collecting.finish().unwrap();
            let delivery = body.into_delivery();
            told.push(format!("{delivery:?} {:?}", delivery.payload()));
        }

        let mut forged: Vec<Request<Bytes>> = vec![
            signed.clone().map(|_| Bytes::from("{\"forged\":1,\"order\":{\"id\":\"o-18\"},\"kind\":\"k\"}")),
            signed.clone().map(|_| Bytes::from("order=o-18&kind=forged")),
        ];
        forged.extend(endpoint.reading.headers().iter().flat_map(|name| {
            let (mut gone, mut other) = (signed.clone(), signed.clone());
            gone.headers_mut().remove(name);
            let value = other.headers()[name].to_str().unwrap().replace(['a', '1', 'Q', '7'], "b");
            other.headers_mut().insert(http::HeaderName::try_from(name.as_str()).unwrap(), value.parse().unwrap());
            [gone, other]
        }));
        let app = App::new(verifier.clone());
        let mut hidden: Vec<String> = vec![endpoint.secret.to_owned()];
        for request in forged {
            if endpoint.reading.algorithm() != "token" && endpoint.reading.algorithm() != "basic" {
                hidden.extend(right_tags(&endpoint, request.clone()));
            }
            let answer = app.send(request).await;
            told.push(answer.seen_by_caller());
            told.extend(
                answer
                    .rejection
                    .iter()
                    .map(|rejection: &Rejection| format!("{rejection} {rejection:?} {}", rejection.code())),
            );
        }
        told.push(String::from_utf8(log.0.lock().unwrap().split_off(0)).unwrap());
        assert!(told.last().unwrap().contains("refused") || !endpoint.reading.covers_body(), "nothing was logged");
        hidden.extend(endpoint.secret.split([':', '_']).filter(|piece| piece.len() > 8).map(str::to_owned));
        for text in &told {
            for secret in &hidden {
                assert!(!text.contains(secret), "{}: `{secret}` is told in {text}", endpoint.id());
            }
        }
    }
}

#[test]
fn an_error_of_a_scheme_file_or_a_secret_tells_no_secret() {
    for endpoint in Endpoint::all() {
        let canary = "canary\nin-two-lines-";
        for secret in
            [format!("{canary} "), format!("\"{canary}\""), format!("${{{canary}}}"), format!("whsec_{canary}")]
        {
            if let Err(error) = endpoint.builder().secret(secret).build() {
                assert!(!format!("{error} {error:?}").contains("in-two-lines"), "{}: {error:?}", endpoint.id());
            }
        }
    }
}

#[test]
fn of_several_secrets_the_bad_one_is_named() {
    let error = |second: &str| {
        let builder = Verifier::builder(providers::STRIPE).secret("whsec_for_this_test").secret(second);
        builder.build().unwrap_err().to_string()
    };
    assert!(error("").starts_with("the key `key-2`: the secret is empty"), "{}", error(""));
    let alone = Verifier::builder(providers::STRIPE).secret("").build().unwrap_err().to_string();
    assert!(alone.starts_with("the secret is empty"), "{alone}");
}

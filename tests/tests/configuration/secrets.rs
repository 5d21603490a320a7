//! Texts and bytes that cannot be a secret are refused, with a hint.

use bytes::Bytes;
use countersign::{ConfigError, Rejection, Scheme, Secret, SecretError, Signer, Verifier, providers};
use countersign_tests::endpoint::{Endpoint, NOW};
use http::Request;

#[test]
fn texts_that_cannot_be_a_secret_are_refused() {
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
fn bytes_that_cannot_be_a_secret_are_refused() {
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
fn a_placeholder_after_the_prefix_of_its_scheme_is_refused() {
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
fn an_invisible_character_is_refused() {
    for text in ["\u{feff}whsec_c2VjcmV0", "whsec_c2Vj\u{200b}cmV0", "whsec_c2VjcmV0\u{2060}", "a-secret\u{7f}"] {
        assert_eq!(Secret::new(text).unwrap_err(), SecretError::Invisible, "{text:?}");
    }
    assert!(Secret::new("a-secret-of-\u{e9}\u{e8}").is_ok());
}

#[test]
fn zeros_after_a_prefix_or_decoding_are_refused_because_hmac_treats_them_like_the_empty_key() {
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
fn no_accepted_key_verifies_a_forgery_with_the_empty_secret() {
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
fn a_forgery_with_the_empty_secret_prepares_it_as_the_scheme_does() {
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
    // The SHA-256 of the empty text.
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
fn a_secret_of_a_length_that_is_not_decoded_is_used_as_it_is() {
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
fn the_debug_output_of_a_secret_does_not_show_it() {
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
fn a_secret_without_its_prefix_is_accepted_unless_it_looks_like_another_kind() {
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

//! The codes and messages of each kind of mistake.

use std::time::Duration;

use countersign::{
    Certainty, Explanation, HeaderMistake, Mistake, Problem, ProviderMistake, Rejection, RuleMistake, SecretError,
    SecretMistake, TimeMistake, UrlMistake,
};

use crate::{logged, mistakes, name, of_secret, renamed};

#[test]
fn the_problem_of_a_value_decides_the_advice() {
    let missing = "a secret is set there";
    let empty = "the sender has no secret set";
    let rejection = |problem| Rejection::MalformedSignature { place: "header `acme-signature`".into(), problem };
    let of_rejection = |rejection: &Rejection| {
        mistakes(&Explanation::of_rejection(rejection), Certainty::Indicated).iter().map(Mistake::to_string).collect()
    };
    let of_log = |code, reason: &str| logged(code, reason).iter().map(Mistake::to_string).collect::<Vec<_>>();
    for (problem, advice) in [(Problem::Empty, empty), (Problem::TooLong, "something adds to the provider's value")] {
        let told: Vec<String> = of_rejection(&rejection(problem));
        assert!(matches!(&told[..], [told] if told.contains(advice)), "{told:?}");
        assert_eq!(of_log("malformed_signature", &rejection(problem).to_string()), told);
    }
    // If the line has no known problem, or is of another kind, the code decides.
    let told = of_log("malformed_signature", "cut\u{1b}[31m off");
    assert!(told[0].starts_with("cut[31m off: check that this provider sent it"), "{told:?}");
    let told = of_log("missing_signature", "the signature is empty");
    assert!(told[0].contains(missing) && !told[0].contains(empty), "{told:?}");
}

/// Asserts the code of a mistake and the essential parts of its message.
#[track_caller]
fn says(mistake: &Mistake, code: &str, parts: &[&str]) {
    let text = mistake.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    assert_eq!(mistake.code(), code);
}

#[test]
fn the_message_of_a_header_or_scheme_mistake_names_it() {
    let header = || name("acme-signature");
    says(
        &Mistake::Header(HeaderMistake::Encoding { header: header(), expected: "hex", found: "base64" }),
        "signature_encoding",
        &["`acme-signature` is base64", "expects hex"],
    );
    says(&Mistake::Header(HeaderMistake::Joined { header: header() }), "header_joined", &["`acme-signature` into one"]);
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
        &["like one of `a` or `b` or `c` or `d`:"],
    );
    says(
        &Mistake::Provider(ProviderMistake::OtherHeader { header: header(), ids: vec!["a", "b", "c", "d", "e"] }),
        "other_provider_header",
        &["`acme-signature` of `a` or `b` or `c` or `d` or others is there:"],
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
fn the_message_of_a_secret_mistake_names_the_secret() {
    says(
        &of_secret("old", SecretMistake::Case),
        "secret_case",
        &["`old` differs from the sender's in upper and lower case"],
    );
    says(
        &of_secret("old", SecretMistake::Encoding { configured: "text", signed: "hex" }),
        "secret_encoding",
        &["`old` as text", "uses hex"],
    );
    says(
        &of_secret("old", SecretMistake::Environment { secret: "live", delivery: "test" }),
        "secret_of_another_environment",
        &["`old` is for the live environment", "from the test environment"],
    );
    says(&of_secret("old", SecretMistake::Escaped), "secret_escaped", &["`old` is written with the escapes"]);
    says(&of_secret("old", SecretMistake::Kind { kind: "an API key" }), "secret_kind", &["`old` is an API key"]);
    says(&of_secret("old", SecretMistake::List), "secret_list", &["`old` is a list"]);
    says(
        &of_secret("old", SecretMistake::OfAnotherEndpoint),
        "secret_of_another_endpoint",
        &["`old`, the secret of another endpoint"],
    );
    says(&of_secret("old", SecretMistake::Padding), "secret_padding", &["`old` is base64 without the `=`"]);
    says(&of_secret("old", SecretMistake::Placeholder), "sender_secret_placeholder", &["with a placeholder"]);
    says(&of_secret("old", SecretMistake::Prefix { missing: true }), "secret_prefix", &["`old` lacks the prefix"]);
    says(&of_secret("old", SecretMistake::Prefix { missing: false }), "secret_prefix", &["`old` has a prefix"]);
    says(
        &of_secret("old", SecretMistake::Stray { at_sender: false }),
        "secret_stray_characters",
        &["a variable's name around it"],
    );
    says(
        &of_secret("old", SecretMistake::Stray { at_sender: true }),
        "sender_secret_stray_characters",
        &["around the secret `old`: remove them at the sender"],
    );
    says(&of_secret("old", SecretMistake::Unset), "sender_secret_empty", &["an empty secret"]);
    says(&of_secret("old", SecretMistake::Unusable(SecretError::Empty)), "secret_unusable", &["`old`: ", "empty"]);
}

#[test]
fn the_message_of_a_time_or_url_mistake_says_what_was_signed() {
    let by = Duration::from_millis(7_201_500);
    let tolerance = Duration::from_millis(500);
    says(
        &Mistake::Time(TimeMistake::Ahead { by, tolerance }),
        "timestamp_in_future",
        &["is 2h 2s ahead of the receiver's clock, and the tolerance is 500ms:"],
    );
    says(
        &Mistake::Time(TimeMistake::Format { expected: "seconds", found: "a date" }),
        "timestamp_format",
        &["is a date", "expects seconds"],
    );
    says(&Mistake::Time(TimeMistake::Replaced { by, later: true }), "timestamp_replaced", &["2h 2s later:"]);
    says(&Mistake::Time(TimeMistake::Replaced { by, later: false }), "timestamp_replaced", &["2h 2s earlier:"]);
    says(
        &Mistake::Time(TimeMistake::Stale { by, tolerance: Duration::from_secs(1) }),
        "timestamp_too_old",
        &["is 2h 2s old, and the tolerance is 1s:"],
    );
    says(
        &Mistake::Time(TimeMistake::Unit { expected: "seconds", found: "milliseconds" }),
        "timestamp_unit",
        &["is in milliseconds", "expects seconds"],
    );
    says(&Mistake::Time(TimeMistake::Zone { by, ahead: true }), "time_zone", &["2h 2s ahead of the clock"]);
    says(&Mistake::Time(TimeMistake::Zone { by, ahead: false }), "time_zone", &["2h 2s behind the clock"]);
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

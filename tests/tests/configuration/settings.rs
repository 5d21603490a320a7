//! The public URL and the settings that a scheme needs.

use countersign::{ConfigError, Scheme, Verifier};
use countersign_tests::endpoint::Endpoint;

#[test]
fn a_scheme_that_checks_a_value_against_the_url_needs_the_public_url() {
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
fn an_error_says_why_a_text_is_no_public_url() {
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
fn a_scheme_that_signs_the_url_needs_the_public_url() {
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
        // Some of these are ambiguous, and must say so.
        let ambiguous = || Scheme::from_toml("t", &format!("{file}ambiguous = \"a test\"\n"));
        let scheme = Scheme::from_toml("t", &file).or_else(|_| ambiguous()).unwrap();
        assert_eq!(scheme.needs_public_url(), is_needed, "{signs}");
        let error = Verifier::new(&scheme, "a-long-random-secret").err();
        assert_eq!(error.is_some_and(|error| matches!(error, ConfigError::NoPublicUrl { .. })), is_needed, "{signs}");
    }
}

#[test]
fn a_message_signature_over_the_receivers_address_uses_the_public_url() {
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
fn a_setting_must_be_known_and_not_blank_and_present_if_the_scheme_needs_it() {
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
fn a_url_or_a_setting_that_only_a_token_a_message_or_a_check_needs_is_required_too() {
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

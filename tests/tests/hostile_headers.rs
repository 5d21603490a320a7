//! A table of hostile texts for each grammar of a signature's header.

use bytes::Bytes;
use countersign::{Problem, Rejection, Scheme, Signer, Verifier};
use countersign_tests::{
    endpoint::{Endpoint, NOW},
    verdict::each_way,
};
use http::{HeaderValue, Request};

/// Puts each text into the header of a signed request and compares the verdict: a code, or "" for accepted. In a text,
/// `$TAG` is the right tag.
fn table(id: &str, header: &'static str, rows: &[(&str, &str)]) {
    let endpoint = Endpoint::find(id);
    let verifier = endpoint.verifier();
    let signed = endpoint.sample();
    let tag = tag_of(signed.headers()[header].to_str().unwrap());
    for (text, code) in rows {
        let text = text.replace("$TAG", &tag);
        let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let mut request: Request<Bytes> = signed.clone();
        request.headers_mut().insert(header, value);
        let verdict = each_way(&verifier, &request, NOW, &[3]);
        assert_eq!(verdict.err().map_or("", |rejection| rejection.code()), *code, "{id}: `{text}`");
    }
}

/// The longest piece between the separators of all the grammars here, with its padding.
fn tag_of(text: &str) -> String {
    let padding = &text[text.trim_end_matches('=').len()..];
    let bare = text.strip_suffix(padding).unwrap();
    let longest = bare.split([',', ';', ' ', '=']).max_by_key(|piece| piece.len()).unwrap();
    format!("{longest}{padding}")
}

const MALFORMED: &str = "malformed_signature";

#[test]
fn a_value_with_a_prefix() {
    table(
        "github",
        "x-hub-signature-256",
        &[
            ("sha256=$TAG", ""),
            (" sha256=$TAG\t", ""),
            ("", MALFORMED),
            ("$TAG", MALFORMED),
            ("sha256", MALFORMED),
            ("sha256=", MALFORMED),
            ("sha256= $TAG", MALFORMED),
            ("sha256 =$TAG", MALFORMED),
            ("sha256:$TAG", MALFORMED),
            ("SHA256=$TAG", MALFORMED),
            ("sha1=$TAG", MALFORMED),
            ("sha256==$TAG", MALFORMED),
            ("sha256=$TAG=", MALFORMED),
            ("sha256=$TAG0", MALFORMED),
            ("sha256=$TAG00", MALFORMED),
            ("sha256=0$TAG", MALFORMED),
            ("sha256=$TAG,sha256=$TAG", MALFORMED),
            ("sha256=$TAG sha256=$TAG", MALFORMED),
            ("\"sha256=$TAG\"", MALFORMED),
            ("sha256=\"$TAG\"", MALFORMED),
            ("sha256=0x$TAG", MALFORMED),
            ("sha256=aa", MALFORMED),
            ("sha256=a", MALFORMED),
            ("sha256=ZZ0e62dd3bdd1a6e7ca9d4bb3a3fc23cf4f3c9a6c9b14a1c5e1a0a3a0b0c0d0e", MALFORMED),
            ("sha256=é", MALFORMED),
            ("sha256=0000000000000000000000000000000000000000000000000000000000000000", "signature"),
        ],
    );
    let upper = Endpoint::find("github").sample().headers()["x-hub-signature-256"].to_str().unwrap().to_uppercase();
    table("github", "x-hub-signature-256", &[(&upper.replace("SHA256", "sha256"), MALFORMED)]);
}

#[test]
fn hex_in_any_case_where_the_scheme_says_so() {
    let text = Endpoint::find("own-keyed-sha256").sample().headers()["x-sig"].to_str().unwrap().to_owned();
    let mixed: String =
        text.char_indices().map(|(at, c)| if at > 3 && at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    table(
        "own-keyed-sha256",
        "x-sig",
        &[(&text, ""), (&mixed, ""), (&text.to_uppercase().replace("V1", "v1"), ""), (&text.to_uppercase(), MALFORMED)],
    );
}

#[test]
fn a_bare_value_in_base64() {
    table(
        "shopify",
        "x-shopify-hmac-sha256",
        &[
            ("$TAG", ""),
            ("\t$TAG ", ""),
            ("", MALFORMED),
            ("=", MALFORMED),
            ("$TAG=", MALFORMED),
            ("$TAG==", MALFORMED),
            ("A$TAG", MALFORMED),
            ("$TAG,$TAG", MALFORMED),
            ("$TAG $TAG", MALFORMED),
            ("sha256=$TAG", MALFORMED),
            ("AAAA", MALFORMED),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "signature"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", MALFORMED),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", MALFORMED),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", MALFORMED),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\tAAA=", MALFORMED),
            ("________________________________________AAA=", MALFORMED),
        ],
    );
}

#[test]
fn a_list_with_equals_signs_and_commas() {
    table(
        "stripe",
        "stripe-signature",
        &[
            ("t=1767225600,v1=$TAG", ""),
            ("v1=$TAG,t=1767225600", ""),
            ("t=1767225600,v0=junk,v1=$TAG", ""),
            ("t=1767225600,v1=$TAG,v1a=junk,,x", ""),
            ("t=1767225600,t=1767225600,v1=$TAG", ""),
            ("t=1767225600,v1=$TAG,v1=$TAG", ""),
            ("t=1767225600,v1=0000000000000000000000000000000000000000000000000000000000000000,v1=$TAG", ""),
            ("t=1767225600,v1=0000000000000000000000000000000000000000000000000000000000000000", "signature"),
            ("t=1767225601,v1=$TAG", "signature"),
            ("v1=$TAG", "malformed_timestamp"),
            ("t=,v1=$TAG", "malformed_timestamp"),
            ("t=1767225600 ,v1=$TAG", "malformed_timestamp"),
            ("t=01767225600,v1=$TAG", "malformed_timestamp"),
            ("t=1,v1=$TAG", "timestamp_too_old"),
            ("t=9999999999,v1=$TAG", "timestamp_in_future"),
            ("t=1767225600", MALFORMED),
            ("t=1767225600,v1=", MALFORMED),
            ("t=1767225600,v1", MALFORMED),
            ("t=1767225600,v0=$TAG", MALFORMED),
            ("t=1767225600,v1a=$TAG", MALFORMED),
            ("t=1767225600, v1=$TAG", MALFORMED),
            ("t=1767225600,V1=$TAG", MALFORMED),
            ("t=1767225600;v1=$TAG", MALFORMED),
            ("t=1767225600,v1=$TAG00", MALFORMED),
            ("t=1767225600,v1=$TAG,v1=junk", MALFORMED),
            ("t=1767225600,t=1767225601,v1=$TAG", MALFORMED),
            ("t=1767225600,t=,v1=$TAG", MALFORMED),
            ("$TAG", MALFORMED),
            (",", MALFORMED),
            ("=", MALFORMED),
            ("", MALFORMED),
        ],
    );
}

#[test]
fn a_list_whose_items_may_be_padded() {
    table(
        "workos",
        "workos-signature",
        &[
            ("t=1767225600000, v1=$TAG", ""),
            ("t=1767225600000,v1=$TAG", ""),
            ("  t=1767225600000\t ,\t v1=$TAG ", ""),
            ("t= 1767225600000, v1=$TAG", "malformed_timestamp"),
            ("t=1767225600000, v1= $TAG", MALFORMED),
            ("t=1767225600000, v 1=$TAG", MALFORMED),
        ],
    );
}

#[test]
fn a_list_with_spaces() {
    table(
        "standard-webhooks",
        "webhook-signature",
        &[
            ("v1,$TAG", ""),
            ("v1a,junk v1,$TAG", ""),
            ("v1,$TAG v2,$TAG", ""),
            ("v1,$TAG v1,$TAG", ""),
            (" v1,$TAG  ", ""),
            ("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1,$TAG", ""),
            ("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "signature"),
            ("v1,", MALFORMED),
            ("v1", MALFORMED),
            ("v1,$TAG,", MALFORMED),
            ("v1,$TAG v1,", MALFORMED),
            ("v1, $TAG", MALFORMED),
            ("v1=$TAG", MALFORMED),
            ("v2,$TAG", MALFORMED),
            ("v1a,$TAG", MALFORMED),
            ("$TAG", MALFORMED),
            ("v1,$TAG,v1,$TAG", MALFORMED),
            ("v1,$TAG\tv1,$TAG", MALFORMED),
            (",", MALFORMED),
            (" ", MALFORMED),
            ("", MALFORMED),
        ],
    );
}

#[test]
fn a_list_that_carries_the_id() {
    table(
        "own-list-with-id",
        "x-sig",
        &[
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; s=$TAG", "malformed_id"),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=; s=$TAG", "malformed_id"),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=a b; s=$TAG", "malformed_id"),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=a.b; s=$TAG", "ambiguous_content"),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=a; i=b; s=$TAG", MALFORMED),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=other; s=$TAG", "signature"),
            ("i=a; s=$TAG", "malformed_timestamp"),
            ("t=Thu, 01 Jan 2026 00:00:00 GMT; i=a", MALFORMED),
        ],
    );
}

#[test]
fn positional_values() {
    let file = "name = \"Positional\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\n\
        value = \"HMAC {any};{timestamp};{hex}\"\nsigns = \"{timestamp}.{body}\"\n[timestamp]\nformat = \"seconds\"\ntolerance = \"5m\"\n";
    let scheme = countersign::Scheme::from_toml("positional", file).unwrap();
    let signer = countersign::Signer::new(&scheme, "a-long-random-secret").unwrap();
    let verifier = countersign::Verifier::new(&scheme, "a-long-random-secret").unwrap();
    let signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
    let text = signed.headers()["x-sig"].to_str().unwrap();
    let tag = text.rsplit(';').next().unwrap();
    for (text, code) in [
        (format!("HMAC ;1767225600;{tag}"), ""),
        (format!("HMAC who;1767225600;{tag}"), ""),
        (format!("HMAC ;1767225600;{tag};"), MALFORMED),
        (format!("HMAC ;;{tag}"), "malformed_timestamp"),
        (format!("HMAC ;{tag};1767225600"), "malformed_timestamp"),
        (format!("HMAC who;1767225600{tag}"), MALFORMED),
        (format!("HMAC who;x;1767225600;{tag}"), "malformed_timestamp"),
        (format!("hmac who;1767225600;{tag}"), MALFORMED),
        (format!("who;1767225600;{tag}"), MALFORMED),
        ("HMAC ;1767225600;".to_owned(), MALFORMED),
        ("HMAC ;;".to_owned(), "malformed_timestamp"),
        ("HMAC".to_owned(), MALFORMED),
    ] {
        let mut request = signed.clone();
        request.headers_mut().insert("x-sig", text.parse().unwrap());
        let verdict = each_way(&verifier, &request, NOW, &[]);
        assert_eq!(verdict.err().map_or("", |rejection| rejection.code()), code, "`{text}`");
    }
}

#[test]
fn basic_credentials() {
    // user:password as canary:a-long-random-secret, in base64.
    let right = "Y2FuYXJ5OmEtbG9uZy1yYW5kb20tc2VjcmV0";
    let rows: Vec<(String, &str)> = [
        ("Basic $", ""),
        ("basic $", ""),
        ("BASIC  $", ""),
        ("Basic $=", MALFORMED),
        ("Basic", MALFORMED),
        ("Basic ", MALFORMED),
        ("Basic$", MALFORMED),
        ("Bearer $", MALFORMED),
        ("$", MALFORMED),
        ("Basic $,Basic $", MALFORMED),
        ("Basic $ $", MALFORMED),
        ("Basic Y2FuYXJ5OmE", MALFORMED),
        ("Basic Y2FuYXJ5OmE=", "signature"),
        ("Basic Og==", "signature"),
        ("Basic Y2FuYXJ5", "signature"),
        ("Basic é", MALFORMED),
        ("", MALFORMED),
    ]
    .map(|(text, code)| (text.replace('$', right), code))
    .into();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(text, code)| (text.as_str(), *code)).collect();
    table("own-basic", "authorization", &rows);
}

#[test]
fn tokens() {
    table(
        "own-bearer",
        "authorization",
        &[
            ("Bearer canary:a-long-random-secret", ""),
            ("Bearer canary:a-long-random-secre", "signature"),
            ("Bearer canary:a-long-random-secrett", "signature"),
            ("Bearer canary:A-long-random-secret", "signature"),
            ("Bearer  canary:a-long-random-secret", "signature"),
            ("Bearer canary:a-long-random-secret,canary:a-long-random-secret", "signature"),
            ("Bearer x", "signature"),
            ("Bearer", MALFORMED),
            ("Bearer ", MALFORMED),
            ("bearer canary:a-long-random-secret", MALFORMED),
            ("canary:a-long-random-secret", MALFORMED),
            ("", MALFORMED),
        ],
    );
    table(
        "gitlab",
        "x-gitlab-token",
        &[
            ("canary:a-long-random-secret", ""),
            (" canary:a-long-random-secret\t", ""),
            ("canary:a-long-random-secret ,", "signature"),
            ("canary:a-long-random", "signature"),
            ("é", "signature"),
            ("", MALFORMED),
            (" ", MALFORMED),
        ],
    );
}

#[test]
fn an_id_is_visible_ascii() {
    for place in ["header = \"X-Id\"", "query = \"id\""] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{{id}}.{{body}}\"\n\
             [id]\n{place}\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
        let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
        for (id, in_query, code) in [
            ("other", "other", "signature"),
            ("!~", "!~", "signature"),
            ("a b", "a+b", "malformed_id"),
            ("a\tb", "a%09b", "malformed_id"),
            ("é", "%C3%A9", "malformed_id"),
            ("", "", "malformed_id"),
        ] {
            let request = Request::post("/?id=id").header("x-id", "id").body(Bytes::new()).unwrap();
            let mut signed = signer.sign(request, NOW).unwrap();
            *signed.uri_mut() = format!("/?id={in_query}").parse().unwrap();
            signed.headers_mut().insert("x-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
            let verdict = each_way(&verifier, &signed, NOW, &[]);
            assert_eq!(verdict.err().map_or("", |rejection| rejection.code()), code, "{place}: `{id}`");
        }
    }
}

#[test]
fn a_token_without_text_is_malformed() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"token\"\nheader = \"X-Token\"\nvalue = \"token={token}\"\n";
    let verifier = Verifier::new(Scheme::from_toml("t", file).unwrap(), "a-long-random-secret").unwrap();
    for (text, code) in
        [("token=a-long-random-secret", ""), ("token=a", "signature"), ("token=", MALFORMED), ("token", MALFORMED)]
    {
        let request = Request::post("/").header("x-token", text).body(Bytes::new()).unwrap();
        let verdict = each_way(&verifier, &request, NOW, &[]);
        assert_eq!(verdict.err().map_or("", |rejection| rejection.code()), code, "`{text}`");
    }
}

#[test]
fn a_refusal_says_what_is_wrong_with_the_header() {
    let endpoint = Endpoint::find("stripe");
    let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
    let tags = "t=1767225600,v1=00".to_owned() + &",v1=00".repeat(32);
    for (text, problem) in [
        ("", Problem::Empty),
        (" \t", Problem::Empty),
        (&"v1=".repeat(3000), Problem::TooLong),
        ("t=1767225600,v0=00", Problem::UnknownVersion),
        ("t=1767225600", Problem::UnknownVersion),
        ("t=1767225600,v1=00", Problem::Encoding),
        ("t=1767225600,t=1767225601,v1=00", Problem::Conflicting),
        (&tags, Problem::TooMany),
    ] {
        let mut request = signed.clone();
        request.headers_mut().insert("stripe-signature", HeaderValue::from_str(text).unwrap());
        let refused = each_way(&verifier, &request, NOW, &[]).unwrap_err();
        let Rejection::MalformedSignature { problem: found, .. } = &refused else { panic!("{text}: {refused}") };
        assert_eq!(*found, problem, "{text}");
        assert!(refused.to_string().starts_with("the signature in header `stripe-signature` "), "{refused}");
    }
}

#[test]
fn a_time_before_the_tag_contains_no_separator() {
    let file = |format: &str| {
        format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nsigns = \"{{timestamp}}\\n{{body}}\"\n\
             list = {{ separator = \",\", items = [\"t={{timestamp}}\", \"v={{hex}}\"] }}\n\
             [timestamp]\nformat = \"{format}\"\ntolerance = \"5m\"\n"
        )
    };
    for (format, code) in [("seconds", ""), ("rfc3339", ""), ("http-date", "malformed_timestamp")] {
        let scheme = Scheme::from_toml("t", &file(format)).unwrap();
        let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
        let signed = signer.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
        let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
        let verdict = each_way(&verifier, &signed, NOW, &[]);
        assert_eq!(verdict.err().map_or("", |rejection| rejection.code()), code, "{format}");
    }
}

#[test]
fn a_refused_time_names_the_expected_format() {
    for (format, expected) in [
        ("seconds", "decimal seconds"),
        ("milliseconds", "decimal milliseconds"),
        ("seconds-or-milliseconds", "10 digits of seconds or 13 of milliseconds"),
        ("rfc3339", "an RFC 3339 time with a zone"),
        ("rfc3339-or-utc", "an RFC 3339 time"),
        ("http-date", "an HTTP date"),
    ] {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
             signs = \"{{timestamp}}\\n{{body}}\"\n[timestamp]\nheader = \"X-Time\"\nformat = \"{format}\"\ntolerance = \"5m\"\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let signer = Signer::new(&scheme, "a-long-random-secret").unwrap();
        let mut signed = signer.sign(Request::post("/").body(Bytes::new()).unwrap(), NOW).unwrap();
        signed.headers_mut().insert("x-time", HeaderValue::from_static("yesterday"));
        let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
        let refused = each_way(&verifier, &signed, NOW, &[]).unwrap_err();
        assert_eq!(refused.code(), "malformed_timestamp");
        assert!(refused.to_string().contains(expected), "{format}: {refused}");
    }
}

#[test]
fn a_header_of_any_length_is_refused_by_its_length_alone() {
    for (len, code) in [(8192, "signature"), (8193, MALFORMED), (1 << 20, MALFORMED)] {
        table("gitlab", "x-gitlab-token", &[(&"a".repeat(len), code)]);
    }
}

#[test]
fn a_header_that_is_read_must_be_a_single_line_and_others_may_repeat() {
    for id in ["github", "own-request-line", "own-digest-header", "own-query-id"] {
        let endpoint = Endpoint::find(id);
        let (verifier, signed) = (endpoint.verifier(), endpoint.sample());
        let once = each_way(&verifier, &signed, NOW, &[]).unwrap();
        let mut with_others = signed.clone();
        for value in ["a", "b", "a"] {
            with_others.headers_mut().append("x-nobody-reads-this", HeaderValue::from_static(value));
        }
        assert_eq!(each_way(&verifier, &with_others, NOW, &[]), Ok(once), "{id}");
        let name = endpoint.scheme.signature_header().unwrap();
        with_others.headers_mut().append(name, signed.headers()[name].clone());
        assert_eq!(each_way(&verifier, &with_others, NOW, &[]).unwrap_err().code(), MALFORMED, "{id}");
    }
}

//! No two requests have the same signature, in any scheme that the language accepts without a declared ambiguity.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use countersign::{Scheme, Signer, Timestamp, Verifier};
use countersign_tests::endpoint::NOW;
use http::{Method, Request};
use proptest::{prelude::*, sample::select};

const SECRET: &str = "a-long-random-secret";
const URL: &str = "https://h.example";

const PARTS: [&str; 9] =
    ["{timestamp}", "{id}", "{header:X-V}", "{path}", "{query}", "{path-and-query}", "{url}", "{method}", "{query:v}"];

const SEPARATORS: [&str; 14] = ["", ".", "..", ".a.", "1", ".1", "\\n", "|", "^", ":", "Z", "-", "/", "P"];

/// The values of generated requests: few, but each may contain a separator, a part of one, or its neighbour's text.
const IDS: [&str; 12] =
    ["a", "a.", "a..", "a.1", "a1", "a.17", "a.17.b", "a.17:b", "a|17|b", "a.a", "a1970-01-01T00:00:01Z", "a1970"];
const VALUES: [&str; 9] = ["", "a", ".", "a.", "a.a", "a|", "a1", "17", "17.a"];
const TARGETS: [&str; 12] =
    ["/", "/a", "/a|b", "/a^", "/a?v=a", "/a?v=.", "/a?v=a.&w=1", "/a/b?v=a", "/a?", "/a.", "/a?v=%7C", "/a1"];
const TIMES: [i64; 4] = [1, 17, 171, 1_767_225_600];
const BODIES: [&str; 13] =
    ["", ".", "a", ".a", "{}", "|b", "1", "17.b", "7.b", "^b", "b|", ".a.b", "1970-01-01T00:00:17Z"];

#[derive(Clone, Debug)]
struct Template {
    parts: Vec<&'static str>,
    separators: Vec<&'static str>,
    body_at: usize,
    format: &'static str,
}

impl Template {
    fn file(&self) -> String {
        let mut signs = String::new();
        for (at, (part, separator)) in self.parts.iter().zip(&self.separators).enumerate() {
            if at == self.body_at {
                signs += "{body}";
                signs += self.separators[3];
            }
            signs += part;
            signs += separator;
        }
        if self.body_at >= self.parts.len() {
            signs += "{body}";
        }
        let time = format!("[timestamp]\nheader = \"X-T\"\nformat = \"{}\"\ntolerance = \"50000d\"\n", self.format);
        let id = "[id]\nheader = \"X-Id\"\n".to_owned();
        let table = |name: &str, table: String| if self.parts.contains(&name) { table } else { String::new() };
        format!(
            "name = \"T\"\n[request]\nmethods = [\"POST\", \"PO\"]\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n{}{}",
            table("{timestamp}", time),
            table("{id}", id),
        )
    }

    fn uses(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.parts.contains(name))
    }

    /// Every combination of values that the template can tell apart.
    fn requests(&self) -> Vec<(Request<&'static str>, i64)> {
        let mut requests = Vec::new();
        let take = |used: bool, all: usize| if used { all } else { 1 };
        let target_used = self.uses(&["{path}", "{query}", "{path-and-query}", "{url}", "{query:v}"]);
        for id in &IDS[..take(self.uses(&["{id}"]), IDS.len())] {
            for value in &VALUES[..take(self.uses(&["{header:X-V}"]), VALUES.len())] {
                for target in &TARGETS[..take(target_used, TARGETS.len())] {
                    for time in &TIMES[..take(self.uses(&["{timestamp}"]), TIMES.len())] {
                        for method in &["POST", "PO"][..take(self.uses(&["{method}"]), 2)] {
                            for body in BODIES {
                                let method = Method::from_bytes(method.as_bytes()).unwrap();
                                let request = Request::builder().method(method).uri(*target);
                                let request = request.header("x-id", *id).header("x-v", *value);
                                requests.push((request.body(body).unwrap(), *time));
                            }
                        }
                    }
                }
            }
        }
        requests
    }
}

const FORMATS: [&str; 6] =
    ["seconds", "milliseconds", "seconds-or-milliseconds", "rfc3339", "rfc3339-or-utc", "http-date"];

fn templates() -> impl Strategy<Value = Template> {
    let parts = proptest::collection::vec(select(&PARTS[..]), 1..3);
    let separators = proptest::collection::vec(select(&SEPARATORS[..]), 4);
    let format = select(&FORMATS[..]);
    (parts, separators, 0..4_usize, format).prop_map(|(parts, separators, body_at, format)| Template {
        parts,
        separators,
        body_at,
        format,
    })
}

/// The values of a request that `parts` signs; two requests with the same values are equal for the scheme.
fn seen(template: &Template, request: &Request<&str>, time: i64) -> String {
    let uri = request.uri();
    let look = |part: &&str| match *part {
        "{timestamp}" => time.to_string(),
        "{id}" => request.headers()["x-id"].to_str().unwrap().to_owned(),
        "{header:X-V}" => request.headers()["x-v"].to_str().unwrap().to_owned(),
        "{path}" => uri.path().to_owned(),
        "{query}" => uri.query().unwrap_or_default().to_owned(),
        "{method}" => request.method().to_string(),
        "{query:v}" => uri.query().unwrap_or_default().split('&').next().unwrap_or_default().to_owned(),
        _ => uri.to_string(),
    };
    let seen: Vec<String> = template.parts.iter().map(look).chain([(*request.body()).to_owned()]).collect();
    format!("{seen:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b4_no_byte_can_be_shifted_across_a_border_of_any_scheme_that_the_language_accepts(template in templates()) {
        let scheme = Scheme::from_toml("t", &template.file());
        prop_assume!(scheme.is_ok());
        let scheme = scheme.unwrap();
        let signer = Signer::with_public_url(&scheme, SECRET, URL).unwrap();
        let verifier = Verifier::builder(&scheme).secret(SECRET).public_url(URL).build().unwrap();
        let mut by_tag: HashMap<String, (String, i64)> = HashMap::new();
        for (request, time) in template.requests() {
            let seen = seen(&template, &request, time);
            let now = Timestamp::from_unix_seconds(time);
            let Ok(signed) = signer.sign(request.map(str::as_bytes), now) else { continue };
            let tag = signed.headers()["x-sig"].to_str().unwrap().to_owned();
            let accepted = verifier.verify(&signed, signed.body(), now).is_ok();
            prop_assert!(accepted, "signed and then refused: {seen}");
            let first = by_tag.entry(tag).or_insert((seen.clone(), time));
            prop_assert_eq!(&first.0, &seen, "one signature fits both of these");
        }
    }
}

#[test]
fn known_ways_to_shift_a_byte_across_a_border_are_refused() {
    for (signs, one, other) in [
        // The timestamp and the id end with different separators.
        ("{id}.{timestamp}:{body}", ("a", "b.1767225600:c"), ("a.1767225600:b", "c")),
        // The end of the id and the separator look like the separator.
        ("{id}..{timestamp}:{body}", ("a", ".c"), ("a.", "c")),
        ("{header:X-Id}..{body}", ("a", ".c"), ("a.", "c")),
        ("{header:X-Id}.a.{body}", ("b", "a.c"), ("b.a", "c")),
    ] {
        let mut file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n"
        );
        if signs.contains("{timestamp}") {
            file +=
                "[timestamp]\nheader = \"X-T\"\nformat = \"seconds\"\ntolerance = \"5m\"\n[id]\nheader = \"X-Id\"\n";
        }
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let verifier = Verifier::builder(&scheme).secret(SECRET).tolerance(Duration::from_secs(300)).build();
        let verifier = verifier.or_else(|_| Verifier::new(&scheme, SECRET)).unwrap();
        let signer = Signer::new(&scheme, SECRET).unwrap();
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let sign = |(id, body): (&str, &'static str)| {
            signer.sign(Request::post("/").header("x-id", id).body(body.as_bytes()).unwrap(), now)
        };
        let tags: Vec<_> = [one, other]
            .into_iter()
            .filter_map(|way| sign(way).ok())
            .map(|signed| signed.headers()["x-sig"].clone())
            .collect();
        assert!(tags.len() == 1 || tags[0] != tags[1], "{signs}: one signature fits both");
        for (way, other_way) in [(one, other), (other, one)] {
            let Ok(signed) = sign(way) else { continue };
            let mut shifted = signed.clone().map(|_| other_way.1);
            shifted.headers_mut().insert("x-id", other_way.0.parse().unwrap());
            assert!(verifier.verify(&shifted, shifted.body(), now).is_err(), "{signs}: {other_way:?}");
        }
    }
}

#[test]
fn an_id_directly_before_an_rfc_3339_time_ends_where_the_date_begins() {
    let file = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
        signs = \"{id}{timestamp}{body}\"\n[id]\nheader = \"X-Id\"\n\
        [timestamp]\nheader = \"X-T\"\nformat = \"rfc3339\"\ntolerance = \"5m\"\n[event]\nid = \"{id}\"\n";
    let scheme = Scheme::from_toml("t", file).unwrap();
    assert!(scheme.event_id().unwrap().is_covered());
    let body: &[u8] = b"{\"at\":\"2026-01-01T00:00:03Z\"}";
    let signed = Signer::new(&scheme, SECRET).unwrap();
    let signed = signed.sign(Request::post("/").header("x-id", "m-2026").body(body).unwrap(), NOW).unwrap();
    let verifier = Verifier::new(&scheme, SECRET).unwrap();
    assert_eq!(verifier.verify(&signed, signed.body(), NOW).map(drop), Ok(()));
    // The same bytes, with the border in the body.
    let mut moved = signed.map(|_| &b"\"}"[..]);
    let time = moved.headers()["x-t"].to_str().unwrap().to_owned();
    let id = format!("m-2026{time}{{\"at\":\"");
    moved.headers_mut().insert("x-id", id.parse().unwrap());
    moved.headers_mut().insert("x-t", "2026-01-01T00:00:03Z".parse().unwrap());
    assert_eq!(verifier.verify(&moved, moved.body(), NOW).unwrap_err().code(), "ambiguous_content");
}

#[test]
fn a_stated_ambiguity_leaves_the_guards_of_all_other_borders_in_force() {
    let file = "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
        signs = \"{id}.{timestamp}.{header:X-K}{body}\"\nambiguous = \"X-K runs into the body\"\n[id]\nheader = \"X-Id\"\n\
        [timestamp]\nheader = \"X-Time\"\nformat = \"seconds\"\ntolerance = \"5m\"\n[event]\nid = \"{id}\"\n";
    let scheme = Scheme::from_toml("acme", file).unwrap();
    assert!(!scheme.event_id().unwrap().is_covered(), "where parts run into each other, no value is certain");
    let request =
        Request::post("/").header("x-id", "m1").header("x-k", "k.1767300000.z").body(Bytes::from("{}")).unwrap();
    let signed = Signer::new(&scheme, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
    let mut moved = signed.clone();
    for (name, value) in [("x-id", "m1.1767225600.k"), ("x-time", "1767300000"), ("x-k", "z")] {
        moved.headers_mut().insert(name, value.parse().unwrap());
    }
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    let later = Timestamp::from_unix_seconds(1_767_300_000);
    assert_eq!(verifier.verify(&signed, signed.body(), NOW).map(drop), Ok(()));
    assert_eq!(verifier.verify(&moved, moved.body(), later).unwrap_err().code(), "ambiguous_content");
}

#[test]
fn a_character_that_could_end_the_url_cannot_be_decoded_in_it() {
    for c in ["{", "|", "\\n", "%", "é", "<"] {
        let file = format!(
            "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
            signs = \"{{url}}{{body}}\"\n[url]\nforms = [\"decoded\"]\ndecode = \":{c}\"\n"
        );
        let error = Scheme::from_toml("acme", &file).unwrap_err();
        assert!(error.message().contains("must stay escaped"), "{c}: {error}");
    }
}

#[test]
fn a_query_that_is_signed_decoded_covers_no_parameter() {
    let file = "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
        signs = \"{url}\\n{body}\"\n[url]\nforms = [\"decoded\"]\ndecode = \"&=\"\n[event]\nid = \"{query:id}\"\n";
    let covered = |file: &str| Scheme::from_toml("acme", file).unwrap().event_id().unwrap().is_covered();
    assert!(!covered(file));
    assert!(covered(&file.replace("decode = \"&=\"", "decode = \":\"")));
}

#[test]
fn a_backtick_in_the_query_does_not_end_it() {
    let file = "name = \"Acme\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
        signs = \"{path-and-query}`{body}\"\n";
    let scheme = Scheme::from_toml("acme", file).unwrap();
    let request = Request::post("/x?a=1").body(Bytes::from("k`{}")).unwrap();
    let signed = Signer::new(&scheme, "a-long-random-secret").unwrap().sign(request, NOW).unwrap();
    let (mut parts, _) = signed.into_parts();
    parts.uri = "/x?a=1`k".parse().unwrap();
    let verifier = Verifier::new(&scheme, "a-long-random-secret").unwrap();
    assert_eq!(verifier.verify(&parts, "{}", NOW).unwrap_err().code(), "ambiguous_content");
}

#[test]
fn an_id_may_contain_the_separator_if_no_time_follows_it() {
    let code = |id: &str| {
        let file = "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{hex}\"\n\
                    signs = \"{id}.{timestamp}.{body}\"\n[id]\nheader = \"X-Id\"\n\
                    [timestamp]\nheader = \"X-T\"\nformat = \"seconds\"\ntolerance = \"5m\"\n";
        let scheme = Scheme::from_toml("t", file).unwrap();
        let request = Request::post("/").header("X-Id", "plain").body(Bytes::from("{}")).unwrap();
        let mut signed = Signer::new(&scheme, SECRET).unwrap().sign(request, NOW).unwrap();
        signed.headers_mut().insert("X-Id", id.parse().unwrap());
        let verdict = Verifier::new(&scheme, SECRET).unwrap().verify(&signed, signed.body(), NOW).map(drop);
        verdict.unwrap_err().code()
    };
    for plain in ["a", ".", "a.", ".a", "a.b", "a..b", "a.1b", "a.b.1b", "1.", "a1.", "17"] {
        assert_eq!(code(plain), "signature", "{plain}");
    }
    for with_time in ["a.1", ".1", "a.1.b", "a.17.b.c", "a.b.1", "a..1", "1.1", "a.1b.1"] {
        assert_eq!(code(with_time), "ambiguous_content", "{with_time}");
    }
}

#[test]
fn a_time_without_a_separator_after_it_has_a_fixed_number_of_digits() {
    let code = |signs: &str, format: &str, text: &str| {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\nsigns = \"{signs}\"\n\
             [timestamp]\nheader = \"X-T\"\nformat = \"{format}\"\ntolerance = \"500000d\"\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let signed = Signer::new(&scheme, SECRET).unwrap();
        let mut signed = signed.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW).unwrap();
        signed.headers_mut().insert("X-T", text.parse().unwrap());
        let verdict = Verifier::new(&scheme, SECRET).unwrap().verify(&signed, signed.body(), NOW).map(drop);
        verdict.unwrap_err().code()
    };
    for (format, shorter, right, longer) in [
        ("seconds", "999999999", "1767225601", "17672256010"),
        ("milliseconds", "999999999999", "1767225601000", "17672256010000"),
    ] {
        for open in ["{timestamp}{body}", "{timestamp}0{body}", "{body}{timestamp}", "{body}.{timestamp}"] {
            let codes = [shorter, right, longer].map(|text| code(open, format, text));
            assert_eq!(codes, ["ambiguous_content", "signature", "ambiguous_content"], "{open} {format}");
        }
        let codes = [shorter, right, longer].map(|text| code("{timestamp}.{body}", format, text));
        assert_eq!(codes, ["signature"; 3], "{format}");
    }
}

#[test]
fn a_url_may_have_characters_that_do_not_end_it() {
    let code = |separator: &str, target: &str| {
        let file = format!(
            "name = \"T\"\n[signature]\nalgorithm = \"hmac-sha256\"\nheader = \"X-Sig\"\nvalue = \"{{hex}}\"\n\
             signs = \"{{path-and-query}}{separator}{{body}}\"\n"
        );
        let scheme = Scheme::from_toml("t", &file).unwrap();
        let signed = Signer::new(&scheme, SECRET).unwrap();
        let signed = signed.sign(Request::post("/").body(Bytes::from("{}")).unwrap(), NOW);
        let mut signed = signed.unwrap();
        *signed.uri_mut() = target.parse().unwrap();
        let verdict = Verifier::new(&scheme, SECRET).unwrap().verify(&signed, signed.body(), NOW).map(drop);
        verdict.unwrap_err().code()
    };
    for target in ["/a|b", "/a^", "/a?b=|"] {
        // No URL contains a line break, but servers may pass on these characters.
        assert_eq!(code("\\n", target), "signature", "{target}");
        for separator in ["|", "^", ""] {
            assert_eq!(code(separator, target), "ambiguous_content", "{target} {separator}");
        }
    }
    for separator in ["\\n", "|", "^", ""] {
        assert_eq!(code(separator, "/a-._~!$&'()*+,;=:@/b?c=%20/?"), "signature", "{separator}");
    }
}

//! One change at a time, everywhere in a signed request: refused exactly if the scheme can detect it.
//!
//! `countersign_tests::reading` computes from the file what a scheme can detect, independently of the library. It also has
//! the exceptions that are inherent in schemes: white space around a header's value, equivalent writings of a form
//! or query parameter that is read decoded, the order of a sorted form, hex in any case where the file declares it, the
//! word `Basic`, percent-escapes that a provider decodes.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign_tests::{
    endpoint::{Endpoint, NOW},
    verdict::whole,
};
use http::{HeaderName, HeaderValue, Method, Request, Uri};

static ENDPOINTS: LazyLock<Vec<Endpoint>> =
    LazyLock::new(|| Endpoint::all().into_iter().filter(|endpoint| endpoint.reading.is_complete()).collect());

/// Asserts that a changed request gets the verdict of its reading. Returns whether it was accepted.
fn judge(endpoint: &Endpoint, original: &Request<Bytes>, changed: &Request<Bytes>, what: &str) -> bool {
    let verifier = endpoint.verifier();
    let before = whole(&verifier, original, NOW).unwrap().covered();
    let verdict = whole(&verifier, changed, NOW).map(countersign_tests::verdict::Accepted::covered);
    let same = endpoint.reading.is_same(original, changed);
    match verdict {
        Ok(after) if same => {
            assert_eq!(after.key, before.key, "{}: {what}", endpoint.id());
            assert_eq!(after.timestamp, before.timestamp, "{}: {what}", endpoint.id());
            assert_eq!(after.event_id, before.event_id, "{}: {what}", endpoint.id());
            assert_eq!(after.event_type, before.event_type, "{}: {what}", endpoint.id());
            // A relay cannot turn a delivery into a new event.
            assert_eq!(after.replay_key, before.replay_key, "{}: {what}", endpoint.id());
            let has_key = endpoint.reading.covers_body() && endpoint.scheme.told_apart_by().is_none();
            assert!(after.replay_key.is_some() || !has_key, "{}: {what}", endpoint.id());
            true
        }
        Err(_) if !same || endpoint.reading.may_be_refused(changed) => false,
        verdict => {
            panic!("{}: {what} should {}be accepted: {verdict:?}", endpoint.id(), if same { "" } else { "not " })
        }
    }
}

/// Every text that differs from this one in one bit.
fn flips(text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..text.len() * 8).map(|bit| {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

#[test]
fn a_flipped_bit_of_the_body_is_refused_if_the_scheme_covers_it() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for (bit, body) in flips(signed.body()) {
            let accepted =
                judge(endpoint, &signed, &signed.clone().map(|_| body.into()), &format!("bit {bit} of the body"));
            let exact = endpoint.reading.covers_body() && !endpoint.reading.signs("form-sorted");
            assert!(!(exact && accepted), "{}: bit {bit} of a covered body", endpoint.id());
        }
    }
}

#[test]
fn a_longer_shorter_or_missing_body_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let body = signed.body();
        let mut bodies: Vec<Vec<u8>> = (0..body.len()).map(|len| body[..len].to_vec()).collect();
        bodies.extend((0..body.len()).map(|at| body[at..].to_vec()));
        bodies.extend([b" ", b"\n", b"\0", b"&", b"}"].map(|more| [&body[..], more].concat()));
        bodies.extend([b" ", b"\n", b"\0", b"&", b"{"].map(|more| [&more[..], body].concat()));
        for changed in bodies {
            let what = format!("the body {:?}", String::from_utf8_lossy(&changed));
            judge(endpoint, &signed, &signed.clone().map(|_| changed.into()), &what);
        }
    }
}

#[test]
fn a_flipped_bit_of_a_header_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let signature = endpoint.reading.signature_header().unwrap_or_default();
        for (name, value) in signed.headers() {
            // One valid tag among several is enough: see the test below.
            if endpoint.reading.tags() > 1 && signature.eq_ignore_ascii_case(name.as_str()) {
                continue;
            }
            for (bit, value) in flips(value.as_bytes()) {
                let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
                let mut changed = signed.clone();
                changed.headers_mut().insert(name, value);
                judge(endpoint, &signed, &changed, &format!("bit {bit} of {name}"));
            }
        }
    }
}

#[test]
fn a_changed_tag_among_several_is_refused_only_without_a_valid_one() {
    let endpoint = Endpoint::find("own-hashed-secret");
    let signed = endpoint.sample();
    let text = signed.headers()["x-sig"].to_str().unwrap().to_owned();
    let (hex, base64) = text.split_once(',').unwrap();
    let is_accepted = |text: String| {
        let mut changed = signed.clone();
        changed.headers_mut().insert("x-sig", text.parse().unwrap());
        whole(&endpoint.verifier(), &changed, NOW).is_ok()
    };
    let (wrong_hex, wrong_base64) = (format!("v2={}", "0".repeat(64)), format!("v1={}=", "A".repeat(43)));
    assert!(is_accepted(format!("{hex},{wrong_base64}")));
    assert!(is_accepted(format!("{wrong_hex},{base64}")));
    assert!(!is_accepted(format!("{wrong_hex},{wrong_base64}")));
}

#[test]
fn a_missing_empty_doubled_or_padded_header_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for (name, value) in signed.headers() {
            let with = |lines: &[&[u8]]| {
                let mut changed = signed.clone();
                changed.headers_mut().remove(name);
                for line in lines {
                    changed.headers_mut().append(name, HeaderValue::from_bytes(line).unwrap());
                }
                changed
            };
            let value = value.as_bytes();
            let (spaced, joined) = ([b" \t", value, b"\t "].concat(), [value, b", ", value].concat());
            for (what, lines) in [
                ("gone", vec![]),
                ("empty", vec![&b""[..]]),
                ("twice the same", vec![value, value]),
                ("joined by another", vec![value, b"other"]),
                ("behind another", vec![b"other", value]),
                ("in white space", vec![&spaced]),
            ] {
                judge(endpoint, &signed, &with(&lines), &format!("{name} is {what}"));
            }
            // The signature's own grammar may have lists. No other header may have its value twice in one line.
            if Some(name.as_str()) != endpoint.reading.signature_header().map(|name| name.to_lowercase()).as_deref() {
                judge(endpoint, &signed, &with(&[&joined]), &format!("{name} is said twice in one line"));
            }
        }
    }
}

#[test]
fn an_added_header_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for name in
            ["x-new", "webhook-id", "webhook-signature", "x-hub-signature", "x-old-sig", "x-forwarded-host", "date"]
        {
            let mut changed = signed.clone();
            changed.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static("new"));
            judge(endpoint, &signed, &changed, &format!("{name} comes along"));
        }
    }
}

#[test]
fn a_flipped_bit_of_the_request_target_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for (bit, target) in flips(signed.uri().to_string().as_bytes()) {
            let Ok(uri) = Uri::try_from(&target[..]) else { continue };
            let mut changed = signed.clone();
            *changed.uri_mut() = uri;
            judge(endpoint, &signed, &changed, &format!("bit {bit} of the target: {}", changed.uri()));
        }
    }
}

#[test]
fn a_rewritten_request_target_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let target = signed.uri().to_string();
        for changed in [
            target.replace("%3A", ":"),
            target.replace("%3A", "%3a"),
            target.replace("%2C", ","),
            target.replace("%41", "A"),
            target.replace('?', "?&"),
            target.replace('?', "/?"),
            target.replace("order=o-17", "order=o%2D17"),
            target.replace("order=o-17", "order=o-17&order=o-17"),
            target.replace("order=o-17", "order=o-18&order=o-17"),
            target.replace("order=o-17", "order=%FF"),
            target.replace("order=", "%6Frder="),
            target.clone() + "&",
            target.clone() + "&more=1",
            target.split('?').next().unwrap().to_owned(),
            target.split('?').next().unwrap().to_owned() + "?",
            format!("http://other.example{target}"),
        ] {
            let mut request = signed.clone();
            *request.uri_mut() = changed.parse().unwrap();
            judge(endpoint, &signed, &request, &format!("the target {changed}"));
        }
    }
}

#[test]
fn another_method_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::HEAD, Method::from_bytes(b"post").unwrap()] {
            let mut changed = signed.clone();
            *changed.method_mut() = method.clone();
            let accepted = judge(endpoint, &signed, &changed, method.as_str());
            assert!(!accepted || endpoint.reading.methods().contains(&method), "{}", endpoint.id());
        }
    }
}

#[test]
fn a_rewritten_form_gets_the_expected_verdict() {
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.reading.needs_form()) {
        let signed = endpoint.sample();
        let form = String::from_utf8(signed.body().to_vec()).unwrap();
        let mut pairs: Vec<&str> = form.split('&').collect();
        pairs.reverse();
        for changed in [
            pairs.join("&"),
            form.replace('+', "%20"),
            form.replace("%C3%A9", "%c3%a9"),
            form.replace("%C3%A9", "é"),
            form.replace("%C3%A9", "%C3"),
            form.replace("%C3%A9", "%FF"),
            form.replace("%26", "&"),
            form.replace("order=", "%6frder="),
            form.replace("order=o-17", "order=o-17&order=o-17"),
            form.replace("order=o-17", "order=o-17&order=o-18"),
            form.replace("kind=created", "kindcreated="),
            form.replace("kind=created", "kindcreated"),
            form.replace("kind=created", "kind=crea&ted="),
            form.clone() + "&",
            form.clone() + "&=",
            "&&".to_owned() + &form,
            form.clone() + "&new=1",
        ] {
            judge(endpoint, &signed, &signed.clone().map(|_| changed.clone().into()), &format!("the form {changed}"));
        }
    }
}

#[test]
fn a_change_is_accepted_only_outside_of_covered_values() {
    for endpoint in ENDPOINTS.iter() {
        let signed = endpoint.sample();
        let read: Vec<String> = endpoint.reading.headers().iter().map(|name| name.to_lowercase()).collect();
        let mut changed = signed.clone();
        for (name, value) in changed.headers_mut() {
            if !read.contains(&name.as_str().to_owned()) {
                *value = HeaderValue::from_static("changed");
            }
        }
        assert!(judge(endpoint, &signed, &changed, "every header that is not read"), "{}", endpoint.id());
    }
}

#[test]
fn a_space_between_the_items_of_a_list_that_becomes_a_separator_changes_nothing() {
    let openrouter = Endpoint::find("openrouter-video");
    let signed = openrouter.sample();
    let mut changed = signed.clone();
    let header = changed.headers_mut().get_mut("X-OpenRouter-Signature").unwrap();
    *header = header.to_str().unwrap().replace(", ", ",,").parse().unwrap();
    assert_ne!(signed.headers(), changed.headers());
    assert!(openrouter.reading.is_same(&signed, &changed));
    assert!(openrouter.verifier().verify(&changed, changed.body(), NOW).is_ok());
}

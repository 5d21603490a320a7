//! Forms that were decoded, encoded again or converted to JSON.

use percent_encoding::percent_decode;
use serde_json::Value as Json;

use super::{BodyMistake, variants::BodyVariants};

pub(super) fn add(body: &[u8], variants: &mut BodyVariants) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let mut add = |body: Vec<u8>, signed| variants.add(body, BodyMistake::Form { signed });
    for (pairs, signed) in pairs_of_json(text) {
        add(encoded(&pairs).into_bytes(), signed);
        add(encoded(&pairs).replace('+', "%20").into_bytes(), signed);
    }
    if !text.contains('=') || text.starts_with(['{', '[']) {
        return;
    }
    let pairs: Vec<_> =
        form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let again = encoded(&pairs);
    add(text.replace('+', "%20").into_bytes(), "a form with `%20` for its spaces");
    add(text.replace("%20", "+").into_bytes(), "a form with `+` for its spaces");
    add(with_hex(text, u8::to_ascii_lowercase), "a form whose escapes have lower-case digits");
    add(with_hex(text, u8::to_ascii_uppercase), "a form whose escapes have upper-case digits");
    add(again.replace('+', "%20").into_bytes(), "a form with everything escaped");
    // JavaScript's encodeURIComponent does not escape these.
    let lax = [("%21", "!"), ("%27", "'"), ("%28", "("), ("%29", ")"), ("%7E", "~")];
    let lax = lax.iter().fold(again.clone(), |text, (escape, plain)| text.replace(escape, plain));
    add(lax.replace('+', "%20").into_bytes(), "a form with some characters left as they are");
    add(lax.into_bytes(), "a form with some characters left as they are");
    add(again.into_bytes(), "a form with everything escaped");
    add(percent_decode(body).collect(), "the form without its escapes");
    let spaced = text.replace('+', " ");
    add(percent_decode(spaced.as_bytes()).collect(), "the form without its escapes");
    let mut sorted = pairs.clone();
    sorted.sort();
    add(encoded(&sorted).into_bytes(), "the form with its parameters sorted");
    if let [(_, value)] = &*pairs {
        add(value.clone().into_bytes(), "the value of the form's only parameter");
    }
}

type Pairs = Vec<(String, String)>;

/// The forms that a framework may have converted to this JSON.
fn pairs_of_json(text: &str) -> Vec<(Pairs, &'static str)> {
    let Ok(json) = serde_json::from_str::<Json>(text) else { return Vec::new() };
    let mut forms = Vec::new();
    if let Json::Object(members) = &json {
        let value = |value: &Json| match value {
            Json::String(text) => Some(text.clone()),
            Json::Object(_) | Json::Array(_) => None,
            other => Some(other.to_string()),
        };
        let pairs = members.iter().map(|(name, json)| Some((name.clone(), value(json)?))).collect::<Option<Pairs>>();
        forms.extend(pairs.map(|pairs| (pairs, "a form that was converted to JSON")));
    }
    forms.push((vec![("payload".to_owned(), text.to_owned())], "the form `payload=...` with this value"));
    forms
}

fn encoded(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The text with the digits of its escapes in one case.
fn with_hex(text: &str, case: fn(&u8) -> u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes[at] == b'%';
        if let Some(digits) = bytes.get_mut(at + 1..at + 3).filter(|_| escape) {
            for digit in digits {
                *digit = case(digit);
            }
        }
        at += 1;
    }
    bytes
}

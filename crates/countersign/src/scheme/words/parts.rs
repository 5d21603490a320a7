//! Describes the parts of the signed content in words.

use super::{digest_in_words, encoding_in_words};
use crate::scheme::{FormRule, HashEncoding, Hashed, Part};

pub(super) fn part(part: &Part, form: &FormRule) -> String {
    match part {
        Part::Literal(text) => literal(&String::from_utf8_lossy(text)),
        Part::Secret => "the secret".to_owned(),
        Part::Setting(name) => format!("the setting `{name}`"),
        Part::Timestamp => "the signed time, as it is written".to_owned(),
        Part::Id => "the delivery's id".to_owned(),
        Part::Method => "the request method".to_owned(),
        Part::Url => "the public URL".to_owned(),
        Part::Path => "the path".to_owned(),
        Part::Query => "the query".to_owned(),
        Part::PathAndQuery => "the path and the query".to_owned(),
        Part::Host => "the host of the public URL".to_owned(),
        Part::Value(source) => source.to_string(),
        Part::Lower(source) => format!("{source}, in lower case"),
        Part::JsonRaw(pointer) => format!("the bytes of the JSON value `{pointer}`"),
        Part::FormSorted => format!("the parameters of the form, {}", sorted(form)),
        Part::QuerySorted => format!("the parameters of the query, {}", sorted(form)),
        Part::Sorted(inner) => format!("these, sorted by their bytes: {}", all(inner, form)),
        Part::Body => "the body".to_owned(),
        Part::BodyIn(encoding) => format!("the body, {}", encoding_in_words(*encoding)),
        Part::BodyAsJsonString => "the body, as a JSON string".to_owned(),
        Part::BodyCrc32 => "the CRC-32 of the body, in decimal digits".to_owned(),
        Part::Hash(digest, encoding, hashed) => {
            let encoding = match encoding {
                HashEncoding::Raw => "its bytes",
                HashEncoding::Text(encoding) => encoding_in_words(*encoding),
            };
            let hashed = match hashed {
                Hashed::Body => "the body",
                Hashed::Url => "the public URL",
            };
            format!("the {} of {hashed}, {encoding}", digest_in_words(*digest))
        }
        Part::Canonical(function) => format!("the canonical form `{}`", function.name()),
        Part::When(source, inner) => format!("if there is {source}: {}", all(inner, form)),
    }
}

fn all(parts: &[Part], form: &FormRule) -> String {
    parts.iter().map(|inner| part(inner, form)).collect::<Vec<_>>().join(", ")
}

fn literal(text: &str) -> String {
    match text {
        "\n" => "a line feed".to_owned(),
        " " => "a space".to_owned(),
        text => format!("the text `{}`", text.escape_debug().to_string().replace('`', "'")),
    }
}

/// How sorted parameters are written.
fn sorted(form: &FormRule) -> String {
    let between = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => format!("`{}`", text.escape_debug()),
    };
    let mut rules = vec!["sorted".to_owned()];
    if form.values_only {
        rules.push("the values alone".to_owned());
    } else {
        rules.push(format!("{} between name and value", between(&form.between)));
    }
    if !form.after.is_empty() {
        rules.push(format!("{} after each", between(&form.after)));
    }
    rules.push(format!("{} between them", between(&form.join)));
    let words = [
        (form.dedupe, "equal ones once"),
        (form.skip_empty, "those without a value left out"),
        (form.encode, "percent-encoded again"),
    ];
    rules.extend(words.iter().filter(|(applies, _)| *applies).map(|(_, rule)| (*rule).to_owned()));
    if !form.exclude.is_empty() {
        rules.push(format!("without `{}`", form.exclude.join("`, `")));
    }
    rules.join(", ")
}

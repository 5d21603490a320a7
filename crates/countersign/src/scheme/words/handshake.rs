//! Describes handshakes in words.

use http::StatusCode;

use super::{digest_in_words, encoding_in_words};
use crate::scheme::{AnswerPart, HandshakeRule, Item, Source};

pub(super) fn handshake(rule: &HandshakeRule) -> String {
    let when: Vec<String> = rule.when.iter().map(|when| condition(&when.source, when.equals.as_deref())).collect();
    let signed = if rule.signed { "verified like a delivery" } else { "not signed, so anybody can ask it" };
    let mut sentences = vec![format!("`{}` with {}: {signed}.", rule.method, when.join(" and "))];
    if let Some(token) = &rule.token {
        sentences.push(format!("{} must be the setting `{}`.", capital(&token.source.to_string()), token.setting));
    }
    sentences.push(answer(rule));
    if let Some(source) = &rule.stores {
        sentences.push(format!("{} is the endpoint's secret from then on.", capital(&source.to_string())));
    }
    if let Some(confirm) = &rule.confirm {
        sentences.push(format!("The URL in {} is to be fetched, if it is {confirm}.", confirm.source));
    }
    sentences.join(" ")
}

fn condition(source: &Source, equals: Option<&str>) -> String {
    equals.map_or_else(|| source.to_string(), |equals| format!("{source} = `{}`", escaped(equals)))
}

fn answer(rule: &HandshakeRule) -> String {
    let mut answer = format!("Answered {}", rule.status.as_u16());
    if !rule.answer.is_empty() {
        answer.extend([" with `", &print(&rule.answer), "` (", rule.media.content_type(), ")"]);
    } else if rule.status == StatusCode::OK && rule.headers.is_empty() {
        answer.push_str(" without a body");
    }
    for (name, parts) in &rule.headers {
        answer.extend([", header `", name.as_str(), "` `", &print(parts), "`"]);
    }
    answer + "."
}

/// The answer as a template, with words for its values.
fn print(parts: &[AnswerPart]) -> String {
    let items = |items: &[Item]| items.iter().map(item).collect::<Vec<_>>().join(" and ");
    let part = |part: &AnswerPart| match part {
        AnswerPart::Literal(text) => escaped(text),
        AnswerPart::Item(one) => format!("{{{}}}", item(one)),
        AnswerPart::JsonString(one) => format!("{{{} as a JSON string}}", item(one)),
        AnswerPart::Hmac(digest, encoding, of) => {
            format!("{{HMAC with {} of {}, {}}}", digest_in_words(*digest), items(of), encoding_in_words(*encoding))
        }
        AnswerPart::Hash(digest, encoding, of) => {
            format!("{{{} of {}, {}}}", digest_in_words(*digest), items(of), encoding_in_words(*encoding))
        }
    };
    parts.iter().map(part).collect()
}

fn item(item: &Item) -> String {
    match item {
        // The answer is between backticks already.
        Item::Value(source) => source.to_string().replace('`', ""),
        Item::Setting(name) => format!("setting {name}"),
        Item::Url => "public URL".to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('`', "'").replace('\n', "\\n")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

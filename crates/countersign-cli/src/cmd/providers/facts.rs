//! The facts about a scheme, in the order in which web pages and the terminal show them.

use std::time::Duration;

use countersign::{
    Scheme, Tolerance,
    scheme::{Addresses, Field, KeySource, ToldApartBy},
};

use crate::output::{self, yes_no};

/// Facts about one subject.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) facts: Vec<Fact>,
}

/// One fact.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: Value,
}

/// The value of a fact. In words, code is between backticks; no other markup is used.
pub(super) enum Value {
    Words(String),
    /// All of it is code.
    Code(String),
    List(Vec<String>),
    /// Where something was read: often a link, but not always.
    Source(String),
}

/// A property of a scheme that the index can filter by.
pub(super) struct Trait {
    pub(super) name: &'static str,
    pub(super) question: &'static str,
    pub(super) holds: bool,
}

pub(super) fn traits(scheme: &Scheme) -> Vec<Trait> {
    let covers = |field: Option<&Field>| field.is_some_and(Field::is_covered);
    [
        ("time", "Time is signed", scheme.tolerance().is_some()),
        ("event-id", "Event id is covered", covers(scheme.event_id())),
        ("body", "Body is covered", scheme.covers_body()),
        ("public-url", "Needs the public URL", scheme.needs_public_url()),
        ("handshake", "Asks a handshake", scheme.has_handshakes()),
        ("fetched-keys", "Publishes its keys", scheme.key_source().is_some()),
        ("public-key", "Checked with a public key", scheme.takes_public_key()),
        ("legacy", "Legacy algorithm", scheme.is_legacy()),
    ]
    .into_iter()
    .map(|(name, question, holds)| Trait { name, question, holds })
    .collect()
}

/// How the provider signs, in a sentence.
pub(super) fn summary(scheme: &Scheme) -> String {
    let (name, place, algorithm) = (scheme.name(), scheme.signature_source(), scheme.algorithm());
    let how = match (scheme.signed_content().map(output::escaped_line), algorithm.as_str()) {
        (None, "token") => format!("{name} sends the secret itself in the {place}; nothing is signed."),
        (None, "basic") => format!("{name} sends a user name and a password in the {place}; nothing is signed."),
        (None, "jwt") => format!("{name} sends a JSON Web Token in the {place}, which proves what it says itself."),
        (None, "http-signature") => format!("{name} sends an HTTP Message Signature (RFC 9421)."),
        (None, _) => format!("{name} sends a proof (`{algorithm}`) in the {place}."),
        (Some(content), _) if scheme.takes_public_key() => {
            format!(
                "{name} signs `{content}` with a private key (`{algorithm}`) and sends the signature in the {place}."
            )
        }
        (Some(content), _) => {
            format!("{name} computes `{algorithm}` of `{content}` with the secret and sends it in the {place}.")
        }
    };
    match scheme.tolerance() {
        Some(window) => format!("{how} The signed time may be {} from the clock.", tolerance(window)),
        None => format!("{how} No time is signed."),
    }
}

/// All facts about a scheme except its summary, notes and advice.
pub(super) fn sections(scheme: &Scheme) -> Vec<Section> {
    let sections = [
        ("How it signs", signing(scheme)),
        ("What to configure", configuration(scheme)),
        ("What the signature covers", coverage(scheme)),
        ("Handshake", handshake(scheme)),
        ("Answers", answers(scheme)),
        ("Addresses", scheme.addresses().map(addresses).unwrap_or_default()),
        ("How it was checked", origin(scheme)),
    ];
    let sections = sections.into_iter().filter(|(_, facts)| !facts.is_empty());
    sections.map(|(title, facts)| Section { title, facts }).collect()
}

fn signing(scheme: &Scheme) -> Vec<Fact> {
    let methods: Vec<_> = scheme.methods().iter().map(|method| format!("`{method}`")).collect();
    let decoded = || "as it was before it was compressed".to_owned();
    facts([
        ("algorithm", Some(Value::Code(scheme.algorithm()))),
        ("signature", words(scheme.signature_source())),
        ("layout", words(scheme.signature_layout())),
        ("signs", Some(content(scheme).map_or_else(Value::Words, Value::Code))),
        ("in words", list(scheme.signed_parts())),
        ("the body", scheme.signs_decoded_body().then(decoded).and_then(words)),
        ("the URL", list(scheme.url_forms())),
        ("must be", list(scheme.signature_rules())),
        ("checks", list(scheme.companion_checks())),
        ("ambiguous", scheme.ambiguity().and_then(|why| words(why.trim_end().to_owned()))),
        ("methods", words(methods.join(", "))),
    ])
}

/// What is signed: the text of the scheme file, or a description if it has none.
pub(super) fn content(scheme: &Scheme) -> Result<String, String> {
    let words = || match scheme.algorithm().as_str() {
        "jwt" => "the claims of the token".to_owned(),
        "http-signature" => "what the signature names".to_owned(),
        _ => "nothing".to_owned(),
    };
    scheme.signed_content().map(output::escaped_line).ok_or_else(words)
}

fn configuration(scheme: &Scheme) -> Vec<Fact> {
    let settings = scheme.settings().map(|(name, what)| format!("`{name}`: {what}")).collect();
    let url = "the URL that the provider was told, which the signature covers".to_owned();
    let legacy = "the algorithm is weak, so an endpoint must set `allow_legacy`".to_owned();
    facts([
        ("secret", words(scheme.secret_form())),
        ("or keys", scheme.key_source().and_then(published)),
        ("public URL", scheme.needs_public_url().then_some(url).and_then(words)),
        ("settings", list(settings)),
        ("legacy", scheme.is_legacy().then_some(legacy).and_then(words)),
    ])
}

fn published(source: &KeySource) -> Option<Value> {
    let bearer = source.bearer().map(|what| format!("; the provider asks for a credential: {what}"));
    words(format!("those that the provider publishes, fetched from {source}{}", bearer.unwrap_or_default()))
}

fn coverage(scheme: &Scheme) -> Vec<Fact> {
    let field = |field: Option<&Field>| {
        words(field.map_or("none".to_owned(), |field| {
            format!("{field} (covered by the signature: {})", yes_no(field.is_covered()))
        }))
    };
    facts([
        ("body", words(format!("covered by the signature: {}", yes_no(scheme.covers_body())))),
        ("timestamp", words(scheme.timestamp_form().unwrap_or_else(|| "none".to_owned()))),
        ("tolerance", words(scheme.tolerance().map_or("none: a delivery is never too old".to_owned(), tolerance))),
        ("event id", field(scheme.event_id())),
        ("event type", field(scheme.event_type())),
        ("told apart by", scheme.told_apart_by().and_then(told_apart_by)),
    ])
}

fn told_apart_by(told: ToldApartBy) -> Option<Value> {
    words(match told {
        ToldApartBy::SignedContent => "what is signed, where the event has no covered id".to_owned(),
        ToldApartBy::Nothing => {
            "nothing, where the event has no covered id: the replay guard lets all of these through".to_owned()
        }
        ToldApartBy::SignedTime => {
            "what is signed and when: a retry that is signed anew looks like a new event".to_owned()
        }
        ToldApartBy::UnsignedType => {
            "what is signed and the type, which is not: a recorded delivery under another type looks like a new event"
                .to_owned()
        }
        _ => "values that are not signed: a recorded delivery in which they are changed looks like a new event"
            .to_owned(),
    })
}

fn handshake(scheme: &Scheme) -> Vec<Fact> {
    let sends = "the provider sends it in the handshake, so an endpoint starts without it".to_owned();
    facts([("asked", list(scheme.handshakes())), ("secret", scheme.sends_secret().then_some(sends).and_then(words))])
}

fn answers(scheme: &Scheme) -> Vec<Fact> {
    let answers = scheme.answers();
    let text = |time: Duration| words(duration(time));
    facts([
        ("answer within", answers.within().and_then(text)),
        ("retries for", answers.retries_for().and_then(text)),
        ("success", words(answers.success_text())),
        ("answer body", answers.body().and_then(|body| words(format!("exactly `{body}`")))),
        ("refusal", answers.refusal().and_then(|status| words(status.as_str().to_owned()))),
        ("in progress", answers.in_progress().and_then(|status| words(status.as_str().to_owned()))),
    ])
}

fn addresses(addresses: &Addresses) -> Vec<Fact> {
    facts([
        ("ranges", list(addresses.ranges().iter().map(|range| format!("`{range}`")).collect())),
        ("read on", addresses.read_on().and_then(|date| words(date.to_string()))),
        ("page", addresses.source().map(|source| Value::Source(source.to_owned()))),
        ("for machines", addresses.list().map(|list| Value::Source(list.to_owned()))),
    ])
}

fn origin(scheme: &Scheme) -> Vec<Fact> {
    facts([
        ("checked by", scheme.checked().and_then(|checked| words(checked.to_string()))),
        ("source", scheme.source().map(|source| Value::Source(source.to_owned()))),
        ("category", scheme.category().and_then(|category| words(category.to_owned()))),
        ("also called", list(scheme.aliases().iter().map(|alias| format!("`{alias}`")).collect())),
    ])
}

/// How far a signed time may be from the clock.
pub(super) fn tolerance(tolerance: Tolerance) -> String {
    let (past, future) = (tolerance.past(), tolerance.future());
    if past == future { format!("±{}", duration(past)) } else { format!("-{} +{}", duration(past), duration(future)) }
}

/// A duration as text: `5m`, but `3 days`.
fn duration(duration: Duration) -> String {
    let text = humantime::format_duration(duration).to_string();
    let space = |word: &str| match word.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) if word.len() > at + 2 => format!("{} {}", &word[..at], &word[at..]),
        _ => word.to_owned(),
    };
    text.split(' ').map(space).collect::<Vec<_>>().join(" ")
}

fn facts<const N: usize>(facts: [(&'static str, Option<Value>); N]) -> Vec<Fact> {
    facts.into_iter().filter_map(|(label, value)| Some(Fact { label, value: value? })).collect()
}

fn words(text: String) -> Option<Value> {
    (!text.is_empty()).then_some(Value::Words(text))
}

fn list(items: Vec<String>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::List(items))
}

//! The page of one provider.

use maud::{Markup, html};

use super::{page::page, text};
use crate::cmd::providers::{
    entry::Entry,
    facts::{self, Section, Value},
    snippets,
};

pub(super) fn render(entry: &Entry) -> String {
    let scheme = &entry.scheme;
    let advice = scheme.advice();
    let main = html! {
        p.back { a href="index.html" { "← All providers" } }
        h1 { (scheme.name()) " " code { (scheme.id()) } }
        p.summary { (text::words(&facts::summary(scheme))) }
        @if let Some(notes) = scheme.notes() {
            p { (text::words(notes.trim_end())) }
        }
        @for part in &facts::sections(scheme) {
            (section(part))
            @if part.title == CONFIGURATION { (snippets(entry)) }
            @if part.title == COVERAGE {
                h2 { "What is not covered" }
                @if advice.is_empty() { p { "Nothing that matters: the signature covers the body, a time and the event's id." } }
                @for advice in &advice {
                    p.advice { strong { (advice.code()) } " " (advice) }
                }
            }
        }
        h2 { "The scheme file" }
        pre tabindex="0" { code { (entry.toml.trim_end()) } }
    };
    page(&format!("{} – webhook signatures", scheme.name()), false, &main)
}

/// The sections with something else behind them.
const CONFIGURATION: &str = "What to configure";
const COVERAGE: &str = "What the signature covers";

fn section(section: &Section) -> Markup {
    html! {
        h2 { (section.title) }
        dl {
            @for fact in &section.facts {
                div {
                    dt { (fact.label) }
                    dd { (value(&fact.value)) }
                }
            }
        }
    }
}

fn value(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Words(words) => { (text::words(words)) }
            Value::Code(code) => { code { (code) } }
            Value::Source(source) => { (text::source(source)) }
            Value::List(items) => { ol { @for item in items { li { (text::words(item)) } } } }
        }
    }
}

fn snippets(entry: &Entry) -> Markup {
    html! {
        h3 { "In " code { "countersign.toml" } }
        pre tabindex="0" { code { (snippets::endpoint(entry)) } }
        h3 { "In Rust" }
        pre tabindex="0" { code { (snippets::rust(entry)) } }
    }
}

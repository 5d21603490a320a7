//! The index: a table of all providers, and filters.

use std::collections::BTreeSet;

use countersign::Scheme;
use maud::{Markup, html};

use super::{page::page, text};
use crate::cmd::providers::{entry::Entry, facts};

pub(super) fn render(entries: &[Entry]) -> String {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.scheme.name().to_lowercase());
    let main = html! {
        h1 { "Providers" }
        p.summary {
            "How " (entries.len()) " providers sign their webhooks, what the signatures cover, and what they do not. "
            "Each page is generated from the scheme file that Countersign verifies with."
        }
        (filters(&entries))
        p #count role="status" { (entries.len()) " of " (entries.len()) }
        table {
            thead { tr {
                @for column in ["Provider", "Category", "Algorithm", "Covered", "Checked by"] { th scope="col" { (column) } }
            } }
            tbody { @for entry in &entries { (row(entry)) } }
        }
        p #none hidden { "No provider matches. " button #reset type="button" { "Clear the filters" } }
    };
    page("Webhook providers – Countersign", true, &main)
}

/// The filters. They are hidden until the script runs, since they do nothing without it.
fn filters(entries: &[&Entry]) -> Markup {
    let values = |of: fn(&Scheme) -> Vec<String>| -> BTreeSet<String> {
        entries.iter().flat_map(|entry| of(&entry.scheme)).collect()
    };
    html! {
        form #filters hidden {
            label.wide { span { "Search " kbd { "/" } }
                input type="search" name="text" data-filter="text" autocomplete="off" spellcheck="false"
                    placeholder="name, header, event …";
            }
            (select("category", "Category", &values(categories)))
            (select("algorithm", "Algorithm", &values(|scheme| scheme.algorithms())))
            (select("checked", "Checked by", &values(checked)))
            details {
                summary { "What is covered and what is needed" }
                div {
                    @for (name, question) in questions(entries) {
                        label { span { (question) }
                            select name=(name) data-filter="trait" {
                                option value="" { "any" }
                                option value="yes" { "yes" }
                                option value="no" { "no" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn select(name: &str, label: &str, values: &BTreeSet<String>) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) data-filter="word" {
                option value="" { "any" }
                @for value in values { option value=(value) { (value) } }
            }
        }
    }
}

fn questions(entries: &[&Entry]) -> Vec<(&'static str, &'static str)> {
    let first = entries.first().map(|entry| facts::traits(&entry.scheme)).unwrap_or_default();
    first.into_iter().map(|one| (one.name, one.question)).collect()
}

fn row(entry: &Entry) -> Markup {
    let scheme = &entry.scheme;
    let traits: Vec<_> = facts::traits(scheme).into_iter().filter(|one| one.holds).map(|one| one.name).collect();
    let has = |name: &str| traits.contains(&name);
    html! {
        tr data-text=(searched(scheme)) data-category=(joined(&categories(scheme)))
            data-algorithm=(joined(&scheme.algorithms())) data-checked=(joined(&checked(scheme))) data-traits=(traits.join("\n")) {
            th scope="row" { a href=(text::file_name(scheme.id())) { (scheme.name()) } " " code { (scheme.id()) } }
            td { (scheme.category().unwrap_or("–")) }
            td { code { (scheme.algorithm()) } }
            td { ul.marks {
                (mark("time", has("time"))) " " (mark("body", has("body"))) " " (mark("event id", has("event-id")))
            } }
            td { (scheme.checked().map_or_else(|| "–".to_owned(), |checked| checked.to_string())) }
        }
    }
}

fn mark(what: &str, is_covered: bool) -> Markup {
    html! {
        @if is_covered { li.yes { (what) } } @else { li.no { span.unseen { "not " } (what) } }
    }
}

/// The text that the search looks through, in lower case.
fn searched(scheme: &Scheme) -> String {
    let mut texts = vec![scheme.id().to_owned(), scheme.name().to_owned(), scheme.aliases().join(" ")];
    texts.extend([
        scheme.algorithm(),
        scheme.signature_source(),
        scheme.signed_content().unwrap_or_default().to_owned(),
    ]);
    texts.extend([scheme.event_id(), scheme.event_type()].into_iter().flatten().map(ToString::to_string));
    texts.extend(scheme.category().map(str::to_owned));
    texts.join(" ").to_lowercase()
}

fn categories(scheme: &Scheme) -> Vec<String> {
    scheme.category().map(str::to_owned).into_iter().collect()
}

fn checked(scheme: &Scheme) -> Vec<String> {
    scheme.checked().map(|checked| checked.to_string()).into_iter().collect()
}

/// Joins values with line breaks, which no value of a `select` has.
fn joined(values: &[String]) -> String {
    values.join("\n")
}

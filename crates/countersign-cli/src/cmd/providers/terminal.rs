//! The catalogue on a terminal: the table, and the page of one provider.

use std::fmt::Write as _;

use countersign::Scheme;

use super::{
    entry::Entry,
    facts::{self, Section, Value},
    snippets,
};
use crate::output::Style;

const COLUMNS: [&str; 8] = ["id", "name", "category", "algorithm", "signs", "timestamp", "event id", "checked by"];

pub(super) fn table(entries: &[Entry]) -> String {
    let style = Style::of_stdout();
    let rows: Vec<[String; 8]> = entries.iter().map(|entry| row(&entry.scheme)).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0).max(COLUMNS[at].len());
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = style.bold(line(&COLUMNS.map(str::to_owned)));
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row));
    }
    text
}

fn row(scheme: &Scheme) -> [String; 8] {
    let id = scheme.event_id().map_or("none", |field| if field.is_covered() { "covered" } else { "not covered" });
    [
        scheme.id().to_owned(),
        scheme.name().to_owned(),
        scheme.category().unwrap_or("-").to_owned(),
        scheme.algorithm(),
        cut(facts::content(scheme).unwrap_or_else(|words| words)),
        scheme.tolerance().map_or("none".to_owned(), facts::tolerance),
        id.to_owned(),
        scheme.checked().map_or("-".to_owned(), |checked| checked.to_string()),
    ]
}

/// Cuts a text that would make the table too wide. The page of the provider has all of it.
fn cut(text: String) -> String {
    if text.chars().count() <= MAX_WIDTH {
        return text;
    }
    let begin: String = text.chars().take(MAX_WIDTH - 1).collect();
    format!("{}…", begin.trim_end())
}

const MAX_WIDTH: usize = 40;

pub(super) fn page(entry: &Entry) -> String {
    let (style, scheme) = (Style::of_stdout(), &entry.scheme);
    let mut text = style.bold(format_args!("{} ({})", scheme.name(), scheme.id()));
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{}", facts::summary(scheme));
    if let Some(notes) = scheme.notes() {
        let _ = write!(text, "\n\n{}", notes.trim_end());
    }
    for part in facts::sections(scheme) {
        let _ = write!(text, "\n\n{}", style.bold(part.title));
        text.push_str(&section(&part));
    }
    for advice in scheme.advice() {
        let _ = write!(text, "\n\n{} {advice}", style.bold(format_args!("{}:", advice.code())));
    }
    for (title, block) in [
        ("For countersign.toml:", snippets::endpoint(entry)),
        ("In Rust:", snippets::rust(entry)),
        ("The scheme file (--toml prints only this):", entry.toml.trim_end().to_owned()),
    ] {
        let _ = write!(text, "\n\n{}\n{block}", style.faint(title));
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = String::new();
    for fact in &section.facts {
        let value = match &fact.value {
            Value::Words(value) | Value::Code(value) | Value::Source(value) => value.clone(),
            Value::List(items) => items.join(&format!("\n{:16}", "")),
        };
        let _ = write!(text, "\n  {:14}{value}", fact.label);
    }
    text
}

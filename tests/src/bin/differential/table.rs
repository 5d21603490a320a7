//! The tables of the README: the known disagreements, and their reasons.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::PathBuf};

use crate::{
    classes::ALLOWED,
    judge::folder,
    senders::SENDERS,
    tally::{Class, Tally},
};

/// The README and its tables.
pub(crate) struct Table {
    text: String,
}

const STRICTER: &str = "stricter";
const LAXER: &str = "laxer";
const TOTALS: &str = "totals";

/// A line of a table: a class, the providers in which it may appear, and the reason.
#[derive(Default)]
struct Row {
    providers: BTreeMap<String, usize>,
    example: String,
    why: String,
}

impl Table {
    pub(crate) fn read() -> io::Result<Self> {
        Ok(Self { text: fs::read_to_string(path())? })
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        fs::write(path(), &self.text)
    }

    /// The disagreements that no line explains, and those that no line may explain.
    pub(crate) fn problems(&self, tallies: &[Tally]) -> Vec<String> {
        let mut problems = Vec::new();
        for (side, name) in [("refuse", STRICTER), ("accept", LAXER)] {
            let rows = self.rows(name);
            for tally in tallies {
                for (class, found) in classes(tally, name) {
                    let row = rows.get(class).filter(|row| row.providers.contains_key(tally.provider));
                    let is_explained = row.is_some_and(|row| !row.why.is_empty());
                    if !is_explained || (name == LAXER && !ALLOWED.contains(&class.as_str())) {
                        problems.push(format!(
                            "{}: we {side}, the SDK does not: {class} ({})",
                            tally.provider, found.count
                        ));
                    }
                }
            }
        }
        problems
    }

    /// Writes the findings into the tables. Reasons are kept; those of new classes are left empty.
    pub(crate) fn update(&mut self, tallies: &[Tally]) {
        for name in [STRICTER, LAXER] {
            let mut rows = self.rows(name);
            for tally in tallies {
                for row in rows.values_mut() {
                    row.providers.retain(|provider, _| provider != tally.provider);
                }
                for (class, found) in classes(tally, name) {
                    let row = rows.entry(class.clone()).or_default();
                    if row.example.is_empty() {
                        row.example = found.example.describe();
                    }
                    row.providers.insert(tally.provider.to_owned(), found.count);
                }
            }
            rows.retain(|_, row| !row.providers.is_empty());
            let mut lines = "| class | how often | for example | why |\n| --- | --- | --- | --- |\n".to_owned();
            for (class, row) in rows {
                let counts: Vec<_> = row.providers.iter().map(|(name, count)| format!("{name} {count}")).collect();
                let _ = writeln!(lines, "| `{class}` | {} | {} | {} |", counts.join(", "), row.example, row.why);
            }
            self.replace(name, &lines);
        }
        self.replace(TOTALS, &self.totals(tallies));
    }

    /// A line for each sender: the old one if there is no new result.
    fn totals(&self, tallies: &[Tally]) -> String {
        let (start, end) = self.block(TOTALS);
        let mut lines = String::new();
        lines.push_str(
            "| provider | SDK | requests | both accept | both refuse | we alone refuse | the SDK alone refuses |\n",
        );
        lines.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
        for sender in &SENDERS {
            let id = sender.provider.id();
            let old = || self.text[start..end].lines().find(|line| line.starts_with(&format!("| `{id}` ")));
            let new = tallies.iter().find(|tally| tally.provider == id).map(total);
            lines.extend(new.or_else(|| old().map(str::to_owned)).map(|line| line + "\n"));
        }
        lines
    }

    fn rows(&self, name: &str) -> BTreeMap<String, Row> {
        let (start, end) = self.block(name);
        let lines = self.text[start..end].lines().filter(|line| line.starts_with("| `"));
        lines.filter_map(row).collect()
    }

    fn replace(&mut self, name: &str, lines: &str) {
        let (start, end) = self.block(name);
        self.text.replace_range(start..end, lines);
    }

    /// The range of the lines between the two marks of this name.
    fn block(&self, name: &str) -> (usize, usize) {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = self.text.find(&open).map_or(self.text.len(), |at| at + open.len());
        let end = self.text[start..].find(&close).map_or(start, |at| start + at);
        (start, end)
    }
}

fn classes<'t>(tally: &'t Tally, name: &str) -> &'t BTreeMap<String, Class> {
    if name == LAXER { &tally.laxer } else { &tally.stricter }
}

fn row(line: &str) -> Option<(String, Row)> {
    let cells: Vec<_> = line.trim_matches('|').splitn(4, '|').map(str::trim).collect();
    let [class, counts, example, why] = cells[..] else { return None };
    let providers = counts.split(", ").filter_map(|count| count.split_once(' '));
    let providers = providers.map(|(name, count)| (name.to_owned(), count.parse().unwrap_or_default())).collect();
    Some((class.trim_matches('`').to_owned(), Row { providers, example: example.to_owned(), why: why.to_owned() }))
}

fn total(tally: &Tally) -> String {
    let Tally { provider, package, requests, both_accept, both_refuse, stricter, laxer } = tally;
    let sum = |classes: &BTreeMap<String, Class>| classes.values().map(|class| class.count).sum::<usize>();
    let (stricter, laxer) = (sum(stricter), sum(laxer));
    format!("| `{provider}` | `{package}` | {requests} | {both_accept} | {both_refuse} | {stricter} | {laxer} |")
}

fn path() -> PathBuf {
    folder().join("README.md")
}

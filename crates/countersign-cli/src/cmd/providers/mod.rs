//! `countersign providers`: lists the catalogue, and shows one provider.

mod check;
mod entry;
mod facts;
mod json;
mod pages;
mod snippets;
mod terminal;

use clap::{Args, Subcommand};
use countersign::{Provider, providers};
use serde_json::Value as Json;

use crate::{
    failure::{Failure, Outcome},
    output, scheme_source,
};
use entry::Entry;

/// List the catalogue, or show how one provider signs
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Providers {
    #[command(subcommand)]
    action: Option<Action>,

    /// A provider, by its id or an alias
    name: Option<String>,

    /// Print JSON
    #[arg(long, conflicts_with = "toml")]
    json: bool,

    /// Print only the provider's scheme file, to edit it and use it with --scheme
    #[arg(long, requires = "name")]
    toml: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check your own scheme files for mistakes, and say what the schemes do not protect against
    Check(check::Check),
    /// Write the catalogue as web pages: an index with filters, and a page for each provider
    Pages(pages::Pages),
}

const HELP: &str = "\
`event id` says whether the signature covers the event's id. If it does not, anybody who relays a delivery can change the id.

Examples:
  countersign providers
  countersign providers stripe
  countersign providers github --toml > mine.toml
  countersign providers --json
  countersign providers check mine.toml
  countersign providers pages catalogue

Exit status: 0 done, 2 a mistake in the command line or an unknown provider.";

impl Providers {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        match self.action {
            Some(Action::Check(check)) => return check.run(),
            Some(Action::Pages(pages)) => return pages.run(),
            None => {}
        }
        match &self.name {
            Some(name) => self.one(scheme_source::find(name)?)?,
            None => self.all()?,
        }
        Ok(Outcome::Good)
    }

    fn one(&self, provider: Provider) -> Result<(), Failure> {
        let entry = Entry::of_catalogue(provider)?;
        if self.toml {
            output::line(provider.toml().trim_end())?;
        } else if self.json {
            let mut json = json::scheme(&entry.scheme);
            json["toml"] = provider.toml().into();
            output::line(json)?;
        } else {
            output::line(terminal::page(&entry))?;
        }
        Ok(())
    }

    fn all(&self) -> Result<(), Failure> {
        let entries = catalogue()?;
        if self.json {
            output::line(Json::Array(entries.iter().map(|entry| json::scheme(&entry.scheme)).collect()))?;
        } else {
            output::line(terminal::table(&entries))?;
        }
        Ok(())
    }
}

fn catalogue() -> Result<Vec<Entry>, Failure> {
    providers::ALL.iter().map(|provider| Entry::of_catalogue(*provider)).collect()
}

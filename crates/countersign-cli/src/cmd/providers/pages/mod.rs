//! `countersign providers pages`: writes the catalogue as static web pages.

mod index;
mod page;
mod provider;
mod text;

use std::{collections::HashSet, fs, path::PathBuf};

use clap::Args;

use super::entry::Entry;
use crate::{
    failure::{Failure, Outcome},
    output,
};

/// Write the catalogue as web pages: an index with filters, and a page for each provider
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Pages {
    /// The folder to write to; it is created if need be, and files of the same names are replaced
    dir: PathBuf,

    /// A scheme file of your own to add; repeatable
    #[arg(long = "scheme", value_name = "FILE")]
    schemes: Vec<PathBuf>,
}

const HELP: &str = "\
The pages need no server and load nothing from elsewhere: open index.html, or put the folder on any web server.

Examples:
  countersign providers pages catalogue
  countersign providers pages catalogue --scheme acme.toml

Exit status: 0 done, 2 a mistake in the command line, a scheme file that is wrong, or a folder that cannot be written.";

impl Pages {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut entries = super::catalogue()?;
        for path in &self.schemes {
            entries.push(Entry::of_file(path)?);
        }
        check_names(&entries)?;
        let unwritable = |error| Failure::new(format!("{} cannot be written: {error}", self.dir.display()));
        fs::create_dir_all(&self.dir).map_err(unwritable)?;
        for entry in &entries {
            let name = text::file_name(entry.scheme.id());
            fs::write(self.dir.join(name), provider::render(entry)).map_err(unwritable)?;
        }
        let index = self.dir.join("index.html");
        fs::write(&index, index::render(&entries)).map_err(unwritable)?;
        output::line(format_args!("{} providers: {}", entries.len(), index.display()))?;
        Ok(Outcome::Good)
    }
}

/// Refuses ids that cannot be the name of a file, and ids that give the same name.
fn check_names(entries: &[Entry]) -> Result<(), Failure> {
    let mut known = HashSet::from(["index".to_owned()]);
    for id in entries.iter().map(|entry| entry.scheme.id()) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if id.is_empty() || !id.chars().all(is_plain) {
            return Err(Failure::new(format!(
                "`{id}` cannot be the name of a page: rename the scheme file, with only letters, digits, `-` and `_`"
            )));
        }
        if !known.insert(id.to_lowercase()) {
            return Err(Failure::new(format!("there is a page `{id}` already: rename the scheme file")));
        }
    }
    Ok(())
}

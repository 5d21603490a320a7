//! `countersign providers check`: validates scheme files, and says what their schemes do not protect against.

use std::path::PathBuf;

use clap::Args;
use countersign::Scheme;

use crate::{
    failure::{Failure, Outcome},
    output::{self, Style},
    scheme_source,
};

/// Check your own scheme files for mistakes, and say what the schemes do not protect against
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Check {
    /// Scheme files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

const HELP: &str = "\
A file that is wrong or unsafe is refused with the line and column: for example, if a time or id is not signed, if \
signed parts run into each other, or if the body is not covered and the file does not say so. For a file that can be \
used, the command says what the provider's signatures do not protect against.

Example:
  countersign providers check mine.toml

Exit status: 0 every file can be used, 1 one cannot, 2 a mistake in the command line or an unreadable file.";

impl Check {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Good;
        for path in &self.files {
            let text = std::fs::read_to_string(path).map_err(|error| scheme_source::unreadable(path, &error))?;
            let id = path.file_stem().map_or_else(|| "own".into(), |stem| stem.to_string_lossy().into_owned());
            match Scheme::from_toml(id, &text) {
                Ok(scheme) => output::line(report(&path.display().to_string(), &scheme))?,
                Err(error) => {
                    let (line, column, message) = (error.line(), error.column(), error.message());
                    output::line(format_args!("{}:{line}:{column}: {message}", path.display()))?;
                    outcome = Outcome::Bad;
                }
            }
        }
        Ok(outcome)
    }
}

fn report(path: &str, scheme: &Scheme) -> String {
    let style = Style::of_stdout();
    let mut lines = vec![format!("{path}: can be used: {}, signed by {}", scheme.name(), scheme.algorithm())];
    for advice in scheme.advice() {
        lines.push(format!("  {} {advice}", style.bold(format_args!("{}:", advice.code()))));
    }
    lines.join("\n")
}

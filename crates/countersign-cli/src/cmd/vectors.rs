//! `countersign vectors`: runs files of signed requests.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    failure::{Failure, Outcome},
    output::{self, Style, escaped_line},
    scheme_source,
    vectors::{self, Report},
};

/// Run signed requests with known verdicts, and report those that got another verdict
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Vectors {
    /// Vector files, or folders of them, at any depth
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,

    /// Verify with this scheme file instead of the catalogue
    #[arg(long, value_name = "FILE")]
    scheme: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
A vector file is JSON: `provider` (an id of the catalogue) and `cases`, each with a `name`, the `keys` of the \
endpoint, `now` in seconds since 1970, a `request` (`method`, `url`, `headers` as pairs, `body_base64` or \
`body_file`) and what to `expect` (`accept` or `reject`). For `reject`, `reason_any` lists the codes that are right. \
Cases under `debatable` are not run.

Examples:
  countersign vectors tests/vectors
  countersign vectors stripe.json github.json --json
  countersign vectors --scheme acme.toml acme.json

The last line is `N passed, M failed`.
Exit status: 0 all passed, 1 some failed, 2 a file that cannot be read.";

impl Vectors {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let scheme = self.scheme.as_deref().map(scheme_source::file).transpose()?;
        let report = vectors::run(&self.paths, scheme.as_ref()).map_err(|error| Failure::new(error.to_string()))?;
        if self.json {
            print_json(&report)?;
        } else {
            print(&report)?;
        }
        Ok(Outcome::good_if(report.failures.is_empty()))
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let style = Style::of_stdout();
    for failure in &report.failures {
        output::line(format_args!(
            "{} {}: {}",
            style.bad("failed"),
            failure.file.display(),
            escaped_line(&failure.case)
        ))?;
        output::line(format_args!("  expected {}", failure.expected))?;
        output::line(format_args!("  got      {}", failure.got))?;
    }
    for skipped in &report.skipped {
        output::line(format_args!("skipped {}: {}", skipped.file.display(), escaped_line(&skipped.reason)))?;
    }
    let sum = format!("{} passed, {} failed", report.passed, report.failures.len());
    output::line(if report.failures.is_empty() { style.good(sum) } else { style.bad(sum) })?;
    Ok(())
}

fn print_json(report: &Report) -> Result<(), Failure> {
    let failures: Vec<_> = report
        .failures
        .iter()
        .map(|failure| {
            json!({
                "file": failure.file.to_string_lossy(),
                "case": failure.case,
                "expected": failure.expected,
                "got": failure.got,
            })
        })
        .collect();
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|skipped| json!({ "file": skipped.file.to_string_lossy(), "reason": skipped.reason }))
        .collect();
    output::line(json!({
        "passed": report.passed,
        "failed": failures.len(),
        "failures": failures,
        "skipped": skipped.len(),
        "skipped_files": skipped,
    }))?;
    Ok(())
}

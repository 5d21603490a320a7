//! Signed requests with the verdict that each should get, read from JSON files.
//!
//! ```json
//! {
//!   "provider": "github",
//!   "cases": [{
//!     "name": "valid",
//!     "keys": ["It's a Secret to Everybody"],
//!     "now": 1767225600,
//!     "request": {
//!       "method": "POST",
//!       "url": "https://hooks.example.com/github",
//!       "headers": [["x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"]],
//!       "body_base64": "SGVsbG8sIFdvcmxkIQ=="
//!     },
//!     "expect": "accept"
//!   }]
//! }
//! ```
//!
//! The body can be in a file of its own: `body_file`, relative to the vector file. A case with `"expect": "reject"`
//! lists in `reason_any` the codes that are right. `signature` includes every code that means that what came is not
//! what was signed: `ambiguous_content`, `body_hash`, `method` and `unexpected_value`. `other` means any code. Cases
//! under `debatable` are not run.

mod case;
mod file;
mod judge;

use std::path::{Path, PathBuf};

use countersign::{Provider, Scheme};

pub(crate) use case::Case;
pub use file::VectorError;
use file::VectorFile;
pub(crate) use file::parse;

/// The result of running vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many cases got the expected verdict.
    pub passed: usize,
    /// The cases that did not.
    pub failures: Vec<Failure>,
    /// The `*.json` files in folders that are not vector files.
    pub skipped: Vec<Skipped>,
}

/// A file in a folder that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub file: PathBuf,
    /// Why it is not a vector file.
    pub reason: String,
}

/// A case that got another verdict than the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The file of the case.
    pub file: PathBuf,
    /// The name of the case.
    pub case: String,
    /// The expected verdict.
    pub expected: String,
    /// The verdict that it got, or why there is none.
    pub got: String,
}

/// Runs the vector files among `paths` and in the folders among them, at any depth. Other files in folders are skipped.
///
/// Each file is verified with `scheme` or, without one, with its provider's scheme in the catalogue. The cases of an
/// unknown provider fail.
///
/// # Errors
///
/// If something cannot be read, if a named file is not a vector file or has no case, or if a folder has no vector file.
pub fn run(paths: &[impl AsRef<Path>], scheme: Option<&Scheme>) -> Result<Report, VectorError> {
    let (files, skipped) = file::read_all(paths)?;
    let mut report = Report { skipped, ..Report::default() };
    for file in files {
        let scheme = match scheme {
            Some(scheme) => Ok(scheme.clone()),
            None => of_catalogue(&file.provider),
        };
        for case in &file.cases {
            match scheme.as_ref().map_err(Clone::clone).and_then(|scheme| judge::judge(scheme, &file.config, case)) {
                Ok(()) => report.passed += 1,
                Err(got) => report.failures.push(failure(&file, case, got)),
            }
        }
    }
    Ok(report)
}

fn of_catalogue(id: &str) -> Result<Scheme, String> {
    let provider =
        Provider::find(id).ok_or_else(|| format!("no verdict: there is no provider `{id}` in the catalogue"))?;
    provider.scheme().map_err(|error| format!("no verdict: the catalogue's `{id}` is wrong: {error}"))
}

fn failure(file: &VectorFile, case: &Case, got: String) -> Failure {
    Failure { file: file.path.clone(), case: case.name.clone(), expected: case.expected(), got }
}

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
//! The body can stand in a file of its own, `body_file`, relative to the vector file. A case with `"expect": "reject"`
//! lists in `reason_any` the codes of which one is right: `signature` stands for every way in which what came is not what
//! was signed, so for `ambiguous_content`, `body_hash`, `method` and `unexpected_value` too, and `other` for any. What is
//! listed under `debatable` is not judged.

mod case;
mod file;
mod judge;

use std::path::{Path, PathBuf};

use countersign::{Provider, Scheme};

pub(crate) use case::Case;
pub use file::VectorError;
use file::VectorFile;
pub(crate) use file::parse;

/// What a run of vectors came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many cases got the verdict that they should.
    pub passed: usize,
    /// The others.
    pub failures: Vec<Failure>,
    /// The `*.json` in folders that are no vector files.
    pub skipped: Vec<Skipped>,
}

/// A file in a folder that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub file: PathBuf,
    /// Why it is no vector file.
    pub reason: String,
}

/// A case that got another verdict than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Its name.
    pub case: String,
    /// The verdict that it should get.
    pub expected: String,
    /// The verdict that it got, or why there is none.
    pub got: String,
}

/// Runs the vector files among `paths` and in the folders among them, at any depth. Other files in folders are skipped.
///
/// Each is judged by `scheme` or, without one, by its provider's in the catalogue; the cases of an unknown provider fail.
///
/// # Errors
///
/// If something cannot be read, a file that was named is no vector file or has no case, or there is none at all.
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

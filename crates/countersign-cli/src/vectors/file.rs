//! Finds and parses vector files.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Skipped,
    case::{Case, RawRequest, Settings},
};
use crate::file_error::without_values;

/// The cases of one provider from one source.
#[derive(Debug, Deserialize)]
pub(crate) struct VectorFile {
    #[serde(skip)]
    pub(super) path: PathBuf,
    pub(super) provider: String,
    /// What is configured beside the secret, for all cases that do not set it themselves.
    #[serde(default)]
    pub(crate) config: Settings,
    pub(crate) cases: Vec<Case>,
}

/// Why vectors could not be read.
#[derive(Debug)]
pub struct VectorError {
    path: PathBuf,
    problem: String,
}

impl VectorError {
    fn new(path: &Path, problem: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(path, format_args!("cannot be read: {error}"))
    }
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for VectorError {}

/// Reads all vector files in `paths`. Also returns the JSON files in folders that it skipped.
pub(super) fn read_all(paths: &[impl AsRef<Path>]) -> Result<(Vec<VectorFile>, Vec<Skipped>), VectorError> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.as_ref();
        if path.is_dir() {
            let before = files.len();
            for path in json_files(path)? {
                match read(&path)? {
                    Read::Vectors(file) => files.push(file),
                    Read::Other(reason) => skipped.push(Skipped { file: path, reason }),
                }
            }
            if files.len() == before {
                return Err(VectorError::new(path, "there is no vector file in this folder"));
            }
        } else {
            match read(path)? {
                Read::Vectors(file) => files.push(file),
                Read::Other(reason) => {
                    return Err(VectorError::new(path, format!("this is not a vector file: {reason}")));
                }
            }
        }
    }
    Ok((files, skipped))
}

/// All `*.json` files in a folder and the folders below it, sorted. Links to folders are not followed: they could form
/// a cycle.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>, VectorError> {
    let mut entries = entries(folder).map_err(|error| VectorError::unreadable(folder, &error))?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut files = Vec::new();
    for (path, kind) in entries {
        if kind.is_dir() {
            files.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, fs::FileType)>> {
    fs::read_dir(folder)?.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))).collect()
}

/// What a file is.
enum Read {
    Vectors(VectorFile),
    /// Not a vector file, for this reason.
    Other(String),
}

fn read(path: &Path) -> Result<Read, VectorError> {
    let text = fs::read(path).map_err(|error| VectorError::unreadable(path, &error))?;
    let document: Value = match serde_json::from_slice(&text) {
        Ok(document) => document,
        Err(error) => return Ok(Read::Other(format!("it is not JSON: {error}"))),
    };
    if !document["provider"].is_string() || !document["cases"].is_array() {
        return Ok(Read::Other("expected JSON with `provider` and `cases`".to_owned()));
    }
    // Parsed again from the text, so that errors have a line.
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = parse(&text, folder).map_err(|problem| VectorError::new(path, problem))?;
    if file.cases.is_empty() {
        return Err(VectorError::new(path, "there is no case in this file"));
    }
    path.clone_into(&mut file.path);
    Ok(Read::Vectors(file))
}

/// Parses the text of a vector file. The paths of `body_file` are relative to `folder`.
pub(crate) fn parse(text: &[u8], folder: &Path) -> Result<VectorFile, String> {
    let mut file: VectorFile = serde_json::from_slice(text).map_err(|error| without_values(&error.to_string()))?;
    for case in &mut file.cases {
        case.request.body =
            body(&case.request, folder).map_err(|problem| format!("case `{}`: {problem}", case.name))?;
    }
    Ok(file)
}

fn body(request: &RawRequest, folder: &Path) -> Result<Vec<u8>, String> {
    match (&request.body_base64, &request.body_file) {
        (Some(text), None) => STANDARD.decode(text).map_err(|error| format!("`body_base64` is not base64: {error}")),
        (None, Some(file)) => {
            fs::read(folder.join(file)).map_err(|error| format!("{} cannot be read: {error}", file.display()))
        }
        _ => Err("expected either `body_base64` or `body_file`".to_owned()),
    }
}

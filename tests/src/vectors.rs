//! The test vectors: signed requests with their verdicts. `tests/vectors/README.md` describes the format.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use serde::Deserialize;

/// The folder with all vector files.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

/// The cases of one provider from one source.
#[derive(Debug, Deserialize)]
pub struct VectorFile {
    /// Where it was read.
    #[serde(skip)]
    pub path: PathBuf,
    /// The provider's id in the catalogue.
    pub provider: String,
    /// The settings beside the secret, for all cases that have none of their own.
    #[serde(default)]
    pub config: Config,
    /// The cases with an undisputed verdict.
    pub cases: Vec<Case>,
    /// The cases on which verifiers differ. Their `expect` is the verdict of one SDK, and no requirement.
    #[serde(default)]
    pub debatable: Vec<Case>,
}

/// Settings by name: texts or numbers.
pub type Config = BTreeMap<String, serde_json::Value>;

/// One request, and the verdict that it should get.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// What the case tests.
    pub name: String,
    /// The endpoint's secrets, as a user pastes them.
    pub keys: Vec<String>,
    /// The time of arrival, in seconds since 1970.
    pub now: i64,
    /// The request.
    pub request: RawRequest,
    /// Settings that differ from those of the file.
    #[serde(default)]
    pub config: Config,
    /// The verdict.
    pub expect: Expect,
    /// The reasons for which it may be refused; empty for accepted cases.
    #[serde(default)]
    pub reason_any: Vec<String>,
    /// The verdict of a strict verifier, if that of the SDK differs.
    pub sane_policy: Option<Expect>,
}

/// A verdict, without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// The delivery is genuine.
    Accept,
    /// It is not.
    Reject,
}

/// A request as it was on the wire.
#[derive(Debug, Deserialize)]
pub struct RawRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body_base64: Option<String>,
    body_file: Option<PathBuf>,
    #[serde(skip)]
    body: Vec<u8>,
}

impl VectorFile {
    /// Reads every vector file, in order of their paths.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not in the format.
    pub fn all() -> Result<Vec<Self>, Box<dyn Error>> {
        let mut paths = Vec::new();
        for folder in fs::read_dir(FOLDER)? {
            let folder = folder?.path();
            if folder.is_dir() {
                for file in fs::read_dir(folder)? {
                    paths.push(file?.path());
                }
            }
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads one vector file and the bodies that it refers to.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not in the format.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let wrong = |error: &dyn Error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let mut file: Self = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        path.clone_into(&mut file.path);
        let folder = path.parent().unwrap_or(Path::new("."));
        for case in file.cases.iter_mut().chain(&mut file.debatable) {
            case.request.load_body(folder).map_err(|error| format!("{} of {}", wrong(&*error), case.name))?;
        }
        Ok(file)
    }
}

impl RawRequest {
    fn load_body(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.body = match (self.body_base64.take(), &self.body_file) {
            (Some(text), None) => STANDARD.decode(text).map_err(|error| error.to_string())?,
            (None, Some(file)) => fs::read(folder.join(file))?,
            _ => return Err("expected one of `body_base64` and `body_file`".into()),
        };
        Ok(())
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The scheme and authority of the URL, which is the configured public URL.
    pub fn public_url(&self) -> &str {
        self.url.split_at(self.authority_end()).0
    }

    /// The head as a server receives it, with path and query as its target.
    ///
    /// # Errors
    ///
    /// If no HTTP server would pass on such a head: a line break in a header, a space in the target.
    pub fn head(&self) -> Result<Parts, http::Error> {
        let target = self.url.split_at(self.authority_end()).1;
        let mut request = Request::builder().method(self.method.as_str()).uri(target);
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes())?);
        }
        Ok(request.body(())?.into_parts().0)
    }

    fn authority_end(&self) -> usize {
        let authority = self.url.find("://").map_or(0, |at| at + "://".len());
        let path = self.url.get(authority..).and_then(|rest| rest.find(['/', '?']));
        path.map_or(self.url.len(), |at| authority + at)
    }
}

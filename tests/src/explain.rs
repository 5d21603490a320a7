//! Broken requests, each with the mistake that broke it. `tests/explain/README.md` describes the format.

use std::{error::Error, fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{Explanation, Provider, Scheme, Setup, Timestamp};
use http::{HeaderName, HeaderValue, Request};
use serde::Deserialize;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/explain");

/// A request that was signed by the sender and then broken in one way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The mistake. Unique in its file.
    pub name: String,
    /// How the mistake happens.
    pub note: Option<String>,
    /// The id of a provider, or
    pub provider: Option<String>,
    /// the text of a scheme file.
    pub scheme: Option<String>,
    /// The endpoint's secrets.
    pub secrets: Vec<Pasted>,
    /// The secrets of other endpoints.
    #[serde(default)]
    pub others: Vec<Pasted>,
    /// The configured public URL.
    pub public_url: Option<String>,
    /// The time of arrival, in seconds since 1970.
    pub now: i64,
    request: Raw,
    /// What must be found.
    pub expect: Expect,
}

/// A secret as it is configured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pasted {
    /// Its label.
    pub label: String,
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// What must be found.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Nothing: the request is genuine.
    Accepted,
    /// Nothing: it is refused, and the cause cannot be determined.
    NoCauseFound,
    /// These causes.
    #[serde(untagged)]
    Causes {
        /// The code of the first.
        first: String,
        /// `proven` or `indicated`.
        certainty: String,
        /// The codes of the others.
        #[serde(default)]
        also: Vec<String>,
    },
}

impl Case {
    /// Every case, with the name of its file.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not in the format.
    pub fn all() -> Result<Vec<(String, Self)>, Box<dyn Error>> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(FOLDER)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let mut all = Vec::new();
        for path in paths {
            let cases: Vec<Self> = serde_json::from_str(&fs::read_to_string(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let file = path.file_stem().unwrap_or_default().to_string_lossy();
            all.extend(cases.into_iter().map(|case| (file.clone().into_owned(), case)));
        }
        Ok(all)
    }

    /// The request as it arrived.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::builder().method(self.request.method.as_str()).uri(&self.request.target);
        for (name, value) in &self.request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        let body = match (&self.request.body, &self.request.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("base64"),
            _ => panic!("{}: expected one of `body` and `body_base64`", self.name),
        };
        request.body(body).expect("a request")
    }

    /// The scheme of the endpoint.
    ///
    /// # Panics
    ///
    /// If there is none of this name.
    pub fn scheme(&self) -> Scheme {
        match (&self.provider, &self.scheme) {
            (Some(id), None) => Provider::find(id).and_then(|provider| provider.scheme().ok()).expect("a provider"),
            (None, Some(file)) => Scheme::from_toml("own", file).expect("a scheme"),
            _ => panic!("{}: expected one of `provider` and `scheme`", self.name),
        }
    }

    /// The configuration of the endpoint.
    ///
    /// # Panics
    ///
    /// If the case is not in the format.
    pub fn setup(&self) -> Setup {
        let mut setup = Setup::new(self.scheme()).expect("a scheme");
        for pasted in &self.secrets {
            setup = setup.secret(pasted.label.as_str(), pasted.bytes());
        }
        for pasted in &self.others {
            setup = setup.other_secret(pasted.label.as_str(), pasted.bytes());
        }
        match &self.public_url {
            Some(url) => setup.public_url(url),
            None => setup,
        }
    }

    /// What is found.
    pub fn explain(&self) -> Explanation {
        let request = self.request();
        countersign::explain(&self.setup(), &request, request.body(), Timestamp::from_unix_seconds(self.now))
    }
}

impl Pasted {
    /// The bytes of the secret.
    ///
    /// # Panics
    ///
    /// If the case is not in the format.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("base64"),
            _ => panic!("expected one of `text` and `base64`"),
        }
    }
}

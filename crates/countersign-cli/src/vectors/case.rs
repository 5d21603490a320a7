//! One case of a vector file: a request, the endpoint, and the expected verdict.

use std::{collections::BTreeMap, path::PathBuf};

use http::{HeaderName, HeaderValue, Method, Request, Uri, request::Parts};
use serde::Deserialize;

/// A request, and the verdict that it should get.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The endpoint's secrets, as a user pastes them.
    pub(crate) keys: Vec<String>,
    /// The time of arrival, in seconds since 1970.
    pub(crate) now: i64,
    pub(crate) request: RawRequest,
    /// Settings that differ from those of the file.
    #[serde(default)]
    pub(crate) config: Settings,
    expect: Expect,
    /// The codes that are right for a rejection.
    #[serde(default)]
    reason_any: Vec<String>,
}

/// What an operator would configure beside the secret. Settings that the scheme does not know are notes for the reader.
pub(crate) type Settings = BTreeMap<String, Setting>;

/// The value of a setting.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Setting {
    Text(String),
    Number(i64),
}

impl Setting {
    pub(crate) fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Accept,
    Reject,
}

impl Case {
    pub(crate) fn expected(&self) -> String {
        match (self.expect, &*self.reason_any) {
            (Expect::Accept, _) => "accept".to_owned(),
            (Expect::Reject, []) => "reject".to_owned(),
            (Expect::Reject, reasons) => format!("reject ({})", reasons.join(" or ")),
        }
    }

    pub(crate) fn may_be_accepted(&self) -> bool {
        self.expect == Expect::Accept
    }

    /// Whether the case may be refused with a code for which `is_it` is true.
    pub(crate) fn may_be_refused(&self, is_it: impl Fn(&str) -> bool) -> bool {
        let any = self.reason_any.is_empty() || self.reason_any.iter().any(|reason| reason == "other");
        self.expect == Expect::Reject && (any || self.reason_any.iter().any(|reason| is_it(reason)))
    }
}

/// A request as it was on the wire.
#[derive(Debug, Deserialize)]
pub(crate) struct RawRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    pub(crate) body_base64: Option<String>,
    pub(crate) body_file: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) body: Vec<u8>,
}

impl RawRequest {
    /// The scheme and authority of the URL, as an operator would configure them.
    pub(crate) fn public_url(&self) -> &str {
        &self.url[..self.authority_end()]
    }

    /// The head as a server gets it. The error says what part no server accepts.
    pub(crate) fn head(&self) -> Result<Parts, String> {
        let mut request = Request::new(());
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).map_err(|_| "its method".to_owned())?;
        *request.uri_mut() = Uri::try_from(self.target().as_bytes()).map_err(|_| "its URL".to_owned())?;
        for (name, value) in &self.headers {
            let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()));
            let (Ok(name), Ok(value)) = pair else {
                return Err(format!("its header `{}`", name.escape_debug()));
            };
            request.headers_mut().try_append(name, value).map_err(|_| "so many headers".to_owned())?;
        }
        Ok(request.into_parts().0)
    }

    /// The path and query. A URL without a path means `/`.
    fn target(&self) -> String {
        let target = self.url[self.authority_end()..].split('#').next().unwrap_or_default();
        if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }
    }

    fn authority_end(&self) -> usize {
        let start = self.url.find("://").map_or(0, |at| at + 3);
        self.url[start..].find(['/', '?', '#']).map_or(self.url.len(), |at| start + at)
    }
}

//! Reads saved requests: as they were on the wire, from a HAR file, a curl command, or a vector file.

mod curl;
mod har;
mod raw;
mod vector;

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::Path,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use countersign::{Scheme, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST, request::Parts};
use serde_json::Value as Json;

pub(crate) use self::raw::Length;
use crate::{endpoint_args::EndpointArgs, failure::Failure, scheme_source::unreadable};

/// The command-line options for a saved request.
#[derive(Debug, Args)]
pub(crate) struct SavedArgs {
    /// The format of the saved request [default: detected]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Which request of a HAR or vector file, counted from 1
    #[arg(long, value_name = "NUMBER")]
    entry: Option<usize>,

    /// Which case of a vector file, by its name
    #[arg(long, value_name = "NAME", conflicts_with = "entry")]
    case: Option<String>,
}

/// A saved request, and what was saved with it about the endpoint.
pub(crate) struct Saved {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) endpoint: SavedEndpoint,
}

/// What a vector file says about the endpoint. The command line takes precedence.
#[derive(Default)]
pub(crate) struct SavedEndpoint {
    /// The time of arrival.
    pub(crate) now: Option<Timestamp>,
    /// The secrets, as a user pastes them.
    pub(crate) secrets: Vec<String>,
    public_url: Option<String>,
    settings: Vec<(String, String)>,
}

impl SavedEndpoint {
    /// The options of the command line, completed from the file. Settings that the scheme does not know are left out:
    /// they are notes for the reader of the file.
    pub(crate) fn complete(&self, given: &EndpointArgs, scheme: &Scheme) -> EndpointArgs {
        let mut endpoint = given.clone();
        endpoint.public_url = endpoint.public_url.or_else(|| self.public_url.clone());
        let is_open = |(name, _): &&(String, String)| {
            scheme.settings().any(|(known, _)| known == name) && given.settings.iter().all(|(other, _)| other != name)
        };
        endpoint.settings.extend(self.settings.iter().filter(is_open).cloned());
        endpoint
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// The bytes that were on the wire
    Raw,
    /// A HAR file, as browsers and proxies export it
    Har,
    /// A curl command, as browsers copy it
    Curl,
    /// A file of signed requests, as `countersign vectors` reads it
    Vector,
}

/// Reads the request in a file, or on standard input.
pub(crate) fn read(path: Option<&Path>, args: &SavedArgs, length: Length) -> Result<Saved, Failure> {
    let file = path.filter(|path| *path != "-");
    let (name, bytes) = match file {
        Some(path) => (path.display().to_string(), fs::read(path).map_err(|error| unreadable(path, &error))?),
        None => ("standard input".to_owned(), stdin("request", path.is_some())?),
    };
    // A byte order mark comes from an editor: no request begins with one.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let wrong = |problem: String| Failure::new(format!("{name}: {problem}"));
    let format = args.format.unwrap_or_else(|| look(bytes));
    let unfit = match format {
        Format::Raw | Format::Curl => args.entry.map(|_| "--entry").or(args.case.as_ref().map(|_| "--case")),
        Format::Har => args.case.as_ref().map(|_| "--case"),
        Format::Vector => None,
    };
    if let Some(option) = unfit {
        return Err(wrong(format!(
            "{option} is for files with several requests, and this is a single one: leave {option} out"
        )));
    }
    let (parts, body) = match format {
        Format::Raw => raw::parse(bytes, length).map_err(|error| wrong(error.to_string()))?,
        Format::Har => har::parse(bytes, args.entry).map_err(|problem| wrong(problem + or_otherwise(args)))?,
        Format::Curl => curl::parse(bytes).map_err(wrong)?,
        Format::Vector => {
            let folder = file.and_then(Path::parent).unwrap_or(Path::new("."));
            return vector::parse(bytes, folder, args.entry, args.case.as_deref()).map_err(wrong);
        }
    };
    Ok(Saved { parts, body, endpoint: SavedEndpoint::default() })
}

/// Reads all of standard input. It reads from a terminal only if that was `asked_for`.
pub(crate) fn stdin(what: &str, asked_for: bool) -> Result<Vec<u8>, Failure> {
    let mut stdin = io::stdin().lock();
    if !asked_for && stdin.is_terminal() {
        return Err(Failure::new(format!("no {what}: name its file, or `-` to read it from standard input")));
    }
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A hint for a file whose format was detected wrongly.
fn or_otherwise(args: &SavedArgs) -> &'static str {
    if args.format.is_some() { "" } else { " (if it has another format, give it with --format)" }
}

/// Detects the format. No request line begins like the other formats do.
fn look(bytes: &[u8]) -> Format {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"{") {
        let is_vector = serde_json::from_slice::<Json>(text).is_ok_and(|document| document["cases"].is_array());
        if is_vector { Format::Vector } else { Format::Har }
    } else if text.starts_with(b"curl ") || text.starts_with(b"curl.exe ") {
        Format::Curl
    } else {
        Format::Raw
    }
}

/// The head of a request from its method, full URL and headers, as a server would get it.
fn head(method: &str, url: &str, fields: impl IntoIterator<Item = (String, String)>) -> Result<Parts, String> {
    let url: Uri = url.parse().map_err(|_| "the URL of the request is not valid".to_owned())?;
    let too_many = |_| "the request has too many headers".to_owned();
    let mut headers = HeaderMap::new();
    // The pseudo-headers of HTTP/2 repeat the method and the URL.
    for (name, value) in fields.into_iter().filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has an invalid name".to_owned())?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the header `{name}` has a byte that no header may have"))?;
        headers.try_append(name, value).map_err(too_many)?;
    }
    if let Some(host) = url.authority().filter(|_| !headers.contains_key(HOST)) {
        let host = host.as_str().rsplit('@').next().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.try_append(HOST, host).map_err(too_many)?;
        }
    }
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| "the method of the request is not valid".to_owned())?;
    *request.uri_mut() = url.into_parts().path_and_query.map(Uri::from).unwrap_or_default();
    *request.headers_mut() = headers;
    Ok(request.into_parts().0)
}

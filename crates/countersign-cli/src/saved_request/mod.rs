//! Requests that somebody saved: as they were on the wire, in a HAR file, or as a curl command.

mod curl;
mod har;
mod raw;

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::Path,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST, request::Parts};

pub(crate) use self::raw::Length;
use crate::{failure::Failure, scheme_source::unreadable};

/// How a saved request is to be read.
#[derive(Debug, Args)]
pub(crate) struct SavedArgs {
    /// What the request is saved as [default: what it looks like]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Which request of a HAR file, counted from 1
    #[arg(long, value_name = "NUMBER")]
    entry: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// The bytes that were on the wire
    Raw,
    /// A HAR file, as browsers and proxies export it
    Har,
    /// A curl command, as browsers copy it
    Curl,
}

/// Reads the request in a file, or on standard input.
pub(crate) fn read(path: Option<&Path>, args: &SavedArgs, length: Length) -> Result<(Parts, Bytes), Failure> {
    let (name, bytes) = match path.filter(|path| *path != "-") {
        Some(path) => (path.display().to_string(), fs::read(path).map_err(|error| unreadable(path, &error))?),
        None => ("standard input".to_owned(), stdin("request", path.is_some())?),
    };
    let wrong = |problem: String| Failure::new(format!("{name}: {problem}"));
    match args.format.unwrap_or_else(|| look(&bytes)) {
        Format::Raw => raw::parse(&bytes, length).map_err(|error| wrong(error.to_string())),
        Format::Har => har::parse(&bytes, args.entry).map_err(wrong),
        Format::Curl => curl::parse(&bytes).map_err(wrong),
    }
}

/// All of standard input; a terminal only if it was asked for.
pub(crate) fn stdin(what: &str, asked_for: bool) -> Result<Vec<u8>, Failure> {
    let mut stdin = io::stdin().lock();
    if !asked_for && stdin.is_terminal() {
        return Err(Failure::new(format!("no {what}: name its file, or `-` to read it from standard input")));
    }
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// No request line begins as the two others do.
fn look(bytes: &[u8]) -> Format {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"{") {
        Format::Har
    } else if text.starts_with(b"curl ") || text.starts_with(b"curl.exe ") {
        Format::Curl
    } else {
        Format::Raw
    }
}

/// A head of what others wrote down: a whole URL, of which a server gets path and query.
fn head(method: &str, url: &str, fields: impl IntoIterator<Item = (String, String)>) -> Result<Parts, String> {
    let url: Uri = url.parse().map_err(|_| "the URL of the request is none".to_owned())?;
    let mut headers = HeaderMap::new();
    // The pseudo-headers of HTTP/2 say again what method and URL say.
    for (name, value) in fields.into_iter().filter(|(name, _)| !name.starts_with(':')) {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has a name that is none".to_owned())?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the header `{name}` has a forbidden byte"))?;
        headers.append(name, value);
    }
    if let Some(host) = url.authority().filter(|_| !headers.contains_key(HOST)) {
        let host = host.as_str().rsplit('@').next().unwrap_or_default();
        headers.extend(HeaderValue::from_str(host).ok().map(|host| (HOST, host)));
    }
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| "the method of the request is none".to_owned())?;
    *request.uri_mut() = url.into_parts().path_and_query.map(Uri::from).unwrap_or_default();
    *request.headers_mut() = headers;
    Ok(request.into_parts().0)
}

//! The URL under which the provider knows the endpoint.

use std::fmt;

use http::Uri;

use crate::scheme::{UrlForm, UrlRule};

/// The public URL of an endpoint, for the schemes that sign it.
///
/// It is configured, never taken from a request: the `Host` header is the sender's to choose. With a path, it is the
/// whole URL that was given to the provider; without one, the path is that of the request. The query is always that of
/// the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// `http` or `https`.
    scheme: String,
    /// The host, with user information in front of it if there is any.
    host: String,
    port: Option<String>,
    path: Option<String>,
}

/// Why a text is not a public URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrlError {
    problem: &'static str,
}

impl fmt::Display for PublicUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected a URL such as `https://hooks.example.com/stripe`", self.problem)
    }
}

impl std::error::Error for PublicUrlError {}

impl PublicUrl {
    /// Reads a URL byte for byte: nothing is normalised, because the provider signs what it was given.
    ///
    /// # Errors
    ///
    /// If it is not an `http` or `https` URL, has no host, or has a query or fragment.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let fail = |problem| Err(PublicUrlError { problem });
        let Some((scheme, rest)) = text.split_once("://") else {
            return fail("the public URL has no scheme");
        };
        if scheme != "http" && scheme != "https" {
            return fail("the public URL's scheme is neither `http` nor `https`");
        }
        if rest.contains(['?', '#']) {
            return fail("the public URL has a query or fragment; the query comes from the request");
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return fail("the public URL contains white space");
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => (&rest[..slash], Some(&rest[slash..]).filter(|path| *path != "/")),
            None => (rest, None),
        };
        let (host, port) = split_port(authority);
        if host.rsplit('@').next().is_none_or(str::is_empty) {
            return fail("the public URL has no host");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return fail("the public URL's port is not a number up to 65535");
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: port.map(str::to_owned),
            path: path.map(str::to_owned),
        })
    }

    /// The path that is signed for a request to `uri`.
    pub(crate) fn path<'a>(&'a self, uri: &'a Uri) -> &'a str {
        self.path.as_deref().unwrap_or(uri.path())
    }

    /// The host, and the port if the URL names one.
    pub(crate) fn write_host(&self, write: &mut impl FnMut(&[u8])) {
        write(self.host.rsplit('@').next().unwrap_or_default().as_bytes());
        if let Some(port) = &self.port {
            write(b":");
            write(port.as_bytes());
        }
    }

    /// The whole URL of a request to `uri`, in one of its forms.
    pub(crate) fn write_url(&self, uri: &Uri, form: UrlForm, rule: &UrlRule, write: &mut impl FnMut(&[u8])) {
        write(self.scheme.as_bytes());
        write(b"://");
        write(self.host.as_bytes());
        if let Some(port) = self.port_of(form) {
            write(b":");
            write(port.as_bytes());
        }
        let mut write = |text: &str| match form {
            UrlForm::Decoded => write(decode_some(text, &rule.decode).as_bytes()),
            _ => write(text.as_bytes()),
        };
        write(self.path(uri));
        if let Some(query) = uri.query() {
            write("?");
            write(query);
        }
    }

    fn port_of(&self, form: UrlForm) -> Option<&str> {
        let default = if self.scheme == "https" { "443" } else { "80" };
        match form {
            UrlForm::AsIs | UrlForm::Decoded => self.port.as_deref(),
            UrlForm::WithPort => Some(self.port.as_deref().unwrap_or(default)),
            UrlForm::WithoutPort => None,
        }
    }
}

/// Splits `host:port`; the colons of a bracketed IPv6 address or of user information are not the port's.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains([']', '@']) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Decodes the percent-escapes of the listed characters and leaves all others as they are.
fn decode_some(text: &str, listed: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let decoded = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        if let Some(c) = decoded.filter(|c| listed.contains(*c)) {
            plain.push(c);
            rest = &after[2..];
        } else {
            plain.push('%');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

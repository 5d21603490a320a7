//! The public URL of an endpoint, as the provider knows it.

use std::fmt;

use http::Uri;

use crate::scheme::{UrlForm, UrlRule};

/// The public URL of an endpoint. See [`VerifierBuilder::public_url`](crate::VerifierBuilder::public_url).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    /// `http` or `https`.
    scheme: String,
    /// The host, after the user information if there is any.
    host: String,
    port: Option<String>,
    path: Option<String>,
}

impl fmt::Debug for PublicUrl {
    /// Without the user information, which is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicUrl({}://", self.scheme)?;
        f.write_str(self.host.rsplit('@').next().unwrap_or_default())?;
        if let Some(port) = &self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{})", self.path.as_deref().unwrap_or_default())
    }
}

/// Why a text is not a public URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrlError {
    problem: &'static str,
}

impl fmt::Display for PublicUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected a URL such as `https://hooks.example.com/in`", self.problem)
    }
}

impl std::error::Error for PublicUrlError {}

impl PublicUrl {
    /// Parses a URL byte for byte. Nothing is normalised, because the provider signs the URL that it was given.
    ///
    /// # Errors
    ///
    /// If it is not an `http` or `https` URL, has no host, or has a query or fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, PublicUrlError> {
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
        if !port.is_none_or(is_port) {
            return fail("the public URL's port is not a number from 1 to 65535");
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: port.map(str::to_owned),
            path: path.map(str::to_owned),
        })
    }

    /// The signed path of a request to `uri`.
    pub(crate) fn path<'a>(&'a self, uri: &'a Uri) -> &'a str {
        self.path.as_deref().unwrap_or(uri.path())
    }

    /// Writes the host, and the port if the URL has one.
    pub(crate) fn write_host(&self, write: &mut dyn FnMut(&[u8])) {
        write(self.host.rsplit('@').next().unwrap_or_default().as_bytes());
        if let Some(port) = &self.port {
            write(b":");
            write(port.as_bytes());
        }
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host in lower case, and the port if it is not the scheme's default (RFC 9110 section 4.2.3).
    pub(crate) fn authority(&self) -> String {
        let host = self.host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        match &self.port {
            Some(port) if port != self.default_port() => format!("{host}:{port}"),
            _ => host,
        }
    }

    /// Writes the whole URL of a request to `uri`, in one of its forms.
    pub(crate) fn write_url(&self, uri: &Uri, form: UrlForm, rule: &UrlRule, write: &mut dyn FnMut(&[u8])) {
        self.write_base(uri, form, rule, write);
        if let Some(query) = uri.query() {
            write(b"?");
            match form {
                UrlForm::Decoded => write(decode_some(query, &rule.decode).as_bytes()),
                _ => write(query.as_bytes()),
            }
        }
    }

    /// Writes the same URL without the query.
    pub(crate) fn write_base(&self, uri: &Uri, form: UrlForm, rule: &UrlRule, write: &mut dyn FnMut(&[u8])) {
        write(self.scheme.as_bytes());
        write(b"://");
        write(self.host.as_bytes());
        if let Some(port) = self.port_of(form) {
            write(b":");
            write(port.as_bytes());
        }
        match form {
            UrlForm::Decoded => write(decode_some(self.path(uri), &rule.decode).as_bytes()),
            _ => write(self.path(uri).as_bytes()),
        }
    }

    fn default_port(&self) -> &'static str {
        if self.scheme == "https" { "443" } else { "80" }
    }

    fn port_of(&self, form: UrlForm) -> Option<&str> {
        match form {
            UrlForm::AsIs | UrlForm::Decoded => self.port.as_deref(),
            UrlForm::WithPort => Some(self.port.as_deref().unwrap_or(self.default_port())),
            UrlForm::WithoutPort => None,
        }
    }
}

/// Whether it is a number from 1 to 65535, in digits only and without leading zeros: `str::parse` accepts `+443` and
/// `00443` as well.
pub(crate) fn is_port(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_plain && text.parse::<u16>().is_ok()
}

/// Splits `host:port`. A colon of a bracketed IPv6 address or of user information does not begin the port.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(public: &str, requested: &str, form: UrlForm, decode: &str) -> String {
        let rule = UrlRule { forms: vec![form], decode: decode.to_owned() };
        let mut url = Vec::new();
        let uri: Uri = requested.parse().unwrap();
        PublicUrl::parse(public).unwrap().write_url(&uri, form, &rule, &mut |piece| url.extend_from_slice(piece));
        String::from_utf8(url).unwrap()
    }

    #[test]
    fn path_and_query_are_those_of_the_request_unless_the_url_has_a_path() {
        let as_is = |public, requested| written(public, requested, UrlForm::AsIs, "");
        assert_eq!(as_is("https://a.example", "/x?b=1&a=%20"), "https://a.example/x?b=1&a=%20");
        assert_eq!(as_is("https://a.example/", "/x?"), "https://a.example/x?");
        assert_eq!(as_is("https://a.example/hooks/x", "/x?b=1"), "https://a.example/hooks/x?b=1");
        assert_eq!(as_is("https://A.example:8443", "http://evil.example/x"), "https://A.example:8443/x");
    }

    #[test]
    fn only_a_port_is_added_or_removed_and_no_part_of_an_address_or_password() {
        let with = |public| written(public, "/a", UrlForm::WithPort, "");
        let without = |public| written(public, "/a", UrlForm::WithoutPort, "");
        assert_eq!(with("https://a.example"), "https://a.example:443/a");
        assert_eq!(with("http://a.example"), "http://a.example:80/a");
        assert_eq!(with("https://u:p@a.example"), "https://u:p@a.example:443/a");
        assert_eq!(without("https://u:p@a.example:8443"), "https://u:p@a.example/a");
        assert_eq!(without("https://[2001:db8::1]:8443"), "https://[2001:db8::1]/a");
        assert_eq!(with("https://[2001:db8::1]"), "https://[2001:db8::1]:443/a");
    }

    #[test]
    fn only_listed_escapes_are_decoded() {
        let decoded = |requested| written("https://a.example", requested, UrlForm::Decoded, ":/@");
        assert_eq!(decoded("/a%3Ab%2fc%20d%"), "https://a.example/a:b/c%20d%");
        assert_eq!(decoded("/a?b=%40%2525%+f"), "https://a.example/a?b=@%2525%+f");
    }

    #[test]
    fn debug_output_leaves_out_the_user_information() {
        let url = PublicUrl::parse("https://user:hunter2@a.example:8443/x").unwrap();
        assert_eq!(format!("{url:?}"), "PublicUrl(https://a.example:8443/x)");
    }

    #[test]
    fn a_text_that_is_no_public_url_is_refused() {
        for text in [
            "",
            "hooks.example.com",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://:443",
            "https://a.example:x",
            "https://a.example:65536",
            "https://a.example/x?y",
            "https://a.example#x",
            "https://a b.example",
            "https://u@",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}

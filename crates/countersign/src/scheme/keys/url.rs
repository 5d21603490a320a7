//! `UrlTemplate`: the URL of published keys in a scheme file, and the rules for any URL of keys.

use std::fmt;

use crate::{
    public_url::is_port,
    scheme::{
        is_url_byte,
        template::{Piece, TemplateError, pieces},
    },
};

/// A URL with placeholders for the key's id and for settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate(Vec<UrlPiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum UrlPiece {
    Literal(String),
    KeyId,
    Setting(String),
}

impl UrlTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let parse = |piece: &Piece<'_>| match *piece {
            Piece::Literal(text) => Ok(UrlPiece::Literal(text.to_owned())),
            Piece::Placeholder { name: "key-id", argument: None, .. } => Ok(UrlPiece::KeyId),
            Piece::Placeholder { name: "setting", argument: Some(name), .. } => Ok(UrlPiece::Setting(name.to_owned())),
            Piece::Placeholder { offset, .. } => {
                Err(TemplateError::new(offset, "expected `{key-id}` or `{setting:NAME}`"))
            }
        };
        let template = Self(pieces(text)?.iter().map(parse).collect::<Result<_, _>>()?);
        // With sample values, it must pass the same checks as later with real ones.
        let starts_with_setting = matches!(template.0.first(), Some(UrlPiece::Setting(_)));
        let sample = template.write(Some(SAMPLE_ID), |_| Some("sample.example"));
        if !starts_with_setting && sample.is_none() {
            return Err(TemplateError::new(0, "expected a URL that begins with `https://` and the name of a host"));
        }
        Ok(template)
    }

    pub(crate) fn settings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            UrlPiece::Setting(name) => Some(name.as_str()),
            UrlPiece::Literal(_) | UrlPiece::KeyId => None,
        })
    }

    pub(crate) fn has_key_id(&self) -> bool {
        self.0.contains(&UrlPiece::KeyId)
    }

    /// The URL for a key; `None` if the result is not a valid URL of keys. The id must come after the host, and only
    /// consists of characters without a special meaning there.
    pub(crate) fn write<'a>(&self, id: Option<&str>, setting: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut url = String::new();
        for piece in &self.0 {
            match piece {
                UrlPiece::Literal(text) => url.push_str(text),
                // At the beginning, a setting may be a whole URL; later, only a plain word.
                UrlPiece::Setting(name) => url.push_str(setting(name).filter(|text| url.is_empty() || is_word(text))?),
                UrlPiece::KeyId => {
                    let has_authority = url.strip_prefix(HTTPS).is_some_and(|rest| rest.contains('/'));
                    url.push_str(id.filter(|id| has_authority && is_key_id(id))?);
                }
            }
        }
        is_plain_https(&url).then_some(url)
    }
}

const HTTPS: &str = "https://";

const SAMPLE_ID: &str = "id";

/// The longest URL, in bytes.
const MAX_URL: usize = 1024;

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether an id is safe in a URL: no escapes, no separators, and no `..`.
fn is_key_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && !id.starts_with('.') && is_word(id)
}

/// Whether it is `https://`, a host name, optionally a port, a path, and optionally a query. No user, no fragment, no
/// address in place of the name.
pub(crate) fn is_plain_https(url: &str) -> bool {
    let Some(rest) = url.strip_prefix(HTTPS).filter(|_| url.len() <= MAX_URL) else { return false };
    let (authority, behind) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let path = behind.split('?').next().unwrap_or_default();
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    is_name(host)
        && port.is_none_or(is_port)
        && !behind.is_empty()
        && !has_dots
        && behind.bytes().all(|byte| is_url_byte(byte) && byte != b'#')
}

/// Whether it is a host name in lower case, and not an address.
pub(crate) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    // The last label of an address is a number, in any base: RFC 3986 section 3.2.2, WHATWG URL section 3.1.
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.split('.').all(is_label)
        && last.bytes().any(|byte| byte.is_ascii_lowercase())
        && !last.starts_with("0x")
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            UrlPiece::Literal(text) => f.write_str(text),
            UrlPiece::KeyId => f.write_str("{key-id}"),
            UrlPiece::Setting(name) => write!(f, "{{setting:{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_urls_of_named_hosts_are_fetched_from() {
        for url in ["https://a.example/", "https://a.example:8443/keys?v=1", "https://keys/x@y"] {
            assert!(is_plain_https(url), "{url}");
        }
        for url in [
            "http://a.example/",
            "https://a.example",
            "https://u@a.example/",
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a.example:/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://127.0.0.0x1/",
            "https://[::1]/",
            "https://A.example/",
            "https://a..example/",
            "https://a.example./",
            "https://a.example/#x",
            "https://a.example/a/../b",
            "https://a.example/a b",
            "https://a.example\\@b.example/",
        ] {
            assert!(!is_plain_https(url), "{url}");
        }
    }

    #[test]
    fn an_id_cannot_change_the_rest_of_the_url() {
        let template = UrlTemplate::parse("https://a.example/keys/{key-id}").unwrap();
        let write = |id: &str| template.write(Some(id), |_| None);
        assert_eq!(write("b3d9-1").as_deref(), Some("https://a.example/keys/b3d9-1"));
        for id in ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a@b", "ä", "a b", &"a".repeat(129)] {
            assert_eq!(write(id), None, "{id}");
        }
        assert!(UrlTemplate::parse("https://{key-id}.example/").is_err());
        assert!(UrlTemplate::parse("http://a.example/").is_err());
    }
}

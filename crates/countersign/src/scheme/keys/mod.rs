//! `KeySource`: where a provider publishes its public keys, and how a request names one of them.

mod pattern;
mod url;

use std::fmt;

pub(crate) use self::{
    pattern::{Pattern, SLOT, Slot},
    url::{UrlTemplate, is_name, is_plain_https},
};
use super::Source;
use crate::json::Pointer;

/// Where a provider publishes the keys that verify its signatures, and how a request names one.
///
/// An endpoint that has such a key as its secret does not need this. To fetch keys, see
/// [`Unkeyed`](crate::Unkeyed).
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "public-key"), expect(dead_code, reason = "only certificates need some fields"))]
pub struct KeySource {
    pub(crate) format: KeyFormat,
    pub(crate) place: KeyPlace,
    pub(crate) id: KeyIdRule,
    /// The name for which a certificate must be issued, with a chain to a trusted root.
    pub(crate) issued_to: Option<String>,
    pub(crate) bearer: Option<String>,
}

/// The format of the published keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyFormat {
    /// A set of JSON Web Keys, RFC 7517 section 5.
    Jwks,
    /// An X.509 certificate in PEM, and perhaps those of its issuers behind it.
    Certificate,
    /// A public key in PEM, or in base64.
    Pem,
    /// A public key as a text in a JSON document.
    Json(Pointer),
}

/// The URL of the published keys.
#[derive(Clone, Debug)]
pub(crate) enum KeyPlace {
    /// The URL is in the scheme file.
    Fixed(UrlTemplate),
    /// The URL is in the request, and must have one of these hosts and this path.
    Named { source: Source, hosts: Vec<Pattern>, path: Pattern },
}

/// How a request names the key.
#[derive(Clone, Debug)]
pub(crate) enum KeyIdRule {
    /// It does not: any of the published keys may have signed.
    None,
    /// By the `kid` in the header of its token (RFC 7515 section 4.1.4), if that has one.
    Token { is_in_body: bool },
    /// By the text at this place.
    At(Source),
}

impl KeySource {
    /// Whether the request names the key in its body, so that the key can be fetched only after the whole body arrived.
    pub fn is_named_in_body(&self) -> bool {
        let in_body = |source: &Source| source.is_in_body();
        let place = match &self.place {
            KeyPlace::Fixed(_) => false,
            KeyPlace::Named { source, .. } => in_body(source),
        };
        let id = match &self.id {
            KeyIdRule::None => false,
            KeyIdRule::Token { is_in_body } => *is_in_body,
            KeyIdRule::At(source) => in_body(source),
        };
        place || id
    }

    /// Whether the document is a set of keys, from which the request's key id selects one.
    pub fn is_set(&self) -> bool {
        self.format == KeyFormat::Jwks
    }

    /// Whether the URL depends on the request, which names the URL itself or a key id in it.
    pub fn is_url_named(&self) -> bool {
        match &self.place {
            KeyPlace::Fixed(template) => template.has_key_id(),
            KeyPlace::Named { .. } => true,
        }
    }

    /// Returns the scheme file's description of the credential that fetching the keys requires, sent as
    /// `Authorization: Bearer`. `None` if the keys are public.
    pub fn bearer(&self) -> Option<&str> {
        self.bearer.as_deref()
    }

    /// Whether certificates are published. They are checked against the clock and, if they come with their issuers or
    /// the scheme names `issued_to`, against trusted roots.
    pub fn is_certificate(&self) -> bool {
        self.format == KeyFormat::Certificate
    }

    /// The settings in the URL.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &str> {
        let template = match &self.place {
            KeyPlace::Fixed(template) => Some(template),
            KeyPlace::Named { .. } => None,
        };
        template.into_iter().flat_map(UrlTemplate::settings)
    }
}

impl fmt::Display for KeySource {
    /// Writes the URL, or the rule that a URL from the request must match.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            KeyPlace::Fixed(template) => template.fmt(f),
            KeyPlace::Named { source, hosts, path } => {
                write!(f, "the URL in {source}, if it is https://")?;
                for (at, host) in hosts.iter().enumerate() {
                    write!(f, "{}{host}", if at == 0 { "" } else { " or https://" })?;
                    path.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

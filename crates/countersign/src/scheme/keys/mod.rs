//! Where a provider publishes its public keys, and how a request names one of them.

mod pattern;
mod url;

use std::fmt;

pub(crate) use self::{
    pattern::{Pattern, SLOT, Slot},
    url::{UrlTemplate, is_name, is_plain_https},
};
use super::Source;
use crate::json::Pointer;

/// Where a provider publishes the keys that its signatures are proven with, and how a request names one.
///
/// An endpoint may be given such a key as its secret, and then needs nothing of this. To fetch them, see
/// [`Unkeyed`](crate::Unkeyed).
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "public-key"), expect(dead_code, reason = "what only certificates need stands idle"))]
pub struct KeySource {
    pub(crate) format: KeyFormat,
    pub(crate) place: KeyPlace,
    pub(crate) id: KeyIdRule,
    /// The name for which a certificate must have been issued, under a root that is trusted.
    pub(crate) issued_to: Option<String>,
    pub(crate) bearer: Option<String>,
}

/// How the keys are written there.
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

/// At which URL they stand.
#[derive(Clone, Debug)]
pub(crate) enum KeyPlace {
    /// At one that the file tells.
    Fixed(UrlTemplate),
    /// At one that the request tells, if it has one of these hosts and this path.
    Named { source: Source, hosts: Vec<Pattern>, path: Pattern },
}

/// How a request names the key.
#[derive(Clone, Debug)]
pub(crate) enum KeyIdRule {
    /// It does not: every key that is there may have signed.
    None,
    /// By the `kid` in the header of its token (RFC 7515 section 4.1.4), if that has one.
    Token { is_in_body: bool },
    /// By the text at this place.
    At(Source),
}

impl KeySource {
    /// Whether the request names the key in its body, so that it can only be fetched when all of that is there.
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

    /// Whether a document has many keys, of which the request's key id tells one.
    pub fn is_set(&self) -> bool {
        self.format == KeyFormat::Jwks
    }

    /// Whether the URL depends on the request: it names the URL itself, or the id of a key that stands in it.
    pub fn is_url_named(&self) -> bool {
        match &self.place {
            KeyPlace::Fixed(template) => template.has_key_id(),
            KeyPlace::Named { .. } => true,
        }
    }

    /// What the provider wants to see before it tells its keys, in the words of the scheme file: a credential, sent as
    /// `Authorization: Bearer`. `None` if anybody may read them.
    pub fn bearer(&self) -> Option<&str> {
        self.bearer.as_deref()
    }

    /// Whether certificates come from there, which are held against the clock and, if they bring their issuers along,
    /// against trusted roots.
    pub fn is_certificate(&self) -> bool {
        self.format == KeyFormat::Certificate
    }

    /// The settings that the URL has.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &str> {
        let template = match &self.place {
            KeyPlace::Fixed(template) => Some(template),
            KeyPlace::Named { .. } => None,
        };
        template.into_iter().flat_map(UrlTemplate::settings)
    }
}

impl fmt::Display for KeySource {
    /// The URL, or the rule that one must obey.
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

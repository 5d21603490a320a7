//! `HttpSignatureRule`: what an HTTP Message Signature must cover and contain.

use std::time::Duration;

use super::{Expected, Source};
use crate::{
    content::Settings,
    http_signature::{Component, HttpAlgorithm, ParameterName},
    public_key::PublicKeyAlgorithm,
};

/// What a signature by RFC 9421 must cover and contain, apart from being valid.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpSignatureRule {
    /// The algorithms that are allowed, either HMAC or some that take a public key; never empty in a scheme of this
    /// kind.
    pub(crate) algorithms: Vec<HttpAlgorithm>,
    /// The components that must be covered.
    pub(crate) components: Vec<Component>,
    /// The label of the signature; without one, exactly one signature may match the rule.
    pub(crate) label: Option<String>,
    /// What `keyid` must be, except for keys with an id of their own.
    pub(crate) key_id: Option<Expected>,
    pub(crate) tag: Option<String>,
    /// The parameters that must be there.
    pub(crate) requires: Vec<ParameterName>,
    /// How far `expires` and a future `created` may differ from the clock.
    pub(crate) leeway: Duration,
    /// How old `created` may be; `created` is then required.
    pub(crate) max_age: Option<Duration>,
}

impl HttpSignatureRule {
    /// The algorithms that take a public key: all, or none.
    pub(super) fn public_key_algorithms(&self) -> impl Iterator<Item = PublicKeyAlgorithm> {
        self.algorithms.iter().filter_map(|algorithm| match algorithm {
            HttpAlgorithm::Public(algorithm) => Some(*algorithm),
            HttpAlgorithm::HmacSha256 => None,
        })
    }

    pub(super) fn covers_body(&self) -> bool {
        self.components.iter().any(Component::is_content_digest)
    }

    pub(super) fn covers(&self, source: &Source) -> bool {
        (source.is_in_body() && self.covers_body()) || self.components.iter().any(|component| component.covers(source))
    }

    pub(super) fn needs_public_url(&self) -> bool {
        self.components.iter().any(Component::needs_public_url)
    }

    /// What `keyid` must be for a key without an id of its own; `None` if it may be anything.
    pub(crate) fn common_key_id<'a>(&'a self, settings: &'a Settings) -> Option<&'a str> {
        match self.key_id.as_ref()? {
            Expected::Text(text) => Some(text),
            // A required setting, so it is configured.
            Expected::Setting(name) => settings.get(name).map(|value| value.as_str()),
            // The reader of scheme files refuses this.
            Expected::Url => None,
        }
    }

    /// The setting that it needs.
    pub(super) fn setting(&self) -> Option<&str> {
        self.key_id.as_ref().and_then(Expected::setting)
    }
}
